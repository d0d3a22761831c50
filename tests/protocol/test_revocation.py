"""Revocation (RFC 7009): who may end what, and what ends with it."""

import pytest

from tests.app import App
from tests.relying_party import RelyingParty, error_of, success


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """A confidential app."""
    return app.register_client()


@pytest.fixture(scope="module")
def public(app: App) -> RelyingParty:
    """A public app: its client_id is all it shows."""
    return app.register_client(token_endpoint_auth_method="none")


def test_revoked_refresh_token_takes_its_access_tokens_along(
    app: App, party: RelyingParty, public: RelyingParty
) -> None:
    """row 71: RFC 7009, section 2.1."""
    for one in (party, public):
        tokens = one.tokens(app.person())
        refreshed = success(one.refresh(tokens["refresh_token"]))
        answer = one.revoke(refreshed["refresh_token"], token_type_hint="refresh_token")
        assert (answer.status_code, answer.data) == (200, b"")
        assert not one.holds(tokens["access_token"]) and not one.holds(refreshed["access_token"])
        assert error_of(one.refresh(refreshed["refresh_token"])) == "invalid_grant"


def test_revoked_access_token_ends_its_grant(app: App, party: RelyingParty) -> None:
    """row 71: RFC 7009, section 2.1: the refresh token may be revoked as well, and is."""
    tokens = party.tokens(app.person())
    assert party.revoke(tokens["access_token"], token_type_hint="access_token").status_code == 200
    assert not party.holds(tokens["access_token"])
    assert error_of(party.refresh(tokens["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize("hint", ["access_token", "refresh_token", "nonsense"])
def test_hint_may_be_wrong(app: App, party: RelyingParty, hint: str) -> None:
    """row 71: RFC 7009, section 2.1: the search goes on beyond the hint."""
    tokens = party.tokens(app.person())
    for name in ("access_token", "refresh_token"):
        assert party.revoke(tokens[name], token_type_hint=hint).status_code == 200
    assert not party.holds(tokens["access_token"])


def test_a_client_must_authenticate(app: App, party: RelyingParty) -> None:
    """row 71: RFC 7009, section 2.1."""
    token = party.tokens(app.person())["access_token"]
    assert error_of(app.send("POST", "/revoke", {"token": token}), 401) == "invalid_client"
    assert error_of(app.send("POST", "/revoke", {"token": token, "client_id": party.id}), 401) == "invalid_client"
    assert party.holds(token)


def test_foreign_and_unknown_tokens_are_200_and_nothing_happens(
    app: App, party: RelyingParty, public: RelyingParty
) -> None:
    """row 71: RFC 7009, section 2.2: an answer that tells nobody whose token it was."""
    tokens = party.tokens(app.person())
    stranger = app.register_client()
    answers = [stranger.revoke(text) for text in (tokens["access_token"], tokens["refresh_token"], "x", "é", "a.b.c")]
    answers += [public.revoke(tokens["refresh_token"]), party.revoke(tokens["id_token"])]
    assert {(answer.status_code, answer.data) for answer in answers} == {(200, b"")}
    assert party.holds(tokens["access_token"])


def test_revoking_twice_is_200_twice(app: App, party: RelyingParty) -> None:
    """row 71: RFC 7009, section 2.2."""
    token = party.tokens(app.person())["refresh_token"]
    assert [party.revoke(token).status_code for _ in range(2)] == [200, 200]


def test_missing_token_is_invalid_request(party: RelyingParty) -> None:
    """row 71: RFC 7009, section 2.2.1."""
    assert error_of(party.post("/revoke", {})) == "invalid_request"


def test_jwt_access_token_is_revoked_too(app: App) -> None:
    """row 71: RFC 7009, section 3: introspection tells a resource that checks."""
    party = app.register_client(resources=("https://api.example/",))
    token = party.tokens(app.person(), resource="https://api.example/")["access_token"]
    assert success(party.introspect(token))["active"] is True
    assert party.revoke(token).status_code == 200
    assert success(party.introspect(token)) == {"active": False}


def test_a_bound_refresh_token_is_revoked_with_its_proof(app: App, public: RelyingParty) -> None:
    """row 71: RFC 9449, section 5: a public client shows the key the token is bound to."""
    bound = public.with_dpop()
    tokens = bound.tokens(app.person())
    assert bound.revoke(tokens["refresh_token"]).status_code == 200
    assert error_of(bound.refresh(tokens["refresh_token"])) == "invalid_grant"
