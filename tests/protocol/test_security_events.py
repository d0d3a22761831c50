"""Security Event Tokens: apps hear of ended sessions, withdrawn consents, deleted accounts (RFC 8417, RFC 8935)."""

from collections.abc import Iterator

import pytest

from crypto.errors import JwtError
from crypto.jwt import verify_jwt
from idp.domain.app_message import TICK_SECONDS, Initiator, next_tick
from idp.services.accounts import create_account, delete_account, find_account
from idp.services.consents import withdraw_consent
from idp.services.sign_in import sign_out
from tests.app import App, Person, running_app
from tests.relying_party import error_of
from tests.told_apps import ISSUER, ToldApps, apps_of
from tests.web.visitor import PASSWORD

SESSION_REVOKED = "https://schemas.openid.net/secevent/caep/event-type/session-revoked"
TOKENS_REVOKED = "https://schemas.openid.net/secevent/oauth/event-type/tokens-revoked"
ACCOUNT_PURGED = "https://schemas.openid.net/secevent/risc/event-type/account-purged"
CLAIMS = {"iss", "aud", "iat", "jti", "sub_id", "events"}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("issuer"), ISSUER) as running:
        yield running


@pytest.fixture
def told(issuer: App) -> Iterator[ToldApps]:
    with apps_of(issuer) as running:
        yield running


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_session_revoked_names_the_person_and_the_session(told: ToldApps, alg: str) -> None:
    party, person = told.register("shop", events=True, id_token_signed_response_alg=alg), told.app.signed_in()
    token = told.id_token(party, person)
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 1
    [(header, event)] = told.events("shop")
    assert header["typ"] == "secevent+jwt" and header["alg"] == alg and header["kid"]
    now = told.app.clock.now()
    assert set(event) == CLAIMS
    assert (event["iss"], event["aud"], event["iat"]) == (ISSUER, party.id, now)
    assert event["events"] == {SESSION_REVOKED: {"event_timestamp": now, "initiating_entity": "user"}}
    assert event["sub_id"] == {
        "format": "complex",
        "user": {"format": "iss_sub", "iss": ISSUER, "sub": token["sub"]},
        "session": {"format": "opaque", "id": token["sid"]},
    }
    [request] = told.server.at("/shop/events")
    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/secevent+jwt"
    assert request.headers["Accept"] == "application/json"


def test_withdrawn_consent_tells_that_app_that_the_tokens_are_revoked(told: ToldApps) -> None:
    person = told.app.signed_in()
    party, other = told.register("shop", events=True), told.register("other", events=True)
    subject = told.id_token(party, person)["sub"]
    told.id_token(other, person)
    assert withdraw_consent(told.app.provider.realm, person.account.id, party.id)
    assert told.deliver() == 1, "one app hears of it at once"
    [(_, event)] = told.events("shop")
    assert event["events"] == {TOKENS_REVOKED: {}}
    assert event["sub_id"] == {"format": "iss_sub", "iss": ISSUER, "sub": subject}
    assert told.events("other") == []
    assert not withdraw_consent(told.app.provider.realm, person.account.id, party.id)
    assert told.deliver() == 0, "nothing was withdrawn, nobody is told"


def test_a_consent_without_any_sign_in_left_is_told_under_the_right_subject(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", events=True)
    subject = told.id_token(party, person)["sub"]
    realm = told.app.provider.realm
    told.app.clock.advance(400 * 86_400)
    while realm.store.write(lambda tx: tx.housekeeping.purge(told.app.clock.now(), 500))["grants"]:
        pass
    withdraw_consent(realm, person.account.id, party.id)
    told.deliver()
    [(_, event)] = told.events("shop")
    assert event["sub_id"]["sub"] == subject


def test_deleted_account_is_told_to_every_app_on_the_next_common_minute(told: ToldApps) -> None:
    told.app.clock.advance(17)
    person = told.app.signed_in()
    parties = [told.register(name, events=True) for name in ("one", "two")]
    subjects = [told.id_token(party, person)["sub"] for party in parties]
    logout_only = told.register("three", logout=True)
    told.id_token(logout_only, person)
    unknown = told.register("four", events=True, logout=True)
    deleted = delete_account(told.app.provider.realm, person.username, Initiator.ADMIN)
    assert deleted.apps_told == 3
    tick = next_tick(told.app.clock.now())
    assert tick % TICK_SECONDS == 0 and told.app.clock.now() < tick
    told.app.clock.advance(tick - told.app.clock.now() - 1)
    assert told.deliver() == 0, "not a second earlier"
    told.app.clock.advance(1)
    assert told.deliver() == 3
    for name, subject in zip(("one", "two"), subjects, strict=True):
        [(_, event)] = told.events(name)
        assert event["events"] == {ACCOUNT_PURGED: {}}
        assert event["sub_id"] == {"format": "iss_sub", "iss": ISSUER, "sub": subject}
    assert len(told.logouts("three")) == 1
    assert told.events("four") == told.logouts("four") == []
    assert told.waiting(unknown) == []


def test_a_session_that_several_apps_hear_of_ends_for_all_of_them_on_the_tick(told: ToldApps) -> None:
    person = told.app.signed_in()
    for name in ("one", "two"):
        told.id_token(told.register(name, events=True, logout=True), person)
    told.app.clock.advance(17)
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 2, "the logout tokens leave at once"
    assert told.events("one") == told.events("two") == []
    told.app.clock.advance(TICK_SECONDS - 17)
    assert told.deliver() == 2
    assert len(told.events("one")) == len(told.events("two")) == 1


def test_two_apps_can_match_nothing_but_the_event_itself(told: ToldApps) -> None:
    person = told.app.signed_in()
    for name in ("one", "two"):
        told.id_token(told.register(name, events=True), person)
    sign_out(told.app.provider.realm, told.session(person))
    delete_account(told.app.provider.realm, person.username, Initiator.USER)
    told.app.clock.advance(TICK_SECONDS)
    assert told.deliver() == 4
    one, two = ({_text(event) for _, event in told.events(name)} for name in ("one", "two"))
    shared = set.intersection(*({value for text in texts for value in text} for texts in (one, two)))
    stamps = {str(stamp) for stamp in range(told.app.clock.now() - 120, told.app.clock.now() + 1)}
    words = {ISSUER, SESSION_REVOKED, ACCOUNT_PURGED, "complex", "iss_sub", "opaque", "user"}
    assert shared <= words | stamps


def test_an_event_is_the_same_token_content_at_every_try(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", events=True)
    told.id_token(party, person)
    told.server.answers["/shop/events"] = (503, {}, b"")
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 0
    told.app.clock.advance(5)
    told.server.answers["/shop/events"] = (202, {}, b"")
    assert told.deliver() == 1
    (_, first), (_, second) = told.events("shop")
    assert first == second, "its jti tells the app that it has seen it"


def test_an_event_that_the_app_refuses_for_good_is_not_sent_again(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", events=True)
    told.id_token(party, person)
    told.server.answers["/shop/events"] = (400, {"Content-Type": "application/json"}, b'{"err":"invalid_request"}')
    sign_out(told.app.provider.realm, told.session(person))
    told.deliver()
    assert told.waiting(party) == []
    assert len(told.events("shop")) == 1


@pytest.mark.parametrize("status", [302, 401, 403, 404, 429, 500, 503])
def test_an_event_that_may_be_taken_later_is_tried_again(told: ToldApps, status: int) -> None:
    person, party = told.app.signed_in(), told.register("shop", events=True)
    told.id_token(party, person)
    told.server.answers["/shop/events"] = (status, {}, b"")
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 0
    assert [(kind, tries) for kind, tries, _ in told.waiting(party)] == [("session_revoked", 1)]


def test_no_token_of_ours_can_be_taken_for_another_kind(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", events=True, logout=True, sid=True)
    told.id_token(party, person)
    sign_out(told.app.provider.realm, told.session(person))
    told.deliver()
    keys = told.app.provider.keys.find
    sent = [told.server.at(f"/shop/{place}")[0].body.decode() for place in ("events", "logout")]
    for token in (sent[0], sent[1].removeprefix("logout_token=")):
        with pytest.raises(JwtError):
            verify_jwt(token, keys, algorithms=frozenset({"RS256"}), typ=frozenset({None, "JWT"}))
        assert error_of(party.userinfo(token), 401) == "invalid_token"
        hinted = party.ask(person.browser, id_token_hint=token, prompt="none")
        assert "error=invalid_request" in hinted.location


def test_deleting_an_account_leaves_no_session_consent_grant_or_readable_word(told: ToldApps) -> None:
    realm = told.app.provider.realm
    person, party = told.app.signed_in(), told.register("shop", events=True)
    tokens = party.tokens(person)
    account_id = person.account.id
    delete_account(realm, person.username, Initiator.USER)
    assert find_account(realm, person.username) is None
    found = realm.store.read(
        lambda tx: (
            tx.accounts.get(account_id), tx.sessions.of_account(account_id), tx.consents.of_account(account_id),
            tx.grants.of_account(account_id), tx.audit.of_account(account_id),
        )
    )  # fmt: skip
    assert found[:3] == (None, [], [])
    assert all(grant.revoked_at is not None and not grant.subject for grant in found[3]) and found[3]
    assert "account.deleted" in {event.kind for event in found[4]}
    assert all(not event.details for event in found[4])
    assert not party.holds(tokens["access_token"])
    assert error_of(party.refresh(tokens["refresh_token"])) == "invalid_grant"
    assert person.browser.get("/account").status_code == 303
    again = _recreated(told, person)
    assert told.id_token(party, again, scope="openid")["sub"] != _subject_of(told, tokens["id_token"])


def _recreated(told: ToldApps, person: Person) -> Person:
    """Somebody of the same name: another account, another `sub`."""
    return Person(create_account(told.app.provider.realm, person.username, PASSWORD), told.app.browser())


def _subject_of(told: ToldApps, id_token: str) -> str:
    return str(told.app.verified(id_token)[1]["sub"])


def _text(value: object) -> tuple[str, ...]:
    """Every name and value in a document, as text."""
    if isinstance(value, dict):
        return tuple(text for name, inner in value.items() for text in (*_names(name), *_text(inner)))
    return (str(value),)


def _names(name: str) -> tuple[str, ...]:
    """Members that carry something; the names of the claims themselves are the same everywhere."""
    return (name,) if name.startswith("https:") else ()
