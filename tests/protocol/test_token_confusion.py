"""Every kind of token at every input that takes another kind (RFC 8725, section 3.11; RFC 9068, section 4)."""

import pytest

from crypto.jwt import JwtSigner
from tests.app import App, Person
from tests.assertion_client import AssertionKey, assertion_claims, assertion_form, key_set
from tests.relying_party import RelyingParty, error_of

RESOURCE = "https://api.example/"
KEY = AssertionKey("ES256")


@pytest.fixture(scope="module")
def person(app: App) -> Person:
    """Somebody signed in."""
    return app.signed_in()


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app for which every kind of JWT is made."""
    return app.register_client(
        resources=(RESOURCE,), userinfo_signed_response_alg="RS256", introspection_signed_response_alg="RS256",
        post_logout_redirect_uris=("https://app.example/out",),
    )  # fmt: skip


@pytest.fixture(scope="module")
def kinds(app: App, party: RelyingParty, person: Person) -> dict[str, str]:
    """One good token of each kind, all of one client and person."""
    tokens = party.tokens(person)
    named = party.tokens(person, resource=RESOURCE)
    signer: JwtSigner = app.provider.keys.signer("RS256")
    claims, now = app.verified(tokens["id_token"])[1], app.clock.now()
    events = {"http://schemas.openid.net/event/backchannel-logout": {}}
    logout = {"iss": app.issuer, "aud": party.id, "sub": claims["sub"], "iat": now, "exp": now + 120, "events": events}
    proof = party.with_dpop().dpop
    assert proof is not None
    return {
        "ID token": tokens["id_token"],
        "access token": tokens["access_token"],
        "refresh token": tokens["refresh_token"],
        "code": party.code(person),
        "JWT access token": named["access_token"],
        "UserInfo response": party.userinfo(tokens["access_token"]).text,
        "introspection response": party.introspect(tokens["access_token"]).text,
        "logout token": signer.sign({**logout, "jti": "j"}, typ="logout+jwt"),
        "security event": signer.sign({**logout, "jti": "j"}, typ="secevent+jwt"),
        "DPoP proof": proof.proof("GET", "/userinfo", tokens["access_token"]),
        "client assertion": KEY.sign(assertion_claims(party.id, app.issuer, now)),
    }


def _all_but(*names: str) -> list[str]:
    every = [
        "ID token", "access token", "refresh token", "code", "JWT access token", "UserInfo response",
        "introspection response", "logout token", "security event", "DPoP proof", "client assertion",
    ]  # fmt: skip
    return [name for name in every if name not in names]


@pytest.mark.parametrize("kind", _all_but("access token"))
def test_only_an_access_token_opens_userinfo(party: RelyingParty, kinds: dict[str, str], kind: str) -> None:
    """row 77: an ID token is never an access token."""
    assert party.userinfo(kinds[kind]).status_code == 401


@pytest.mark.parametrize("kind", _all_but("access token", "refresh token", "JWT access token"))
def test_only_what_was_issued_as_a_token_is_active(
    app: App, party: RelyingParty, kinds: dict[str, str], kind: str
) -> None:
    """row 77: RFC 7662, section 2.2."""
    answer = app.verified(party.introspect(kinds[kind]).text)[1]
    assert answer["token_introspection"] == {"active": False}


@pytest.mark.parametrize("kind", _all_but("ID token"))
def test_only_an_id_token_is_a_hint_at_authorize(
    party: RelyingParty, person: Person, kinds: dict[str, str], kind: str
) -> None:
    """row 77: a UserInfo response has iss, aud and sub as well, and is still no ID token."""
    assert party.refused(person.browser, id_token_hint=kinds[kind]) == "invalid_request"


@pytest.mark.parametrize("kind", _all_but("ID token"))
def test_only_an_id_token_is_a_hint_at_logout(person: Person, kinds: dict[str, str], kind: str) -> None:
    """row 77: OpenID Connect RP-Initiated Logout 1.0, section 4: an error page, and nobody is signed out."""
    answer = person.browser.get(f"/logout?id_token_hint={kinds[kind]}")
    assert answer.status_code == 400
    assert person.browser.get("/account").status_code == 200


@pytest.mark.parametrize("kind", _all_but("code"))
def test_only_a_code_is_redeemed(party: RelyingParty, kinds: dict[str, str], kind: str) -> None:
    """row 77: sealed for another purpose is not sealed for this one."""
    assert error_of(party.exchange(kinds[kind])) == "invalid_grant"


@pytest.mark.parametrize("kind", _all_but("refresh token"))
def test_only_a_refresh_token_refreshes(party: RelyingParty, kinds: dict[str, str], kind: str) -> None:
    """row 77: the same for refresh tokens."""
    assert error_of(party.refresh(kinds[kind])) == "invalid_grant"


@pytest.mark.parametrize("kind", _all_but())
def test_no_other_token_is_a_dpop_proof(party: RelyingParty, kinds: dict[str, str], kind: str) -> None:
    """row 77: RFC 9449, section 4.3: nor is a proof for one address one for another."""
    form = {"grant_type": "refresh_token", "refresh_token": kinds["refresh token"]}
    assert error_of(party.post("/token", form, headers={"DPoP": kinds[kind]})) == "invalid_dpop_proof"


@pytest.mark.parametrize("kind", _all_but("client assertion"))
def test_no_other_token_authenticates_a_client(app: App, kinds: dict[str, str], kind: str) -> None:
    """row 77: RFC 7523, section 3."""
    keyed = app.register_client(token_endpoint_auth_method="private_key_jwt", jwks=key_set(KEY))
    form = assertion_form(kinds[kind], grant_type="refresh_token", refresh_token="x")
    assert error_of(app.send("POST", "/token", form), 401) == "invalid_client"
    good = assertion_form(KEY.sign(assertion_claims(keyed.id, app.issuer, app.clock.now())))
    assert error_of(app.send("POST", "/token", {**good, "grant_type": "refresh_token", "refresh_token": "x"}))


def test_id_token_of_another_client_is_no_hint(app: App, party: RelyingParty, person: Person) -> None:
    """row 77: RFC 8725, section 3.9: the audience counts."""
    other = app.register_client()
    hint = other.tokens(person)["id_token"]
    assert party.refused(person.browser, id_token_hint=hint) == "invalid_request"
    assert person.browser.get(f"/logout?id_token_hint={hint}&client_id={party.id}").status_code == 400
