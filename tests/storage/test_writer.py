"""Grouped commits: many units share one disk flush, and no unit pays for another."""

import gc
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text

from idp.domain.errors import Busy, Conflict, Refused, Unavailable
from idp.storage.sql import writer as writer_module
from idp.storage.sql.runner import Trouble
from idp.storage.sql.statement import Statement
from idp.storage.sql.store import SqlStore
from idp.storage.sql.writer import CAREFUL_GROUPS, GROUP_MAX
from tests.storage.databases import Database
from tests.storage.groups import commits, in_one_group, wait_until
from tests.storage.things import NOW, a_session, an_account, consenting

_NONSENSE = Statement(text("DELETE FROM nowhere"))


def _claim(number: int) -> Any:
    return lambda tx: tx.keys.claim_meta(f"n{number}", "x")


def _names(database: Database) -> set[str]:
    return {row[0] for row in database.rows("SELECT name FROM meta")}


def test_units_that_wait_together_share_one_commit_and_need_no_savepoint(store: SqlStore, database: Database) -> None:
    spoken = commits(store)
    outcomes = in_one_group(store, [(_claim(number), b"%d" % number) for number in range(32)])
    assert all(outcome.result() for outcome in outcomes)
    assert spoken == ["begin", "commit", "begin", "commit"], "one for the unit that held the writer up, one for all"
    assert len(_names(database)) == 32


def test_a_single_unit_pays_for_no_savepoint(store: SqlStore) -> None:
    spoken = commits(store)
    store.write(_claim(1))
    assert spoken == ["begin", "commit"]


def test_a_group_has_its_limit(store: SqlStore) -> None:
    spoken = commits(store)
    in_one_group(store, [(_claim(number), b"") for number in range(GROUP_MAX + 1)])
    assert spoken.count("commit") == 3


def test_units_of_a_group_run_in_the_order_of_their_keys(store: SqlStore) -> None:
    ran: list[bytes] = []
    keys = [b"c", b"a", b"d", b"b"]
    in_one_group(store, [(lambda tx, key=key: ran.append(key), key) for key in keys])
    assert ran == sorted(keys)


def test_a_unit_that_violates_a_constraint_harms_no_other_in_its_group(store: SqlStore, database: Database) -> None:
    def wrong(tx: Any) -> None:
        tx.keys.claim_meta("half", "x")
        tx.sessions.add(a_session(an_account()))

    units = [(_claim(number), b"%02d" % number) for number in range(31)]
    units.insert(16, (wrong, b"15b"))
    outcomes = in_one_group(store, units)
    failed = outcomes.pop(16)
    assert isinstance(failed.exception(), Conflict)
    assert all(outcome.result() is True for outcome in outcomes)
    assert _names(database) == {f"n{number}" for number in range(31)}, "half of the wrong unit is gone"


def test_an_exception_of_a_unit_undoes_that_unit_alone_and_is_raised(store: SqlStore, database: Database) -> None:
    def refusing(tx: Any) -> None:
        tx.keys.claim_meta("half", "x")
        raise Refused("age", "too young")

    outcomes = in_one_group(store, [(_claim(1), b"1"), (refusing, b"2"), (_claim(3), b"3")])
    error = outcomes[1].exception()
    assert isinstance(error, Refused) and error.reason == "age"
    assert [outcomes[0].result(), outcomes[2].result()] == [True, True]
    assert _names(database) == {"n1", "n3"}


def test_a_refusal_before_any_change_costs_the_group_nothing(store: SqlStore, database: Database) -> None:
    def refusing(tx: Any) -> None:
        assert tx.keys.meta("nothing") is None
        raise Refused("age", "too young")

    spoken = commits(store)
    outcomes = in_one_group(store, [(_claim(1), b"1"), (refusing, b"2"), (_claim(3), b"3")])
    assert isinstance(outcomes[1].exception(), Refused)
    assert spoken == ["begin", "commit"] * 2
    assert _names(database) == {"n1", "n3"}


def test_after_a_failure_groups_are_careful_for_a_while(store: SqlStore) -> None:
    def refusing(tx: Any) -> None:
        tx.keys.claim_meta("half", "x")
        raise Refused("age", "too young")

    units = [(_claim(1), b"1"), (refusing, b"2"), (_claim(3), b"3")]
    in_one_group(store, units)
    spoken = commits(store)
    in_one_group(store, units)
    assert "rollback" not in spoken, "expecting failure, the second group began with savepoints"
    assert spoken.count("savepoint") == 3 and spoken.count("rollback_to_savepoint") == 1
    for _ in range(CAREFUL_GROUPS):
        store.write(_claim(9))
    spoken.clear()
    in_one_group(store, [(_claim(5), b"5"), (_claim(6), b"6")])
    assert "savepoint" not in spoken


def test_what_a_unit_decided_on_a_change_that_was_undone_is_decided_again(store: SqlStore) -> None:
    def half(tx: Any) -> None:
        assert tx.keys.claim_meta("prize", "x")
        raise Refused("no", "no")

    outcomes = in_one_group(store, [(half, b"1"), (lambda tx: tx.keys.claim_meta("prize", "y"), b"2")])
    assert isinstance(outcomes[0].exception(), Refused)
    assert outcomes[1].result() is True


def test_two_claims_of_one_thing_in_one_group_have_one_winner(store: SqlStore) -> None:
    outcomes = in_one_group(store, [(_claim(1), b"same")] * 8)
    assert sorted(outcome.result() for outcome in outcomes) == [False] * 7 + [True]


def test_a_failing_commit_is_told_to_every_unit_of_the_group(store: SqlStore, database: Database) -> None:
    if database.backend == "sqlite":
        def doom(tx: Any) -> None:
            tx.run.connection.execute("PRAGMA defer_foreign_keys=ON")
            tx.sessions.add(a_session(an_account()))
    else:
        database.execute(
            "CREATE OR REPLACE FUNCTION refuse_late() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE foreign_key_violation; END $$"
        )
        database.execute(
            "CREATE CONSTRAINT TRIGGER refuse_late AFTER INSERT ON wrapped_keys "
            "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_late()"
        )

        def doom(tx: Any) -> None:
            tx.keys.claim_wrapped("doomed", b"x")

    def refusing(tx: Any) -> None:
        raise Refused("no", "no")

    try:
        units = [(_claim(number), b"%02d" % number) for number in range(8)]
        outcomes = in_one_group(store, [*units, (doom, b"99"), (refusing, b"98")])
        assert [type(outcome.exception()) for outcome in outcomes] == [Unavailable] * 10
        assert len({id(outcome.exception()) for outcome in outcomes}) == 10, "each has an error of its own"
        assert _names(database) == set()
        assert store.write(_claim(1)), "the next write works"
    finally:
        if database.backend == "postgresql":
            database.execute("DROP TRIGGER refuse_late ON wrapped_keys")


def test_a_mistake_in_a_unit_is_raised_as_it_is(store: SqlStore, database: Database) -> None:
    def mistaken(tx: Any) -> None:
        tx.keys.claim_meta("half", "x")
        tx.run.change(_NONSENSE)

    def worse(tx: Any) -> None:
        tx.keys.claim_meta("half", "x")
        raise ZeroDivisionError

    outcomes = in_one_group(store, [(_claim(1), b"1"), (mistaken, b"2"), (worse, b"3"), (_claim(4), b"4")])
    assert "nowhere" in str(outcomes[1].exception())
    assert isinstance(outcomes[2].exception(), ZeroDivisionError)
    assert _names(database) == {"n1", "n4"}


def test_a_unit_cannot_hide_an_error_of_the_database(store: SqlStore, database: Database) -> None:
    def hiding(tx: Any) -> str:
        try:
            tx.sessions.add(a_session(an_account()))
        except Exception:
            return "nothing happened"
        return "added"

    outcomes = in_one_group(store, [(_claim(1), b"1"), (hiding, b"2"), (_claim(3), b"3")])
    if database.backend == "postgresql":
        # There the transaction is dead after an error: what came after it would be lost without a word.
        assert outcomes[1].exception() is not None
        with pytest.raises(Unavailable):
            store.write(hiding)
    assert (outcomes[0].result(), outcomes[2].result()) == (True, True)
    assert _names(database) == {"n1", "n3"}


def test_a_unit_may_not_write_through_the_store(store: SqlStore) -> None:
    with pytest.raises(RuntimeError, match="wait for itself"):
        store.write(lambda tx: store.write(_claim(1)))


def test_a_unit_of_read_cannot_write(store: SqlStore, database: Database) -> None:
    account = an_account()
    with pytest.raises(Exception, match="(?i)read-?only") as caught:
        store.read(lambda tx: tx.accounts.add(account))
    assert not isinstance(caught.value, Unavailable), "a mistake of ours is not the database's fault"
    assert database.rows("SELECT * FROM accounts") == []


def test_a_read_sees_what_was_written_before_and_a_snapshot_one_moment(store: SqlStore) -> None:
    account, _ = consenting(store)

    def look(tx: Any) -> tuple[bool, bool]:
        before = tx.accounts.get(account.id) is not None
        with ThreadPoolExecutor(1) as other:
            other.submit(store.write, lambda tx: tx.keys.claim_meta("during", "x")).result(10)
        return before, tx.keys.meta("during") is not None

    assert store.read(look, snapshot=True) == (True, False)
    assert store.read(lambda tx: tx.keys.meta("during")) == "x"


def test_a_full_queue_says_so_at_once(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_MAX", 4)
    held, free = threading.Event(), threading.Event()
    with ThreadPoolExecutor(6) as threads:
        threads.submit(store.write, lambda tx: (held.set(), free.wait(20)))
        assert held.wait(20)
        waiting = [threads.submit(store.write, _claim(number)) for number in range(4)]
        while store._writer._queue.qsize() < 4:
            pass
        with pytest.raises(Busy):
            store.write(_claim(9))
        free.set()
        assert all(outcome.result(20) for outcome in waiting)


def test_a_group_that_takes_too_long_is_undone_and_refused(
    store: SqlStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that is slow but answers must not keep anybody longer than a proxy waits."""
    monkeypatch.setattr(writer_module, "PATIENCE", 0.5)

    def slow(tx: Any, number: int) -> Any:
        time.sleep(0.2)
        return tx.keys.claim_meta(f"n{number}", "x")

    units = [(lambda tx, number=number: slow(tx, number), b"%02d" % number) for number in range(12)]
    outcomes = in_one_group(store, units)
    assert all(isinstance(outcome.exception(20), Unavailable) for outcome in outcomes)
    assert _names(database) == set()
    assert store.write(_claim(1)), "and the next is served"


def test_who_waited_too_long_for_a_turn_is_refused_and_has_written_nothing(
    store: SqlStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PATIENCE", 0.5)
    held, free = threading.Event(), threading.Event()

    def hold(tx: Any) -> None:
        held.set()
        assert free.wait(20)

    with ThreadPoolExecutor(4) as threads:
        holding = threads.submit(store.write, hold)
        assert held.wait(20)
        early = [threads.submit(store.write, _claim(number)) for number in range(2)]
        writer = store._writer
        assert writer is not None
        wait_until(lambda: writer._queue.qsize() == 2)
        time.sleep(0.6)
        late = threads.submit(store.write, _claim(2))
        wait_until(lambda: writer._queue.qsize() == 3)
        free.set()
        holding.result(20)
        assert all(isinstance(outcome.exception(20), Busy) for outcome in early)
        assert late.result(20)
    assert _names(database) == {"n2"}


class _Contended(Exception):
    """What a database says when others hold its rows."""


class _SlowToBegin:
    """Of a runner what the writer uses; each transaction takes its time to begin."""

    changed = 0

    def begin(self) -> None:
        time.sleep(0.3)

    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def close(self) -> None: ...

    def trouble(self, error: Exception) -> Trouble | None:
        return Trouble.CONTENTION if isinstance(error, _Contended) else None


def test_time_that_runs_out_between_single_units_takes_back_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is committed when the second begins past the limit: it has been done, and is told so."""
    monkeypatch.setattr(writer_module, "PATIENCE", 0.8)
    tried: list[str] = []

    def run(tx: Any, name: str) -> str:
        tried.append(name)
        if len(tried) == 1:
            raise _Contended
        return name

    writer = writer_module.GroupingWriter(lambda: SimpleNamespace(run=_SlowToBegin()))  # type: ignore[arg-type,return-value]
    units = [writer_module._Unit(lambda tx, name=name: run(tx, name), name.encode()) for name in ("a", "b")]
    writer._commit(units)
    writer.close()
    assert tried[:2] == ["a", "a"]
    assert (units[0].result, units[0].error) == ("a", None)


def test_closing_finishes_what_waits_and_refuses_what_comes_later(store: SqlStore, database: Database) -> None:
    held, free = threading.Event(), threading.Event()
    with ThreadPoolExecutor(9) as threads:
        threads.submit(store.write, lambda tx: (held.set(), free.wait(20)))
        assert held.wait(20)
        waiting = [threads.submit(store.write, _claim(number)) for number in range(6)]
        while store._writer._queue.qsize() < 6:
            pass
        closing = threads.submit(store.close)
        free.set()
        closing.result(20)
        assert all(outcome.result(20) for outcome in waiting)
    assert len(_names(database)) == 6
    for call in (store.ping, lambda: store.write(_claim(9)), lambda: store.read(_claim(9))):
        with pytest.raises(Unavailable):
            call()
    store.close()


def test_an_error_leaves_no_circle_for_the_collector(store: SqlStore) -> None:
    class Thing:
        pass

    thing = Thing()
    seen = weakref.ref(thing)

    def unit(tx: Any, held: Thing = thing) -> None:
        raise Refused("no", "no")

    gc.collect()
    gc.disable()
    try:
        with pytest.raises(Refused) as caught:
            store.write(unit)
        del unit, thing, caught
        store.write(_claim(1))
        assert seen() is None
    finally:
        gc.enable()


def test_the_right_rows_are_written_by_thirty_two_threads_at_once(store: SqlStore) -> None:
    accounts = [consenting(store)[0] for _ in range(4)]

    def add(number: int) -> int:
        session = a_session(accounts[number % 4], auth_time=NOW - number)
        store.write(lambda tx: tx.sessions.add(session), session.id)
        found = store.read(lambda tx: tx.sessions.get(session.id))
        return 0 if found == session else 1

    with ThreadPoolExecutor(32) as threads:
        assert sum(threads.map(add, range(640))) == 0
    assert sum(len(store.read(lambda tx, a=account: tx.sessions.of_account(a.id))) for account in accounts) == 640
