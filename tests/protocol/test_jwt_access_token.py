"""JWT access tokens for a named resource (RFC 9068, RFC 8707)."""

import pytest

from idp.domain.errors import Refused
from tests.app import App
from tests.relying_party import RelyingParty, error_of, success

RESOURCE, SECOND = "https://api.example/v1", "https://other.example/"


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app that may name two resources."""
    return app.register_client(resources=(RESOURCE, SECOND))


def test_header_and_claims_of_a_jwt_access_token(app: App, party: RelyingParty) -> None:
    """row 75: RFC 9068, sections 2.1 and 2.2."""
    tokens = party.tokens(app.person(), resource=RESOURCE)
    header, claims = app.verified(tokens["access_token"])
    now = app.clock.now()
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    assert set(claims) == {"iss", "exp", "aud", "sub", "client_id", "iat", "jti", "scope"}
    assert (claims["iss"], claims["aud"], claims["client_id"]) == (app.issuer, RESOURCE, party.id)
    assert (claims["iat"], claims["exp"], claims["scope"]) == (now, now + 300, "openid age")
    assert len(claims["jti"]) >= 22


def test_subject_of_a_jwt_access_token_is_pairwise(app: App, party: RelyingParty) -> None:
    """row 75: RFC 9068, section 6: the client's own pseudonym, another one for another client."""
    person, other = app.person(), app.register_client(resources=(RESOURCE,))
    tokens, others = party.tokens(person, resource=RESOURCE), other.tokens(person, resource=RESOURCE)
    mine, theirs = app.verified(tokens["access_token"])[1], app.verified(others["access_token"])[1]
    assert mine["sub"] == app.verified(tokens["id_token"])[1]["sub"]
    assert mine["sub"] != theirs["sub"]
    assert mine["jti"] != theirs["jti"]


def test_every_jwt_access_token_has_a_jti_of_its_own(app: App, party: RelyingParty) -> None:
    """row 75: RFC 9068, section 2.2."""
    token = party.tokens(app.person(), resource=RESOURCE)["refresh_token"]
    issued = [success(party.refresh(token))["access_token"] for _ in range(4)]
    assert len({app.verified(one)[1]["jti"] for one in issued}) == 4


def test_resource_restricts_the_audience(app: App, party: RelyingParty) -> None:
    """row 76: RFC 8707, section 2.2: each token for one audience, at issue and at refresh."""
    person = app.person()
    at_token = success(party.exchange(party.code(person), resource=SECOND))
    assert app.verified(at_token["access_token"])[1]["aud"] == SECOND
    at_authorize = party.tokens(person, resource=RESOURCE)
    refreshed = success(party.refresh(at_authorize["refresh_token"]))
    assert app.verified(refreshed["access_token"])[1]["aud"] == RESOURCE
    assert party.exchange(party.code(person, resource=RESOURCE), resource=RESOURCE).status_code == 200
    assert error_of(party.exchange(party.code(person, resource=RESOURCE), resource=SECOND)) == "invalid_target"


@pytest.mark.parametrize(
    "resource", ["https://unknown.example/", RESOURCE + "/", RESOURCE + "#f", "/v1", "api", "urn:x", RESOURCE.upper()]
)
def test_unknown_relative_or_fragmented_resource_is_invalid_target(
    app: App, party: RelyingParty, resource: str
) -> None:
    """row 76: RFC 8707, section 2: at the authorization endpoint and at the token endpoint."""
    assert party.refused(app.browser(), resource=resource) == "invalid_target"
    code = party.code(app.person())
    assert error_of(party.exchange(code, resource=resource)) == "invalid_target"
    assert party.exchange(code).status_code == 200


@pytest.mark.parametrize("resource", ["https://api.example/#f", "https://api.example/#", "/relative", "api", "urn:x:y"])
def test_no_other_than_an_absolute_uri_without_fragment_is_registered(app: App, resource: str) -> None:
    """row 76: RFC 8707, section 2."""
    with pytest.raises(Refused) as refused:
        app.register_client(resources=(resource,))
    assert refused.value.reason in ("invalid_client_metadata", "invalid_uri")


def test_client_without_resources_may_name_none(app: App) -> None:
    """row 76: RFC 8707, section 2."""
    assert app.register_client().refused(app.browser(), resource=RESOURCE) == "invalid_target"


def test_token_for_a_resource_is_not_accepted_here(app: App, party: RelyingParty) -> None:
    """row 77: RFC 9068, section 4: this provider is not its audience."""
    token = party.tokens(app.person(), resource=RESOURCE)["access_token"]
    answer = party.userinfo(token)
    assert answer.status_code == 401
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
