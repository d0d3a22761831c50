"""The outbox: what is told survives whatever happens, is sent by one deliverer, and is given up after three days."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idp.domain.app_message import GIVE_UP_SECONDS, RETRY_SECONDS, Initiator, WaitingMessage, next_tick, next_try
from idp.domain.ports import Transaction
from idp.protocol.delivery import BATCH, LEASE_SECONDS, Deliverer
from idp.services.accounts import delete_account
from idp.services.housekeeping import purge_expired
from idp.services.outbox import open_message, tell_session_ended, waiting_messages
from idp.services.sign_in import sign_out
from idp.storage.sql.store import upgrade_schema
from tests.app import App, make_app, running_app
from tests.listening_app import ListeningApp, listening_app
from tests.relying_party import RelyingParty
from tests.told_apps import ISSUER, ToldApps, apps_of, told_apps


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("issuer"), ISSUER) as running:
        yield running


@pytest.fixture
def told(issuer: App) -> Iterator[ToldApps]:
    with apps_of(issuer) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def databases(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """Settings of one issuer on each kind of database."""
    if request.param == "sqlite":
        return {"exclusive": False}
    url = request.getfixturevalue("postgres_url")
    upgrade_schema(url, tmp_path)
    return {"database_url": url}


def ended_session(told: ToldApps, name: str = "shop") -> RelyingParty:
    """An app that has to be told of an ended session."""
    person, party = told.app.signed_in(), told.register(name, logout=True)
    told.id_token(party, person)
    sign_out(told.app.provider.realm, told.session(person))
    return party


def test_waits_grow_to_an_hour_and_end_after_three_days(told: ToldApps) -> None:
    party = ended_session(told)
    told.server.answers["/shop/logout"] = (503, {}, b"")
    began = told.app.clock.now()
    at: list[int] = []
    while True:
        before = len(told.server.received)
        told.deliver()
        assert len(told.server.received) == before + 1
        at.append(told.app.clock.now() - began)
        _, tries, due_at = told.waiting(party)[0]
        assert tries == len(at)
        if due_at is None:
            break
        told.app.clock.advance(due_at - told.app.clock.now() - 1)
        assert told.deliver() == 0 and len(told.server.received) == before + 1, "not a second earlier"
        told.app.clock.advance(1)
    waits = [later - earlier for earlier, later in zip(at, at[1:], strict=False)]
    assert waits[:5] == list(RETRY_SECONDS)
    assert set(waits[5:]) == {RETRY_SECONDS[-1]}
    assert GIVE_UP_SECONDS - RETRY_SECONDS[-1] < at[-1] <= GIVE_UP_SECONDS
    told.app.clock.advance(GIVE_UP_SECONDS)
    assert told.deliver() == 0 and len(told.server.received) == len(at), "given up for good"


def test_a_message_given_up_is_seen_for_thirty_days_and_says_nothing_any_more(told: ToldApps) -> None:
    party = ended_session(told)
    realm = told.app.provider.realm
    told.server.answers["/shop/logout"] = (503, {}, b"")
    told.app.clock.advance(GIVE_UP_SECONDS)
    told.deliver()
    assert waiting_messages(realm, party.id) == [WaitingMessage("logout", 1, None)]
    told.app.clock.advance(30 * 86_400 - 1)
    purge_expired(realm)
    assert len(waiting_messages(realm, party.id)) == 1
    told.app.clock.advance(1)
    assert purge_expired(realm)["outbox"] == 1
    assert waiting_messages(realm, party.id) == []


def test_a_message_is_written_with_what_it_tells_or_not_at_all(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", logout=True)
    told.id_token(party, person)
    session, store = told.session(person), told.app.provider.realm.store

    def unit(tx: Transaction) -> None:
        assert tx.sessions.revoke(session.id, told.app.clock.now())
        tell_session_ended(tx, session, told.app.clock.now())
        raise RuntimeError("the unit fails after all")

    with pytest.raises(RuntimeError):
        store.write(unit)
    assert told.session(person) == session
    assert told.waiting(party) == []


def test_what_waits_is_unreadable_in_the_database(told: ToldApps) -> None:
    person, party = told.app.signed_in(), told.register("shop", logout=True, sid=True, events=True)
    claims = told.id_token(party, person)
    sign_out(told.app.provider.realm, told.session(person))
    assert len(told.waiting(party)) == 2
    rows = told.app.provider.realm.store.write(lambda tx: tx.outbox.claim_due(2**33, 2**33, 9))
    assert {open_message(*row[:4]).subject for row in rows} == {claims["sub"]}, "the message does hold it"
    files = b"".join(file.read_bytes() for file in told.app.settings.data_dir.glob("blindage.db*"))
    assert party.id.encode() in files
    assert claims["sub"].encode() not in files and claims["sid"].encode() not in files


@pytest.mark.parametrize("stop", ["closed", "left"])
def test_a_message_survives_a_restart_and_is_retried_on_time(tmp_path: Path, stop: str) -> None:
    with told_apps(tmp_path, exclusive=False) as told:
        party = ended_session(told)
        told.server.answers["/shop/logout"] = (503, {}, b"")
        told.deliver()
        told.app.clock.advance(1)
        told.deliver()
        if stop == "closed":
            told.app.provider.realm.store.close()
        later = make_app(tmp_path, ISSUER, told.app.clock, exclusive=False)
        again = ToldApps(later, told.server, Deliverer(later.provider))
        told.server.answers["/shop/logout"] = (200, {}, b"")
        assert again.waiting(party) == [("logout", 2, later.clock.now() + RETRY_SECONDS[1])]
        later.clock.advance(RETRY_SECONDS[1] - 1)
        assert again.deliver() == 0
        later.clock.advance(1)
        assert again.deliver() == 1
        assert len(again.logouts("shop")) == 3
        assert again.waiting(party) == []
        again.deliverer.close()
        later.provider.realm.store.close()


def test_two_deliverers_on_one_database_send_every_message_once(databases: dict[str, Any], tmp_path: Path) -> None:
    with ExitStack() as closing:
        server = closing.enter_context(listening_app())
        first = make_app(tmp_path, ISSUER, **databases)
        second = make_app(tmp_path, ISSUER, first.clock, **databases)
        told = ToldApps(first, server, Deliverer(first.provider))
        deliverers = [told.deliverer, *(Deliverer(second.provider) for _ in range(3))]
        for app in (first, second):
            closing.callback(app.provider.realm.store.close)
        for deliverer in deliverers:
            closing.callback(deliverer.close)
        expected = 2 * BATCH + 2
        put_messages(told, server, expected)
        delivered = together([deliverer.deliver_due for deliverer in deliverers])
        assert sum(delivered) == expected
        assert sum(1 for number in delivered if number) > 1, "the work was shared"
        seen = Counter(event["jti"] for name in ("one", "two", "three") for _, event in told.events(name))
        assert len(seen) == expected and set(seen.values()) == {1}


def test_a_dead_app_costs_one_try_a_turn_and_holds_up_no_other_app(told: ToldApps) -> None:
    party, person = told.register("dead", events=True), told.app.signed_in()
    told.id_token(party, person)
    told.server.answers["/dead/events"] = (503, {}, b"")
    for _ in range(10):
        put_event(told, party, "dead")
    living = ended_session(told, "living")
    assert told.deliver() == 1
    assert len(told.events("dead")) == 1 and len(told.logouts("living")) == 1
    waiting = told.waiting(party)
    assert {due_at for _, _, due_at in waiting} == {told.app.clock.now() + 1} and len(waiting) == 10
    assert told.waiting(living) == []
    told.server.answers["/dead/events"] = (202, {}, b"")
    told.app.clock.advance(1)
    assert told.deliver() == 10


def test_messages_to_an_app_that_is_gone_or_wants_none_any_more_are_dropped(told: ToldApps) -> None:
    store = told.app.provider.realm.store
    gone, quiet = ended_session(told, "gone"), ended_session(told, "quiet")
    store.write(lambda tx: tx.clients.delete(gone.id))
    client = store.write(lambda tx: tx.clients.get(quiet.id))
    assert client is not None
    changed = replace(client, backchannel_logout_uri=None)
    assert store.write(lambda tx: tx.clients.replace(changed, client.version))
    told.deliver()
    assert told.server.received == []
    assert told.waiting(gone) == told.waiting(quiet) == []


def test_many_peoples_events_of_one_tick_leave_in_no_order(told: ToldApps) -> None:
    parties = [told.register(name, events=True) for name in ("one", "two")]
    people = [told.app.signed_in() for _ in range(12)]
    subjects = {name: [told.id_token(party, one)["sub"] for one in people] for name, party in zip(
        ("one", "two"), parties, strict=True
    )}  # fmt: skip
    for person in people:
        delete_account(told.app.provider.realm, person.username, Initiator.USER)
    told.app.clock.advance(next_tick(told.app.clock.now()) - told.app.clock.now())
    assert told.deliver() == 24
    ranks = [
        [subjects[name].index(event["sub_id"]["sub"]) for _, event in told.events(name)] for name in ("one", "two")
    ]
    assert sorted(ranks[0]) == sorted(ranks[1]) == list(range(12))
    assert ranks[0] != ranks[1], "by chance in one of half a billion runs"


def test_a_lease_that_was_lost_changes_nothing(told: ToldApps) -> None:
    """A process that slept through its lease finds the message delivered by another one."""
    party = ended_session(told)
    store, now = told.app.provider.realm.store, told.app.clock.now()
    [claimed] = store.write(lambda tx: tx.outbox.claim_due(now, now + LEASE_SECONDS, 1))
    told.app.clock.advance(LEASE_SECONDS)
    assert told.deliver() == 1
    store.write(lambda tx: tx.outbox.failed(claimed[0], now))
    assert told.waiting(party) == []
    assert told.deliver() == 0


def test_next_tick_is_the_common_minute_and_next_try_never_lies_behind_the_end() -> None:
    assert [next_tick(now) for now in (0, 1, 59, 60, 61)] == [0, 60, 60, 60, 120]
    message = open_message(b"i" * 16, "logout", "app", b'["sub",null,"jti",1000,"user"]')
    assert next_try(message, 0, 1000) == 1001
    assert next_try(message, 99, 1000) == 1000 + RETRY_SECONDS[-1]
    assert next_try(message, 4, 1000 + GIVE_UP_SECONDS - RETRY_SECONDS[-1]) == 1000 + GIVE_UP_SECONDS
    assert next_try(message, 4, 1001 + GIVE_UP_SECONDS - RETRY_SECONDS[-1]) is None


def put_event(told: ToldApps, party: RelyingParty, name: str) -> None:
    """One more event for an app, as the services put it."""
    number = next(told.app._numbers)
    payload = f'["subject {name} {number}",null,"jti {name} {number}",{told.app.clock.now()},"user"]'.encode()
    message_id = number.to_bytes(16, "big")
    told.app.provider.realm.store.write(
        lambda tx: tx.outbox.put(message_id, "consent_withdrawn", party.id, payload, told.app.clock.now())
    )


def put_messages(told: ToldApps, server: ListeningApp, count: int) -> None:
    """`count` events for three apps, all due."""
    parties = [(name, told.register(name, events=True)) for name in ("one", "two", "three")]
    for number in range(count):
        name, party = parties[number % len(parties)]
        put_event(told, party, name)


def together(works: list[Callable[[], int]]) -> list[int]:
    """Run all at the same moment; their results."""
    barrier, results = threading.Barrier(len(works)), [-1] * len(works)

    def run(index: int) -> None:
        barrier.wait()
        results[index] = works[index]()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results
