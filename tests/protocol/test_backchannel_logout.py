"""Back-channel logout: every app of a session is told that it ended (conformance rows 90-93)."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from idp.outbound.guarded_fetcher import TOTAL_SECONDS
from idp.protocol.delivery import LEASE_SECONDS
from idp.services.my_account import change_password, end_session
from idp.services.sign_in import sign_in, sign_out
from tests.app import App, Browser, running_app
from tests.listening_app import Received
from tests.relying_party import RelyingParty, success
from tests.told_apps import ISSUER, ToldApps, apps_of
from tests.web.visitor import PASSWORD, returned

EVENT = "http://schemas.openid.net/event/backchannel-logout"
CLAIMS = {"iss", "sub", "aud", "iat", "exp", "jti", "events"}


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("issuer"), ISSUER) as running:
        yield running


@pytest.fixture
def told(issuer: App) -> Iterator[ToldApps]:
    with apps_of(issuer) as running:
        yield running


@pytest.mark.parametrize("alg", ["RS256", "ES256", "EdDSA"])
def test_logout_token_has_exactly_the_claims_of_the_specification(told: ToldApps, alg: str) -> None:
    """row 90: Back-Channel Logout, sections 2.4 and 4: signed like the ID Token, never with a nonce."""
    party = told.register("shop", logout=True, sid=True, id_token_signed_response_alg=alg)
    person = told.app.signed_in()
    claims = told.id_token(party, person, nonce="n-1")
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 1
    [(header, logout)] = told.logouts("shop")
    assert header["typ"] == "logout+jwt" and header["alg"] == alg and header["kid"]
    assert set(logout) == CLAIMS | {"sid"}, "and never a nonce"
    assert logout["events"] == {EVENT: {}}
    assert (logout["iss"], logout["aud"], logout["sub"], logout["sid"]) == (
        ISSUER, party.id, claims["sub"], claims["sid"],
    )  # fmt: skip
    assert logout["iat"] == told.app.clock.now()
    assert 0 < logout["exp"] - logout["iat"] <= 120
    assert len(logout["jti"]) >= 22


def test_sid_is_sent_only_where_it_is_required_and_is_another_at_every_app(told: ToldApps) -> None:
    """row 92: Back-Channel Logout, section 2.1, and this project: two apps cannot match their `sid`."""
    person = told.app.signed_in()
    with_sid = [told.register(name, logout=True, sid=True) for name in ("one", "two")]
    without = told.register("plain", logout=True)
    sids = [told.id_token(party, person)["sid"] for party in with_sid]
    assert "sid" not in told.id_token(without, person)
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 3
    tokens = {name: told.logouts(name)[0][1] for name in ("one", "two", "plain")}
    assert [tokens["one"]["sid"], tokens["two"]["sid"]] == sids
    assert len(set(sids)) == 2
    assert set(tokens["plain"]) == CLAIMS
    values = [token[name] for token in tokens.values() for name in ("sub", "jti", "aud")]
    assert len(set(values)) == 9, "nothing that two apps could match"


def test_each_app_of_the_session_is_told_once_and_no_other_app(told: ToldApps) -> None:
    """row 91: Back-Channel Logout, section 2.5."""
    person, other = told.app.signed_in(), told.app.signed_in()
    mine, theirs = told.register("mine", logout=True), told.register("theirs", logout=True)
    silent = told.register("silent")
    for _ in range(3):
        told.id_token(mine, person)
    told.id_token(theirs, other)
    told.id_token(silent, person)
    sign_out(told.app.provider.realm, told.session(person))
    sign_out(told.app.provider.realm, told.session(other))
    told.deliver()
    assert len(told.logouts("mine")) == len(told.logouts("theirs")) == 1
    assert {request.path for request in told.server.received} == {"/mine/logout", "/theirs/logout"}


def test_an_app_whose_code_was_never_redeemed_is_not_told(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", logout=True)
    party.code(person)
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 0


def test_offline_refresh_tokens_stay_and_the_others_die_with_the_session_and_both_apps_are_told(
    told: ToldApps,
) -> None:
    """row 93: Back-Channel Logout, section 2.7."""
    person = told.app.signed_in()
    scopes = frozenset({"openid", "age", "offline_access"})
    online = told.register("online", logout=True)
    offline = told.register("offline", logout=True, sid=True, scope=scopes)
    tokens = online.tokens(person)
    kept = offline.tokens(person, scope="openid age offline_access", prompt="consent")
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 2
    assert len(told.logouts("online")) == len(told.logouts("offline")) == 1
    assert online.refresh(tokens["refresh_token"]).json["error"] == "invalid_grant"
    assert "access_token" in success(offline.refresh(kept["refresh_token"]))


def test_signing_out_on_the_page_tells_the_apps_and_waits_for_none(told: ToldApps) -> None:
    """row 91: the person does not wait for the apps."""
    person, party = told.app.signed_in(), told.register("shop", logout=True)
    answered = threading.Event()

    def slow(request: Received) -> tuple[int, dict[str, str], bytes]:
        answered.wait(10)
        return 200, {}, b""

    told.server.answers["/shop/logout"] = slow
    tokens = party.tokens(person)
    asked = person.browser.get(f"/logout?id_token_hint={tokens['id_token']}")
    assert asked.status_code == 200
    assert told.server.received == []
    assert person.browser.get("/account").status_code == 303
    answered.set()
    assert told.deliver() == 1


def test_apps_are_told_in_parallel(told: ToldApps) -> None:
    """row 91: Back-Channel Logout, section 2.5."""
    person = told.app.signed_in()
    # Each app answers when all of them have been told; nobody waits longer for an answer than the server would.
    together = threading.Barrier(6, timeout=TOTAL_SECONDS)

    def answer(request: Received) -> tuple[int, dict[str, str], bytes]:
        together.wait()
        return 200, {}, b""

    for number in range(6):
        told.id_token(told.register(f"app{number}", logout=True), person)
        told.server.answers[f"/app{number}/logout"] = answer
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 6


def test_a_token_is_made_anew_for_every_try(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", logout=True)
    told.id_token(party, person)
    told.server.answers["/shop/logout"] = (503, {}, b"")
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 0
    told.app.clock.advance(600)
    told.server.answers["/shop/logout"] = (200, {}, b"")
    assert told.deliver() == 1
    (_, first), (_, second) = told.logouts("shop")
    assert second["iat"] == first["iat"] + 600 and second["exp"] > told.app.clock.now()
    assert first["jti"] != second["jti"]
    assert first["sub"] == second["sub"]


@pytest.mark.parametrize("status", [200, 204])
def test_an_answer_of_200_or_204_ends_the_matter(told: ToldApps, status: int) -> None:
    person, party = told.app.signed_in(), told.register("shop", logout=True)
    told.id_token(party, person)
    told.server.answers["/shop/logout"] = (status, {}, b"")
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 1
    assert told.waiting(party) == []


@pytest.mark.parametrize("status", [201, 202, 302, 307, 400, 401, 404, 429, 500, 501])
def test_any_other_answer_is_tried_again_and_no_redirect_followed(told: ToldApps, status: int) -> None:
    """row 91: the queue tries again; no redirect leads elsewhere."""
    person, party = told.app.signed_in(), told.register("shop", logout=True)
    told.id_token(party, person)
    told.server.answers["/shop/logout"] = (status, {"Location": told.server.url("/elsewhere")}, b"")
    sign_out(told.app.provider.realm, told.session(person))
    assert told.deliver() == 0
    assert told.waiting(party) == [("logout", 1, told.app.clock.now() + 1)]
    assert [request.path for request in told.server.received] == ["/shop/logout"]


def test_a_logout_uri_that_leads_inside_gets_no_connection(told: ToldApps) -> None:
    """row 91: threats A24."""
    person = told.app.signed_in()
    for number, uri in enumerate(("https://10.0.0.1/", "https://192.168.0.1/", "https://169.254.169.254/latest")):
        told.id_token(told.app.register_client(name=f"app {number}", backchannel_logout_uri=uri), person)
    sign_out(told.app.provider.realm, told.session(person))
    began = time.monotonic()
    assert told.deliver() == 0
    assert time.monotonic() - began < TOTAL_SECONDS, "refused, not timed out"


def test_ending_one_of_several_sessions_tells_that_sessions_apps_alone(told: ToldApps) -> None:
    realm = told.app.provider.realm
    person, party = told.app.signed_in(), told.register("shop", logout=True, sid=True)
    here = told.id_token(party, person)
    first = told.session(person)
    phone = told.app.browser()
    told.app.clock.advance(1)
    phone.sign_in(person.username)
    there = _id_token_in(told, party, phone, person.username)
    assert here["sid"] != there["sid"] and here["sub"] == there["sub"]
    assert end_session(realm, person.account.id, first.id)
    assert not end_session(realm, person.account.id, first.id), "ended once"
    told.deliver()
    assert [claims["sid"] for _, claims in told.logouts("shop")] == [here["sid"]]


def test_a_changed_password_tells_the_apps_of_the_sessions_it_ends(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", logout=True, sid=True)
    ended = told.id_token(party, person)
    told.app.clock.advance(1)
    laptop = told.app.browser()
    laptop.sign_in(person.username)
    kept = _id_token_in(told, party, laptop, person.username)
    change_password(told.app.provider.realm, told.session(person), PASSWORD, "another long password")
    told.deliver()
    sids = [claims["sid"] for _, claims in told.logouts("shop")]
    assert sids == [ended["sid"]] and kept["sid"] not in sids


def test_another_person_in_the_same_browser_ends_the_session_and_the_same_person_tells_nobody(
    told: ToldApps,
) -> None:
    realm = told.app.provider.realm
    person, other, party = told.app.signed_in(), told.app.person(), told.register("shop", logout=True)
    told.id_token(party, person)
    again = sign_in(realm, person.username, PASSWORD, replaces=told.session(person).id)
    assert told.deliver() == 0
    told.app.clock.advance(1)
    browser = told.app.browser()
    browser.sign_in(person.username)
    _id_token_in(told, party, browser, person.username)
    sign_in(realm, other.username, PASSWORD, replaces=told.session(person).id)
    assert told.deliver() == 1
    sign_out(realm, again.session)
    assert told.deliver() == 0, "that session had no apps"


def test_messages_of_a_process_that_died_come_up_again_when_its_lease_ends(told: ToldApps) -> None:
    """row 91: the queue survives the process."""
    person, party = told.app.signed_in(), told.register("shop", logout=True)
    told.id_token(party, person)
    sign_out(told.app.provider.realm, told.session(person))
    store, now = told.app.provider.realm.store, told.app.clock.now()
    assert len(store.write(lambda tx: tx.outbox.claim_due(now, now + LEASE_SECONDS, 10))) == 1
    assert told.deliver() == 0, "somebody else holds it"
    told.app.clock.advance(LEASE_SECONDS)
    assert told.deliver() == 1
    assert len(told.logouts("shop")) == 1


def _id_token_in(told: ToldApps, party: RelyingParty, browser: Browser, username: str) -> dict[str, Any]:
    """The ID token of a sign-in with another browser than the person's usual one."""
    code = returned(browser.complete(party.ask(browser), username))["code"]
    return told.app.verified(success(party.exchange(code))["id_token"])[1]
