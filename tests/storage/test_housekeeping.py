"""Expired rows go, in bites; what may still be needed stays."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import bindparam as param
from sqlalchemy import func, select

from idp.domain.app_use import DayOfUse, Use
from idp.domain.clock import SKEW_SECONDS
from idp.domain.errors import Unavailable
from idp.storage.sql import engine_postgresql
from idp.storage.sql.expiry import SPENT_KEPT_SECONDS, Expiries
from idp.storage.sql.housekeeping import (
    BY_EXPIRY,
    DEVICE_GRANT_GRACE_SECONDS,
    GRANT_GRACE_SECONDS,
    GRANTS_SEEN_PER_LIMIT,
    SqlHousekeeping,
)
from idp.storage.sql.statement import Statement
from idp.storage.sql.store import SqlStore
from idp.storage.sql.tables import grants
from tests.storage.databases import Database
from tests.storage.things import NOW, a_device_grant, a_grant, a_session, a_staff_member, a_staff_session, consenting

GONE = NOW - SPENT_KEPT_SECONDS
"""The latest end of a one-time value whose marker may go."""


def test_what_has_expired_is_deleted_and_nothing_else(store: SqlStore) -> None:
    account, consent = consenting(store)
    sessions = [a_session(account, expires_at=NOW + late) for late in (0, 1)]
    grants = [a_grant(consent, expires_at=NOW - GRANT_GRACE_SECONDS + late) for late in (0, 1)]
    store.write(lambda tx: [tx.sessions.add(session) for session in sessions])
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in grants])
    devices = [a_device_grant(expires_at=NOW - DEVICE_GRANT_GRACE_SECONDS + late) for late in (0, 1)]
    store.write(lambda tx: [tx.device_grants.add(device) for device in devices])
    for late in (0, 1):
        spent = NOW - SPENT_KEPT_SECONDS + late
        store.write(lambda tx, late=late, spent=spent: tx.spent.claim("dpop", b"%d" % late, spent))
        store.write(lambda tx, late=late: tx.attempts.add(b"key", NOW + late, NOW + late))
        store.write(lambda tx, late=late: tx.recovery_codes.add(account.id, bytes([late]) * 32, NOW + late))
    member = a_staff_member()
    store.write(lambda tx: tx.staff.add(member))
    staff = [a_staff_session(member, expires_at=NOW + late) for late in (0, 1)]
    store.write(lambda tx: [tx.staff_sessions.add(session) for session in staff])
    for late in (0, 1):
        use = DayOfUse("app", NOW + late, Use.ASKED, 1)
        store.write(lambda tx, use=use, late=late: tx.app_use.add(use, NOW + late))
    purged = store.write(lambda tx: tx.housekeeping.purge(NOW, 100))
    assert purged == {
        "sessions": 1, "spent": 1, "attempts": 1, "device_grants": 1, "outbox": 0, "grants": 1,
        "recovery_codes": 1, "staff_sessions": 1, "app_use": 1,
    }
    assert store.read(lambda tx: tx.sessions.of_account(account.id)) == sessions[1:]
    assert store.read(lambda tx: tx.grants.of_account(account.id)) == grants[1:]
    assert [store.read(lambda tx, one=one: tx.device_grants.get(one.id)) for one in devices] == [None, devices[1]]
    assert store.read(lambda tx: (tx.attempts.count(b"key", NOW), tx.attempts.count(b"key", NOW + 1))) == (0, 1)
    assert not store.write(lambda tx: tx.spent.claim("dpop", b"1", NOW))
    assert store.read(lambda tx: tx.consents.active(account.id, "app")) == [consent]


def test_no_bite_is_larger_than_its_limit_and_all_bites_together_take_everything(
    store: SqlStore, database: Database
) -> None:
    _, consent = consenting(store)
    expired = [a_grant(consent, expires_at=NOW - GRANT_GRACE_SECONDS) for _ in range(70)]
    living = [a_grant(consent) for _ in range(10)]
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in (*expired, *living)])
    store.write(lambda tx: [tx.spent.claim("dpop", b"%d" % number, GONE) for number in range(7)])
    bites = [store.write(lambda tx: tx.housekeeping.purge(NOW, 3)) for _ in range(60)]
    assert all(count <= 3 for bite in bites for count in bite.values())
    assert sum(bite["grants"] for bite in bites) == 70
    assert sum(bite["spent"] for bite in bites) == 7
    assert database.rows("SELECT count(*) FROM grants") == [(10,)]


def test_a_node_whose_clock_is_fast_leaves_what_the_slowest_still_takes(store: SqlStore) -> None:
    """Nodes are ready up to 30 s off the database's clock: a value must not work once at each of two of them."""
    expires_at = NOW
    fast, slow = expires_at - 1 + 2 * SKEW_SECONDS, expires_at - 1
    assert store.write(lambda tx: tx.spent.claim("par", b"value", expires_at))
    store.write(lambda tx: tx.housekeeping.purge(fast, 100))
    assert slow < expires_at, "the slow node takes the value for fresh"
    assert not store.write(lambda tx: tx.spent.claim("par", b"value", expires_at))


def test_grants_at_the_end_of_a_long_table_have_their_turn(store: SqlStore) -> None:
    _, consent = consenting(store)
    seen = GRANTS_SEEN_PER_LIMIT * 2
    living = [a_grant(consent, id=number.to_bytes(16, "big")) for number in range(1, seen + 5)]
    last = a_grant(consent, id=(10**6).to_bytes(16, "big"), expires_at=NOW - GRANT_GRACE_SECONDS)
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in (*living, last)])
    assert [store.write(lambda tx: tx.housekeeping.purge(NOW, 2))["grants"] for _ in range(3)] == [0, 1, 0]
    early = a_grant(consent, id=bytes(15) + b"\0", expires_at=NOW - GRANT_GRACE_SECONDS)
    store.write(lambda tx: tx.grants.claim_code(early))
    assert sum(store.write(lambda tx: tx.housekeeping.purge(NOW, 2))["grants"] for _ in range(3)) == 1


def test_a_reader_looks_and_the_writer_begins_where_it_was_told(store: SqlStore) -> None:
    for number in range(9):
        store.write(lambda tx, number=number: tx.spent.claim("dpop", b"%d" % number, GONE - 9 + number))
    seen = store.read(lambda tx: tx.housekeeping.look(NOW, 3, {}))
    assert seen.since == {"spent": GONE - 9}
    assert store.write(lambda tx: tx.housekeeping.purge(NOW, 3, seen))["spent"] == 3
    further = store.read(lambda tx: tx.housekeeping.look(NOW, 3, seen.since))
    assert further.since == {"spent": GONE - 6}
    # Rows before that place are not looked for, and with nothing seen nothing is.
    late, nothing = replace(further, since={"spent": GONE - 1}), replace(further, since={})
    assert store.write(lambda tx: tx.housekeeping.purge(NOW, 9, late))["spent"] == 1
    assert not any(store.write(lambda tx: tx.housekeeping.purge(NOW, 9, nothing)).values())
    assert store.write(lambda tx: tx.housekeeping.purge(NOW, 9))["spent"] == 5


def test_what_came_alive_again_between_look_and_bite_stays(store: SqlStore, database: Database) -> None:
    _, consent = consenting(store)
    grants = [a_grant(consent, expires_at=NOW - GRANT_GRACE_SECONDS) for _ in range(3)]
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in grants])
    seen = store.read(lambda tx: tx.housekeeping.look(NOW, 10, {}))
    database.execute("UPDATE grants SET expires_at = ? WHERE id = ?", NOW, grants[1].id)
    assert store.write(lambda tx: tx.housekeeping.purge(NOW, 10, seen))["grants"] == 2
    assert database.rows("SELECT id FROM grants") == [(grants[1].id,)]


def test_two_processes_do_not_take_the_same_bite(open_another: Callable[[], SqlStore]) -> None:
    one, other = open_another(), open_another()
    _, consent = consenting(one)
    one.write(lambda tx: [tx.grants.claim_code(a_grant(consent, expires_at=0)) for _ in range(9)])
    seen = [store.read(lambda tx: tx.housekeeping.look(NOW, 3, {})) for store in (one, other)]
    assert seen[0] == seen[1]
    assert one.write(lambda tx: tx.housekeeping.purge(NOW, 3, seen[0]))["grants"] == 3
    assert other.write(lambda tx: tx.housekeeping.purge(NOW, 3, seen[1]))["grants"] == 0, "the place has moved on"
    again = other.read(lambda tx: tx.housekeeping.look(NOW, 3, {}))
    assert other.write(lambda tx: tx.housekeeping.purge(NOW, 3, again))["grants"] == 3


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_who_is_at_it_holds_nobody_up(
    open_another: Callable[[], SqlStore], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Long enough that a busy machine is not taken for somebody who waited.
    monkeypatch.setitem(engine_postgresql._SETTINGS, "lock_timeout", "4s")
    store = open_another()
    with database.raw() as other:
        store.write(lambda tx: tx.spent.claim("dpop", b"1", GONE))
        assert not any(store.write(lambda tx: tx.housekeeping.purge(NOW - 1, 3)).values())
        other.execute(b"BEGIN")
        other.execute(b"SELECT value FROM meta WHERE name = 'housekeeping/grants' FOR UPDATE")
        started = time.monotonic()
        assert not any(store.write(lambda tx: tx.housekeeping.purge(NOW, 3)).values())
        assert time.monotonic() - started < 3, "nobody came near lock_timeout"
        other.execute(b"COMMIT")
        other.execute(b"BEGIN")
        other.execute(b"SELECT digest FROM spent FOR UPDATE")
        assert store.write(lambda tx: tx.housekeeping.purge(NOW, 3))["spent"] == 0, "a row that is taken is passed over"
        other.execute(b"COMMIT")
        assert store.write(lambda tx: tx.housekeeping.purge(NOW, 3))["spent"] == 1


def test_every_bite_finds_its_rows_by_an_index(store: SqlStore, database: Database) -> None:
    _, consent = consenting(store)
    store.write(lambda tx: [tx.grants.claim_code(a_grant(consent, expires_at=0)) for _ in range(50)])
    for number in range(50):
        store.write(lambda tx, number=number: tx.spent.claim("dpop", b"%d" % number, NOW))
    plans = Plans(database.backend)
    # Tables that are empty here, too.
    everywhere = {each.table.name: each.floor for each in BY_EXPIRY}
    for _ in range(2):
        store.write(lambda tx: SqlHousekeeping(plans.of(tx.run)).purge(NOW, 3))
        store.write(lambda tx: Expiries(plans.of(tx.run), BY_EXPIRY).remove(NOW, 3, everywhere))
    assert len(plans.lines) > 40
    assert not plans.scans
    whole = Statement(select(func.count()).select_from(grants).where(grants.c.expires_at <= param("now")), "now")
    store.read(lambda tx: plans.of(tx.run).one(whole, NOW))
    assert len(plans.scans) == 1, "a control: this one reads the table"


class Plans:
    """Stands between housekeeping and the database, and asks for the plan of each statement before it runs."""

    def __init__(self, backend: str) -> None:
        self._backend = backend
        self.lines: list[str] = []

    @property
    def scans(self) -> list[str]:
        """Lines that say that a whole table is read; the bite itself is one, of as many rows as it may have."""
        lines = [line.strip(" ->") for line in self.lines]
        return [line for line in lines if line.startswith(("Seq Scan", "SCAN")) and line != "SCAN bite"]

    def of(self, run: Any) -> Any:
        """A runner on the same connection."""
        plans = self

        class Explained:
            def __getattr__(self, name: str) -> Any:
                def explained(statement: Statement, *parameters: object) -> Any:
                    plans.note(run, statement, parameters)
                    return getattr(run, name)(statement, *parameters)

                return explained

        return Explained()

    def note(self, run: Any, statement: Statement, parameters: tuple[object, ...]) -> None:
        """Keep the plan's lines."""
        if self._backend == "sqlite":
            rows = run.connection.execute(f"EXPLAIN QUERY PLAN {statement.sqlite}", parameters).fetchall()
            self.lines += [str(row[3]) for row in rows]
        else:
            cursor = run.connection.execute(b"EXPLAIN " + statement.postgresql, parameters)
            self.lines += [str(row[0]) for row in cursor.fetchall()]


def test_chores_on_postgresql_have_connections_of_their_own(store: SqlStore, database: Database) -> None:
    """A request waits for the writer's group; a chore that takes long must not be in it."""
    aside = store.aside()
    assert aside is store.aside()
    assert (aside is store) == (database.backend == "sqlite")
    aside.write(lambda tx: tx.spent.claim("dpop", b"1", NOW))
    assert not store.write(lambda tx: tx.spent.claim("dpop", b"1", NOW))
    if database.backend == "postgresql":
        begun, done = threading.Event(), threading.Event()
        chore = threading.Thread(target=aside.write, args=(lambda tx: (begun.set(), done.wait(10)),))
        chore.start()
        assert begun.wait(10)
        assert store.write(lambda tx: tx.spent.claim("dpop", b"2", NOW)), "while the chore is still at it"
        done.set()
        chore.join(10)
    store.close()
    with pytest.raises(Unavailable):
        aside.write(lambda tx: tx.spent.claim("dpop", b"3", NOW))
    with pytest.raises(Unavailable):
        store.aside()
