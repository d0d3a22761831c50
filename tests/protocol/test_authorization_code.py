"""Redeeming codes (RFC 6749, section 4.1.3; RFC 7636, section 4.6; RFC 9700, section 4.5)."""

import json
from base64 import urlsafe_b64decode
from contextlib import closing
from datetime import date

import pytest

from idp.domain.account import AccountState
from idp.domain.age import Assurance
from idp.domain.client import ClientState
from idp.domain.scope import OPENID
from idp.services.clients import set_client_state
from idp.services.consents import withdraw_consent
from idp.services.evidence import record_evidence
from idp.storage.sql.engine_sqlite import sqlite_library
from tests.app import App, Person
from tests.relying_party import CHALLENGE, VERIFIER, RelyingParty, error_of, success


@pytest.fixture(scope="module")
def party(app: App) -> RelyingParty:
    """An app without special wishes."""
    return app.register_client()


@pytest.fixture
def person(app: App) -> Person:
    """Somebody signed in."""
    return app.signed_in()


def test_verifier_is_required_when_a_challenge_was_sent(party: RelyingParty, person: Person) -> None:
    """row 42: RFC 7636, section 4.6; the code stays good for who has the verifier."""
    code = party.code(person)
    assert error_of(party.exchange(code, code_verifier=None)) == "invalid_grant"
    assert party.exchange(code).status_code == 200


@pytest.mark.parametrize(
    "verifier",
    [VERIFIER[:-1] + "l", VERIFIER.lower(), VERIFIER + "=", VERIFIER[:42], "a" * 129, "é" * 43, CHALLENGE],
)
def test_wrong_verifier_is_invalid_grant(party: RelyingParty, person: Person, verifier: str) -> None:
    """row 42: RFC 7636, section 4.6: the challenge itself is no verifier either."""
    code = party.code(person)
    assert error_of(party.exchange(code, code_verifier=verifier)) == "invalid_grant"
    assert party.exchange(code).status_code == 200


def test_verifier_without_a_challenge_is_refused(app: App, person: Person) -> None:
    """row 42: OAuth 2.1, section 4.1.3; RFC 9700, section 4.8.2: no downgrade by stripping the challenge."""
    party = app.register_client(require_pkce=False)
    code = party.code(person, code_challenge=None, code_challenge_method=None)
    assert error_of(party.exchange(code)) == "invalid_grant"
    assert party.exchange(code, code_verifier=None).status_code == 200


def test_codes_are_sealed_and_never_alike(app: App, party: RelyingParty, person: Person) -> None:
    """row 43: RFC 6749, section 10.10: nothing of it can be guessed or read."""
    codes = [urlsafe_b64decode(party.code(person) + "==") for _ in range(50)]
    # 192 bits of nonce and 96 of id in each: beyond a common key name no two codes agree anywhere.
    name = 4
    assert len({code[name : name + 24] for code in codes}) == 50
    assert len({code[name + 24 : name + 40] for code in codes}) == 50
    inside = json.dumps([party.id, party.callback, person.username])
    assert not any(word.encode() in code for code in codes for word in json.loads(inside))


def test_a_code_is_of_one_length_whatever_is_known_of_the_person(app: App, party: RelyingParty) -> None:
    """An app that asks for no age learns nothing of it by counting: neither whether one is known nor that it waits."""
    corrected = app.person("2000-02-02")
    day = date.fromisoformat("1999-09-09")
    record_evidence(app.provider.realm, corrected.username, day, "in_person", Assurance.STANDARD)
    kept = app.provider.realm.store.read(lambda tx: tx.accounts.get(corrected.account.id))
    assert kept is not None and kept.age is not None and kept.age.state.correction is not None
    people = [corrected, *(app.person(birthdate) for birthdate in (None, "1990-05-17", "2009-05-17", "2010-05-17"))]
    assert len({len(party.code(person, scope="openid")) for person in people}) == 1


def test_nothing_is_stored_for_a_code(app: App, party: RelyingParty, person: Person) -> None:
    """row 43: between /authorize and /token the database does not know of it."""
    party.code(person)
    before = _rows(app)
    assert {"grants", "spent"} <= before.keys()
    for _ in range(5):
        party.code(person)
    assert _rows(app) == before


def test_code_lives_sixty_seconds(app: App, party: RelyingParty, person: Person) -> None:
    """row 43: RFC 6749, section 4.1.2: ten minutes at most; here one."""
    first, second = party.code(person), party.code(person)
    app.clock.advance(59)
    assert party.exchange(first).status_code == 200
    app.clock.advance(1)
    assert error_of(party.exchange(second)) == "invalid_grant"


@pytest.mark.parametrize("redirect_uri", [None, "https://app.example/other", "", "CALLBACK/", "CALLBACK?x=1"])
def test_code_is_bound_to_its_redirect_uri(party: RelyingParty, person: Person, redirect_uri: str | None) -> None:
    """row 43: RFC 6749, section 4.1.3."""
    code = party.code(person)
    changed = redirect_uri and redirect_uri.replace("CALLBACK", party.callback)
    assert error_of(party.exchange(code, redirect_uri=changed)) == "invalid_grant"
    assert party.exchange(code).status_code == 200


def test_changed_codes_are_invalid_grant(app: App, party: RelyingParty, person: Person) -> None:
    """row 43: a flipped bit anywhere, and any other token of ours, is no code."""
    code = party.code(person)
    tokens = success(party.exchange(party.code(person)))
    for position in range(0, len(code), 23):
        changed = code[:position] + ("A" if code[position] != "A" else "B") + code[position + 1 :]
        assert error_of(party.exchange(changed)) == "invalid_grant"
    for other in (tokens["access_token"], tokens["refresh_token"], tokens["id_token"], code[:-4], code + "AAAA", "."):
        assert error_of(party.exchange(other)) == "invalid_grant"
    assert party.exchange(code).status_code == 200


def test_reuse_is_invalid_grant_and_revokes_all_tokens_of_the_code(app: App, party: RelyingParty) -> None:
    """row 45: OAuth 2.1, sections 4.1.3 and 7.5.2; RFC 9700, section 4.5."""
    code = party.code(app.person())
    tokens = success(party.exchange(code))
    refreshed = success(party.refresh(tokens["refresh_token"]))
    assert party.holds(tokens["access_token"]) and party.holds(refreshed["access_token"])
    assert error_of(party.exchange(code)) == "invalid_grant"
    assert not party.holds(tokens["access_token"])
    assert not party.holds(refreshed["access_token"])
    assert error_of(party.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert success(party.introspect(tokens["access_token"])) == {"active": False}


def test_reuse_after_thirty_seconds_revokes_too_and_an_expired_code_stays_spent(app: App, party: RelyingParty) -> None:
    """row 45: as the conformance suite waits before it tries again."""
    code = party.code(app.person())
    tokens = success(party.exchange(code))
    app.clock.advance(31)
    assert error_of(party.exchange(code)) == "invalid_grant"
    assert not party.holds(tokens["access_token"])
    other = party.code(app.person())
    assert party.exchange(other).status_code == 200
    app.clock.advance(61)
    assert error_of(party.exchange(other)) == "invalid_grant"


def test_code_of_another_client_is_invalid_grant_and_not_consumed(app: App, party: RelyingParty) -> None:
    """row 46: RFC 6749, section 4.1.3: nor do others revoke by it what it led to."""
    thief = app.register_client(redirect_uris=party.client.redirect_uris)
    code = party.code(app.person())
    assert error_of(thief.exchange(code)) == "invalid_grant"
    tokens = success(party.exchange(code))
    assert error_of(thief.exchange(code)) == "invalid_grant"
    assert party.holds(tokens["access_token"])


def test_code_is_worth_nothing_once_what_it_stands_on_is_gone(app: App, party: RelyingParty) -> None:
    """row 43: RFC 6749, section 10.10; threats A15: account, consent and session are looked at again."""
    store = app.provider.realm.store

    def lock(person: Person) -> None:
        store.write(lambda tx: tx.accounts.set_state(person.account.id, AccountState.LOCKED))

    def withdraw(person: Person) -> None:
        withdraw_consent(app.provider.realm, person.account.id, party.id)

    def sign_out(person: Person) -> None:
        page = person.browser.get("/logout")
        assert person.browser.submit(page).status_code == 200

    for end in (lock, withdraw, sign_out):
        person = app.person()
        code = party.code(person)
        end(person)
        assert error_of(party.exchange(code)) == "invalid_grant", end.__name__


def test_suspended_client_redeems_nothing(app: App) -> None:
    """row 43: a suspension counts at once."""
    party = app.register_client()
    code = party.code(app.person())
    set_client_state(app.provider.realm, party.id, ClientState.SUSPENDED)
    assert error_of(party.exchange(code), 401) == "invalid_client"


def test_plain_oauth_gets_no_id_token(app: App, party: RelyingParty) -> None:
    """row 17: OIDC Core, section 3.1.2.1: without `openid` this is OAuth 2.0 alone."""
    tokens = party.tokens(app.person(), scope="age")
    assert "id_token" not in tokens
    assert OPENID not in tokens["scope"].split(" ")


def test_dropped_scopes_show_in_the_token_answer(app: App, party: RelyingParty) -> None:
    """row 18: RFC 6749, sections 3.3 and 5.1: what was granted is said when it is less than what was asked."""
    tokens = party.tokens(app.person(), scope="openid profile email age address phone")
    assert tokens["scope"] == "openid age"


def _rows(app: App) -> dict[str, int]:
    """The size of each table, read beside the server."""
    with closing(sqlite_library().connect(str(app.settings.data_dir / "blindage.db"))) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in tables}
