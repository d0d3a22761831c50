"""Introspection (RFC 7662) and its signed answer (RFC 9701)."""

import pytest

from idp.domain.account import AccountState
from tests.app import ALGORITHMS, App
from tests.relying_party import RelyingParty, error_of, success

INACTIVE = {"active": False}
RESOURCE = "https://api.example/"
SIGNED = "application/token-introspection+jwt"


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """A confidential app."""
    return app.register_client(resources=(RESOURCE,), scope=frozenset({"openid", "age", "offline_access"}))


def test_access_token_is_described_to_its_client(app: App, party: RelyingParty) -> None:
    """row 72: RFC 7662, section 2.2."""
    tokens = party.tokens(app.person())
    answer = party.introspect(tokens["access_token"])
    now = app.clock.now()
    assert answer.headers["Cache-Control"] == "no-store"
    assert success(answer) == {
        "active": True, "iss": app.issuer, "sub": app.verified(tokens["id_token"])[1]["sub"], "client_id": party.id,
        "aud": party.id, "scope": "openid age", "token_type": "Bearer", "iat": now, "exp": now + 300,
    }  # fmt: skip


def test_caller_must_authenticate(app: App, party: RelyingParty) -> None:
    """row 72: RFC 7662, section 2.1: a name alone, or no name, is told nothing."""
    token = party.tokens(app.person())["access_token"]
    public = app.register_client(token_endpoint_auth_method="none")
    assert error_of(app.send("POST", "/introspect", {"token": token}), 401) == "invalid_client"
    assert error_of(app.send("POST", "/introspect", {"token": token, "client_id": party.id}), 401) == "invalid_client"
    assert error_of(public.introspect(token), 401) == "invalid_client"
    bearer = {"Authorization": f"Bearer {token}"}
    assert error_of(app.send("POST", "/introspect", {"token": token}, headers=bearer), 401) == "invalid_client"


def test_tokens_of_others_and_nonsense_are_exactly_inactive(app: App, party: RelyingParty) -> None:
    """row 72: RFC 7662, sections 2.2 and 4: no oracle."""
    tokens = party.tokens(app.person())
    stranger = app.register_client()
    answers = [stranger.introspect(tokens[name]) for name in ("access_token", "refresh_token", "id_token")]
    answers += [party.introspect(text) for text in (tokens["id_token"], "x", "é", "a.b.c", "x" * 9000)]
    assert [success(answer) for answer in answers] == [INACTIVE] * len(answers)
    assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


def test_what_a_token_stands_on_decides(app: App, party: RelyingParty) -> None:
    """row 72: RFC 7662, section 2.2: expired, revoked, locked out: inactive."""
    expired, revoked, locked = (app.person() for _ in range(3))
    tokens = {name: party.tokens(who) for name, who in (("e", expired), ("r", revoked), ("l", locked))}
    party.revoke(tokens["r"]["access_token"])
    app.provider.realm.store.write(lambda tx: tx.accounts.set_state(locked.account.id, AccountState.LOCKED))
    for name in ("r", "l"):
        assert success(party.introspect(tokens[name]["access_token"])) == INACTIVE
        assert success(party.introspect(tokens[name]["refresh_token"])) == INACTIVE
    app.clock.advance(299)
    assert success(party.introspect(tokens["e"]["access_token"]))["active"] is True
    app.clock.advance(1)
    assert success(party.introspect(tokens["e"]["access_token"])) == INACTIVE


def test_refresh_token_is_judged_by_its_own_life(app: App, party: RelyingParty) -> None:
    """row 72: not by that of the access token it came with."""
    begun = app.clock.now()
    token = party.tokens(app.person(), scope="openid offline_access")["refresh_token"]
    app.clock.advance(3600)
    described = success(party.introspect(token))
    assert described["active"] is True
    assert (described["iat"], described["exp"]) == (begun, begun + 90 * 86400)
    app.clock.advance(90 * 86400 - 3600)
    assert success(party.introspect(token)) == INACTIVE


def test_subject_is_the_callers_own_view_and_no_name_is_told(app: App, party: RelyingParty) -> None:
    """row 73: RFC 7662, section 5: pairwise `sub`, no `username`, nothing of the account."""
    person, other = app.person(), app.register_client()
    here, there = party.tokens(person), other.tokens(person)
    mine, theirs = success(party.introspect(here["access_token"])), success(other.introspect(there["access_token"]))
    assert mine["sub"] == app.verified(here["id_token"])[1]["sub"]
    assert theirs["sub"] == app.verified(there["id_token"])[1]["sub"]
    assert mine["sub"] != theirs["sub"]
    assert not {"username", "email", "age_band", "jti"} & mine.keys()
    assert person.username not in str(mine)


def test_resource_server_sees_tokens_made_for_it(app: App, party: RelyingParty) -> None:
    """rows 72, 73: RFC 7662, section 4: the audience may ask, another resource may not."""
    server = app.register_client(own_resources=(RESOURCE,))
    elsewhere = app.register_client(own_resources=("https://other.example/",))
    tokens = party.tokens(app.person(), resource=RESOURCE)
    described = success(server.introspect(tokens["access_token"]))
    assert (described["active"], described["aud"], described["client_id"]) == (True, RESOURCE, party.id)
    assert success(elsewhere.introspect(tokens["access_token"])) == INACTIVE
    assert success(server.introspect(tokens["refresh_token"])) == INACTIVE
    own = party.tokens(app.person())["access_token"]
    assert success(server.introspect(own)) == INACTIVE


@pytest.mark.parametrize("alg", ALGORITHMS)
def test_signed_answer(app: App, alg: str) -> None:
    """row 74: RFC 9701, section 5: own media type and typ; iss, aud, iat; nothing of the token at the top."""
    party = app.register_client(introspection_signed_response_alg=alg)
    token = party.tokens(app.person())["access_token"]
    answer = party.introspect(token)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == SIGNED
    header, claims = app.verified(answer.text)
    assert (header["typ"], header["alg"]) == ("token-introspection+jwt", alg)
    assert set(claims) == {"iss", "aud", "iat", "token_introspection"}
    assert (claims["iss"], claims["aud"], claims["iat"]) == (app.issuer, party.id, app.clock.now())
    assert claims["token_introspection"]["active"] is True
    inactive = app.verified(party.introspect("x").text)[1]
    assert inactive["token_introspection"] == INACTIVE


def test_signed_answer_for_who_asks_by_accept(app: App, party: RelyingParty) -> None:
    """row 74: RFC 9701, section 4."""
    token = party.tokens(app.person())["access_token"]
    for accept, kind in ((SIGNED, SIGNED), (f"{SIGNED}, application/json;q=0.5", SIGNED), ("*/*", "application/json")):
        assert party.introspect(token, headers={"Accept": accept}).headers["Content-Type"] == kind


def test_missing_token_is_invalid_request(party: RelyingParty) -> None:
    """row 72: RFC 7662, section 2.1."""
    assert error_of(party.post("/introspect", {})) == "invalid_request"
