"""Once is once: eight threads, two processes, and two writers that cross."""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from crypto.keyring import KeyRing
from idp.domain.errors import Conflict, Unavailable
from idp.domain.signing_key import KeyState, StoredKey
from idp.storage.sql.store import SqlStore
from tests.need import ROOT
from tests.storage.databases import Database
from tests.storage.groups import in_one_group
from tests.storage.things import NOW, a_consent, a_grant, an_account, consenting

RACERS = 8


def _race(stores: list[SqlStore], unit: Callable[[Any], Any], key: bytes = b"") -> list[Any]:
    """The outcomes of `RACERS` threads that run `unit` at the same moment, shared out among the stores."""
    start = threading.Barrier(RACERS)

    def run(number: int) -> Any:
        start.wait(20)
        try:
            return stores[number % len(stores)].write(unit, key)
        except Conflict:
            return Conflict

    with ThreadPoolExecutor(RACERS) as threads:
        return list(threads.map(run, range(RACERS)))


@pytest.fixture
def stores(store: SqlStore, open_another: Callable[[], SqlStore]) -> list[SqlStore]:
    """Two stores with a writer each, as two processes have them."""
    return [store, open_another()]


def test_code_is_redeemed_once_by_eight_racing_clients(stores: list[SqlStore]) -> None:
    _, consent = consenting(stores[0])
    for _ in range(25):
        grant = a_grant(consent)
        won = _race(stores, lambda tx, grant=grant: tx.grants.claim_code(grant), grant.id)
        assert sorted(won) == [False] * 7 + [True]


def test_code_is_redeemed_once_by_two_racing_processes(database: Database, store: SqlStore, ring: KeyRing) -> None:
    _, consent = consenting(store)
    codes = [a_grant(consent).id.hex() for _ in range(300)]
    told = database.data_dir / "told.json"
    told.write_text(json.dumps({
        "url": database.url, "data_dir": str(database.data_dir), "issuer": ring.issuer,
        "ring": ring.serialize().decode(), "account_id": consent.account_id.hex(), "consent_id": consent.id.hex(),
        "codes": codes,
    }))
    command = [sys.executable, "-m", "tests.storage.racer", told]
    racers = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [racer.stdout.readline() for racer in racers] == ["ready\n"] * 2
    for racer in racers:
        racer.stdin.write("go\n")
        racer.stdin.flush()
    outputs = [racer.communicate(timeout=60)[0] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0]
    won = Counter(row_id for output in outputs for row_id in json.loads(output))
    assert won == Counter(codes)


def test_a_refresh_token_rotates_once_for_eight_racing_clients(stores: list[SqlStore]) -> None:
    _, consent = consenting(stores[0])
    grant = a_grant(consent)
    stores[0].write(lambda tx: tx.grants.claim_code(grant))
    for generation in range(10):
        won = _race(stores, lambda tx, g=generation: tx.grants.claim_rotation(grant.id, g, NOW), grant.id)
        assert sorted(won) == [False] * 7 + [True]


def test_a_one_time_value_is_spent_once(stores: list[SqlStore]) -> None:
    for number in range(10):
        won = _race(stores, lambda tx, n=number: tx.spent.claim("dpop", b"%d" % n, NOW))
        assert sorted(won) == [False] * 7 + [True]


def test_a_document_belongs_to_one_account(stores: list[SqlStore]) -> None:
    accounts = [an_account() for _ in range(RACERS)]
    stores[0].write(lambda tx: [tx.accounts.add(account) for account in accounts])
    start = threading.Barrier(RACERS)

    def claim(number: int) -> bool:
        start.wait(20)
        return stores[number % 2].write(lambda tx: tx.accounts.claim_dedup_index(accounts[number].id, bytes(32)))

    with ThreadPoolExecutor(RACERS) as threads:
        won = list(threads.map(claim, range(RACERS)))
    assert sorted(won) == [False] * 7 + [True]


def test_a_user_name_goes_to_one_of_eight(stores: list[SqlStore]) -> None:
    index = bytes(range(32))
    won = _race(stores, lambda tx: tx.accounts.add(an_account(username_index=index)))
    assert Counter(won) == {None: 1, Conflict: 7}


def test_tries_are_counted_without_loss(stores: list[SqlStore]) -> None:
    counts = [count for _ in range(5) for count in _race(stores, lambda tx: tx.attempts.add(b"key", NOW, NOW + 9))]
    assert sorted(counts) == list(range(1, 41))


def test_consents_given_at_once_leave_one_active(stores: list[SqlStore]) -> None:
    account, _ = consenting(stores[0])
    outcomes = _race(stores, lambda tx: tx.consents.give(a_consent(account)), account.id)
    assert outcomes == [None] * RACERS
    assert len(stores[0].read(lambda tx: tx.consents.active(account.id, "app"))) == 1
    assert len(stores[0].read(lambda tx: tx.consents.of_account(account.id))) == RACERS + 1


def test_guardian_links_are_read_and_replaced_without_loss(stores: list[SqlStore]) -> None:
    account, _ = consenting(stores[0])

    def link(tx: Any) -> None:
        held = tx.accounts.get(account.id)
        tx.accounts.set_links(account.id, (*held.guardians, an_account().id), held.children)

    _race(stores, link, account.id)
    held = stores[0].read(lambda tx: tx.accounts.get(account.id))
    assert held is not None and len(set(held.guardians)) == RACERS


def test_a_signing_key_moves_once(stores: list[SqlStore]) -> None:
    stores[0].write(lambda tx: tx.keys.add_signing_key(StoredKey("kid", "ES256", b"x", KeyState.NEXT, NOW)))
    moved = _race(stores, lambda tx: tx.keys.move("kid", KeyState.NEXT, KeyState.ACTIVE, NOW))
    assert sorted(moved) == [False] * 7 + [True]


def test_a_message_is_leased_to_one_sender(stores: list[SqlStore]) -> None:
    for number in range(6):
        stores[0].write(lambda tx, n=number: tx.outbox.put(bytes([n]) * 16, "logout", "app", b"", NOW))
    leased = _race(stores, lambda tx: tx.outbox.claim_due(NOW, NOW + 60, 2))
    ids = [row[0] for rows in leased for row in rows]
    assert len(ids) == len(set(ids)) == 6


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_two_groups_that_cross_lose_no_unit(stores: list[SqlStore]) -> None:
    _, consent = consenting(stores[0])
    grants = [a_grant(consent) for _ in range(32)]
    met = [threading.Event(), threading.Event()]

    def unit(side: int, number: int) -> Callable[[Any], bool]:
        def claim(tx: Any) -> bool:
            won: bool = tx.grants.claim_code(grants[number])
            if number == (0, 31)[side]:
                # Each writer holds its first row before the other one comes for it.
                met[side].set()
                met[1 - side].wait(5)
            return won

        return claim

    # The keys make one writer go up and the other go down.
    orders = [[(unit(0, n), bytes([n])) for n in range(32)], [(unit(1, n), bytes([32 - n])) for n in range(32)]]
    with ThreadPoolExecutor(2) as threads:
        groups = list(threads.map(in_one_group, stores, orders))
    for number in range(32):
        assert sorted(group[number].result() for group in groups) == [False, True]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_row_that_is_held_elsewhere_stops_its_own_unit_only(store: SqlStore, database: Database) -> None:
    _, consent = consenting(store)
    grants = [a_grant(consent) for _ in range(8)]
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in grants])
    with database.raw() as connection, connection.transaction():
        connection.execute(b"SELECT id FROM grants WHERE id = %s FOR UPDATE", [grants[3].id])
        units = [
            (lambda tx, grant=grant: tx.grants.claim_rotation(grant.id, 0, NOW), grant.id) for grant in grants
        ]
        outcomes = in_one_group(store, units)
    assert isinstance(outcomes.pop(3).exception(), Unavailable)
    assert [outcome.result() for outcome in outcomes] == [True] * 7
    assert store.write(units[3][0]) is True, "and it was not done in secret"
