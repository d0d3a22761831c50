"""Tokens bound to a DPoP key (RFC 9449, sections 5 to 7 and 10)."""

import pytest

from idp.domain.errors import Refused
from tests.app import App
from tests.relying_party import RelyingParty, error_of, success
from tests.web.visitor import returned

RESOURCE = "https://api.example/"


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """A confidential app that may use DPoP."""
    return app.register_client(resources=(RESOURCE,))


def test_bound_tokens_say_so(app: App, party: RelyingParty) -> None:
    """row 108: RFC 9449, sections 5, 6.1 and 6.2: token_type, cnf in the JWT and in introspection."""
    bound = party.with_dpop()
    assert bound.dpop is not None
    tokens = bound.tokens(app.person())
    assert tokens["token_type"] == "DPoP"
    described = success(party.introspect(tokens["access_token"]))
    assert (described["token_type"], described["cnf"]) == ("DPoP", {"jkt": bound.dpop.jkt})
    named = bound.tokens(app.person(), resource=RESOURCE)
    assert app.verified(named["access_token"])[1]["cnf"] == {"jkt": bound.dpop.jkt}
    plain = party.tokens(app.person())
    assert plain["token_type"] == "Bearer"
    assert "cnf" not in success(party.introspect(plain["access_token"]))


def test_public_clients_refresh_token_is_bound_to_the_same_key(app: App) -> None:
    """row 108: RFC 9449, section 5."""
    public = app.register_client(token_endpoint_auth_method="none")
    bound = public.with_dpop()
    token = bound.tokens(app.person())["refresh_token"]
    assert error_of(public.refresh(token)) == "invalid_grant"
    assert error_of(public.with_dpop().refresh(token)) == "invalid_grant"
    refreshed = success(bound.refresh(token))
    assert refreshed["token_type"] == "DPoP"
    assert bound.userinfo(refreshed["access_token"]).status_code == 200


def test_confidential_client_may_change_its_key_but_not_drop_it(app: App, party: RelyingParty) -> None:
    """row 108: RFC 9449, section 5: it authenticates; new access tokens are bound to the key shown now."""
    first, second = party.with_dpop(), party.with_dpop()
    token = first.tokens(app.person())["refresh_token"]
    refreshed = success(second.refresh(token))
    assert second.userinfo(refreshed["access_token"]).status_code == 200
    assert first.userinfo(refreshed["access_token"]).status_code == 401
    assert error_of(party.refresh(token)) == "invalid_grant"


def test_bound_token_is_refused_as_bearer_without_proof_and_with_another_key(app: App, party: RelyingParty) -> None:
    """row 109: RFC 9449, sections 7.1 and 7.2; UserInfo enforces it."""
    bound, thief = party.with_dpop(), party.with_dpop()
    token = bound.tokens(app.person())["access_token"]
    as_bearer = party.userinfo(token)
    assert as_bearer.status_code == 401 and 'error="invalid_token"' in as_bearer.headers["WWW-Authenticate"]
    in_body = app.send("POST", "/userinfo", {"access_token": token})
    assert in_body.status_code == 401
    bare = app.send("GET", "/userinfo", headers={"Authorization": f"DPoP {token}"})
    assert bare.status_code == 401
    assert bare.headers["WWW-Authenticate"].startswith('DPoP realm="blindage", error="invalid_dpop_proof"')
    assert 'algs="ES256 EdDSA Ed25519 RS256"' in bare.headers["WWW-Authenticate"]
    stolen = thief.userinfo(token)
    assert stolen.status_code == 401 and 'error="invalid_token"' in stolen.headers["WWW-Authenticate"]
    assert bound.userinfo(token).status_code == 200
    assert bound.userinfo(token, "POST").status_code == 200


def test_bearer_token_is_refused_under_the_dpop_scheme(app: App, party: RelyingParty) -> None:
    """row 109: RFC 9449, section 7.1: a proof beside it makes it no bound token."""
    token = party.tokens(app.person())["access_token"]
    assert party.with_dpop().userinfo(token).status_code == 401
    assert party.userinfo(token).status_code == 200


def test_bearer_with_a_proof_header_for_a_bound_token_is_refused(app: App, party: RelyingParty) -> None:
    """row 109: RFC 9449, section 7.2: no downgrade to Bearer, even with a right proof beside it."""
    bound = party.with_dpop()
    assert bound.dpop is not None
    token = bound.tokens(app.person())["access_token"]
    proof = bound.dpop.proof("GET", "/userinfo", token)
    answer = app.send("GET", "/userinfo", headers={"Authorization": f"Bearer {token}", "DPoP": proof})
    assert answer.status_code == 401


def test_dpop_jkt_binds_the_code(app: App, party: RelyingParty) -> None:
    """row 111: RFC 9449, section 10."""
    bound, other = party.with_dpop(), party.with_dpop()
    assert bound.dpop is not None
    code = party.code(app.person(), dpop_jkt=bound.dpop.jkt)
    assert error_of(party.exchange(code)) == "invalid_grant"
    assert error_of(other.exchange(code)) == "invalid_grant"
    assert success(bound.exchange(code))["token_type"] == "DPoP"


def test_proof_at_par_binds_the_code(app: App, party: RelyingParty) -> None:
    """row 111: RFC 9449, section 10.1."""
    bound, other = party.with_dpop(), party.with_dpop()
    person = app.person()
    uri = (bound.push().json or {})["request_uri"]
    answer = person.browser.get(f"/authorize?client_id={party.id}&request_uri={uri}")
    code = returned(person.browser.complete(answer, person.username))["code"]
    assert error_of(other.exchange(code)) == "invalid_grant"
    assert error_of(party.exchange(code)) == "invalid_grant"
    assert success(bound.exchange(code))["token_type"] == "DPoP"


def test_parameter_and_proof_at_par_must_agree(app: App, party: RelyingParty) -> None:
    """row 111: RFC 9449, section 10.1."""
    bound, other = party.with_dpop(), party.with_dpop()
    assert bound.dpop is not None and other.dpop is not None
    assert bound.push(dpop_jkt=bound.dpop.jkt).status_code == 201
    assert error_of(bound.push(dpop_jkt=other.dpop.jkt)) == "invalid_request"


@pytest.mark.parametrize("jkt", ["x", "A" * 42, "A" * 44, "A" * 42 + "=", "é" * 43, "A" * 42 + "\n"])
def test_malformed_dpop_jkt_is_invalid_request(app: App, party: RelyingParty, jkt: str) -> None:
    """row 111: RFC 9449, section 10: a SHA-256 thumbprint has 43 characters."""
    assert party.refused(app.browser(), dpop_jkt=jkt) == "invalid_request"


def test_client_registered_for_bound_tokens_must_prove_a_key(app: App) -> None:
    """row 112: RFC 9449, section 5.2: at code and refresh alike; the code stays good for the right request."""
    party = app.register_client(dpop_bound_access_tokens=True)
    bound = party.with_dpop()
    code = party.code(app.person())
    assert error_of(party.exchange(code)) == "invalid_dpop_proof"
    tokens = success(bound.exchange(code))
    assert tokens["token_type"] == "DPoP"
    assert error_of(party.refresh(tokens["refresh_token"])) == "invalid_dpop_proof"
    assert bound.refresh(tokens["refresh_token"]).status_code == 200


def test_algorithms_of_proofs_are_advertised(app: App) -> None:
    """row 112: RFC 9449, section 5.1."""
    document = app.json("/.well-known/openid-configuration")
    assert set(document["dpop_signing_alg_values_supported"]) == {"ES256", "EdDSA", "Ed25519", "RS256"}
    with pytest.raises(Refused):
        app.register_client(token_endpoint_auth_method="tls_client_auth", dpop_bound_access_tokens=True)
