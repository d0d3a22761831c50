"""Refresh tokens: bound, rotated for public clients, ended with what they stand on (RFC 6749, 6; RFC 9700, 4.14)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from idp.domain.account import AccountState
from idp.domain.grant import REFRESH_GRACE_SECONDS
from idp.services.consents import withdraw_consent
from tests.app import App, Person
from tests.relying_party import RelyingParty, error_of, success

DAY = 86400
OFFLINE = frozenset({"openid", "age", "offline_access"})
RESOURCES = ("https://api.example/", "https://other.example/")


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """A confidential app: its refresh tokens do not rotate (OAuth 2.1, section 4.3.1)."""
    return app.register_client(scope=OFFLINE, resources=RESOURCES)


@pytest.fixture(scope="module")
def public(app: App) -> RelyingParty:
    """A public app: its refresh tokens rotate."""
    return app.register_client(token_endpoint_auth_method="none", scope=OFFLINE)


def _refresh_token(party: RelyingParty, person: Person, **changes: str) -> str:
    token = party.tokens(person, **changes)["refresh_token"]
    assert isinstance(token, str)
    return token


def test_refresh_token_is_bound_to_its_client(app: App, party: RelyingParty, public: RelyingParty) -> None:
    """row 66: RFC 9700, section 4.14.2; a thief's try ends nothing for the owner."""
    for owner, thief in ((party, public), (public, party), (party, app.register_client(scope=OFFLINE))):
        token = _refresh_token(owner, app.person())
        assert error_of(thief.refresh(token)) == "invalid_grant"
        assert owner.refresh(token).status_code == 200


def test_every_changed_bit_is_invalid_grant(app: App, party: RelyingParty) -> None:
    """row 66: the MAC covers all of it; nothing of it is stored."""
    token = _refresh_token(party, app.person())
    raw = urlsafe_b64decode(token + "==")
    for position in range(len(raw)):
        changed = bytearray(raw)
        changed[position] ^= 1
        assert error_of(party.refresh(urlsafe_b64encode(changed).rstrip(b"=").decode())) == "invalid_grant"
    for other in (token + "A", token[:-1], token + "=", " " + token, token.swapcase()):
        assert error_of(party.refresh(other)) == "invalid_grant"
    assert party.refresh(token).status_code == 200
    stored = b"".join(file.read_bytes() for file in app.settings.data_dir.glob("blindage.db*"))
    assert raw[:16] in stored and raw[-20:] not in stored and token.encode() not in stored


def test_refresh_token_is_bound_to_its_scope_and_resource(app: App, party: RelyingParty) -> None:
    """row 66: RFC 6749, section 6; RFC 8707, section 2.2."""
    token = _refresh_token(party, app.person(), scope="openid", resource=RESOURCES[0])
    for wider in ("openid age", "age", "openid offline_access", "openid bogus"):
        assert error_of(party.refresh(token, scope=wider)) == "invalid_scope"
    assert error_of(party.refresh(token, resource=RESOURCES[1])) == "invalid_target"
    answer = success(party.refresh(token))
    assert answer["scope"] == "openid"
    assert app.verified(answer["access_token"])[1]["aud"] == RESOURCES[0]


def test_public_clients_token_is_bound_to_its_dpop_key(app: App, public: RelyingParty) -> None:
    """row 66: RFC 9449, section 5."""
    bound = public.with_dpop()
    token = _refresh_token(bound, app.person())
    assert error_of(public.refresh(token)) == "invalid_grant"
    assert error_of(public.with_dpop().refresh(token)) == "invalid_grant"
    assert bound.refresh(token).status_code == 200


def test_public_clients_rotate_and_confidential_ones_do_not(
    app: App, party: RelyingParty, public: RelyingParty
) -> None:
    """row 67: RFC 9700, section 2.2.2; OAuth 2.1, section 4.3.1."""
    token = _refresh_token(party, app.person())
    assert {success(party.refresh(token))["refresh_token"] for _ in range(5)} == {token}
    token, seen = _refresh_token(public, app.person()), set()
    for _ in range(5):
        seen.add(token)
        token = success(public.refresh(token))["refresh_token"]
        assert token not in seen


def test_reuse_of_a_rotated_token_revokes_the_whole_family(app: App, public: RelyingParty) -> None:
    """row 67: RFC 9700, section 4.14.2: thief and victim cannot be told apart."""
    first = public.tokens(app.person())
    second = success(public.refresh(first["refresh_token"]))
    third = success(public.refresh(second["refresh_token"]))
    assert error_of(public.refresh(first["refresh_token"])) == "invalid_grant"
    for tokens in (second, third):
        assert error_of(public.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert not any(public.holds(tokens["access_token"]) for tokens in (first, second, third))


def test_lost_answer_is_given_again_within_the_grace_and_no_longer(app: App, public: RelyingParty) -> None:
    """row 67: the same successor within 30 seconds; later it is reuse."""
    token = _refresh_token(public, app.person())
    successor = success(public.refresh(token))["refresh_token"]
    app.clock.advance(REFRESH_GRACE_SECONDS)
    assert success(public.refresh(token))["refresh_token"] == successor
    app.clock.advance(1)
    assert error_of(public.refresh(token)) == "invalid_grant"
    assert error_of(public.refresh(successor)) == "invalid_grant"


def test_grace_ends_when_the_successor_is_used(app: App, public: RelyingParty) -> None:
    """row 67: then the answer was not lost."""
    token = _refresh_token(public, app.person())
    successor = success(public.refresh(token))["refresh_token"]
    latest = success(public.refresh(successor))["refresh_token"]
    assert error_of(public.refresh(token)) == "invalid_grant"
    assert error_of(public.refresh(latest)) == "invalid_grant"


def test_failed_refresh_does_not_rotate(app: App, public: RelyingParty) -> None:
    """row 67: a refusal changes nothing."""
    token = _refresh_token(public, app.person(), scope="openid")
    assert error_of(public.refresh(token, scope="openid age")) == "invalid_scope"
    app.clock.advance(REFRESH_GRACE_SECONDS + 1)
    assert public.refresh(token).status_code == 200


def test_narrowed_scope_holds_for_the_access_token_alone(app: App, party: RelyingParty, public: RelyingParty) -> None:
    """row 68: RFC 6749, section 6; OAuth 2.1, section 4.3.3."""
    for one in (party, public):
        narrow = success(one.refresh(_refresh_token(one, app.person()), scope="openid"))
        assert narrow["scope"] == "openid"
        assert set(success(one.userinfo(narrow["access_token"]))) == {"sub"}
        assert "age_band" not in app.verified(narrow["id_token"])[1]
        full = success(one.refresh(narrow["refresh_token"]))
        assert full["scope"] == "openid age"
        assert success(one.userinfo(full["access_token"]))["age_band"] == "adult"


def test_refreshed_id_token_has_the_same_subject_and_a_new_iat(app: App, party: RelyingParty) -> None:
    """row 69: OIDC Core, section 12.2."""
    tokens = party.tokens(app.person(), max_age="10000", acr_values="standard")
    before = app.verified(tokens["id_token"])[1]
    app.clock.advance(100)
    refreshed = success(party.refresh(tokens["refresh_token"]))
    after = app.verified(refreshed["id_token"])[1]
    for name in ("iss", "sub", "aud", "auth_time", "acr", "age_band"):
        assert after[name] == before[name]
    assert after["iat"] == before["iat"] + 100
    assert "nonce" in before and "nonce" not in after
    assert after["at_hash"] != before["at_hash"]


def test_refresh_without_openid_gives_no_id_token(app: App, party: RelyingParty) -> None:
    """row 69: OIDC Core, section 12.2: there is none without the scope."""
    tokens = party.tokens(app.person())
    assert "id_token" not in success(party.refresh(tokens["refresh_token"], scope="age"))


def test_default_grants_of_a_client(app: App) -> None:
    """row 70: a client that names no grants has authorization_code and refresh_token."""
    assert app.register_client().client.grant_types == {"authorization_code", "refresh_token"}


def test_grant_ends_with_the_session_unless_it_is_offline(app: App, party: RelyingParty) -> None:
    """rows 70, 93: OIDC Core, section 11: with consented offline_access it outlives the sign-in."""
    person = app.person()
    online = party.tokens(person)
    offline = party.tokens(person, scope="openid age offline_access")
    assert person.browser.submit(person.browser.get("/logout")).status_code == 200
    assert error_of(party.refresh(online["refresh_token"])) == "invalid_grant"
    assert not party.holds(online["access_token"])
    assert party.refresh(offline["refresh_token"]).status_code == 200
    assert party.holds(offline["access_token"])


def test_grant_ends_when_the_session_expires(app: App, party: RelyingParty) -> None:
    """row 70: twelve hours after sign-in, less what two apps may not see alike (under a minute)."""
    token = _refresh_token(party, app.person())
    app.clock.advance(12 * 3600 - 60)
    assert 0 < success(party.refresh(token))["expires_in"] <= 60
    app.clock.advance(60)
    assert error_of(party.refresh(token)) == "invalid_grant"


def test_offline_grant_has_an_absolute_end(app: App, party: RelyingParty, public: RelyingParty) -> None:
    """row 70: RFC 9700, section 4.14.2: 90 days, however often it is used."""
    for one in (party, public):
        token = _refresh_token(one, app.person(), scope="openid offline_access")
        for _ in range(4):
            app.clock.advance(20 * DAY)
            token = success(one.refresh(token))["refresh_token"]
        app.clock.advance(10 * DAY - 1)
        token = success(one.refresh(token))["refresh_token"]
        app.clock.advance(1)
        assert error_of(one.refresh(token)) == "invalid_grant"


def test_unused_rotating_token_dies_after_thirty_days(app: App, public: RelyingParty) -> None:
    """row 70: RFC 9700, section 4.14.2: inactivity."""
    token = _refresh_token(public, app.person(), scope="openid offline_access")
    app.clock.advance(30 * DAY - 1)
    token = success(public.refresh(token))["refresh_token"]
    app.clock.advance(30 * DAY)
    assert error_of(public.refresh(token)) == "invalid_grant"


def test_offline_access_is_dropped_for_a_client_that_cannot_refresh(app: App) -> None:
    """row 70: OIDC Core, section 11: nothing is promised that cannot be kept."""
    party = app.register_client(scope=OFFLINE, grant_types=frozenset({"authorization_code"}))
    tokens = party.tokens(app.person(), scope="openid offline_access")
    assert tokens["scope"] == "openid" and "refresh_token" not in tokens


def test_refresh_looks_at_account_and_consent_again(app: App, party: RelyingParty, public: RelyingParty) -> None:
    """row 66: threats A15: what was locked or withdrawn since ends it at once, offline or not."""
    store = app.provider.realm.store
    for one in (party, public):
        locked, withdrawn = app.person(), app.person()
        tokens = [_refresh_token(one, person, scope="openid offline_access") for person in (locked, withdrawn)]
        store.write(lambda tx, person=locked: tx.accounts.set_state(person.account.id, AccountState.LOCKED))
        withdraw_consent(app.provider.realm, withdrawn.account.id, one.id)
        assert [error_of(one.refresh(token)) for token in tokens] == ["invalid_grant"] * 2
