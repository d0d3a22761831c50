"""The writer: one thread that commits all units waiting for it together, so that they share one disk flush.

A group runs at first without savepoints, because hardly a unit ever fails after it has changed something. If one
does, the group is rolled back and runs again with a savepoint around each unit. If the database itself gets in the
way of one (a lock, a deadlock), the units run again, each in a transaction of its own.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from math import inf
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread, get_ident, main_thread
from time import monotonic
from typing import Any

from idp.domain.errors import Busy, Unavailable
from idp.storage.sql.reader_pool import close_quietly
from idp.storage.sql.runner import Trouble, refusal
from idp.storage.sql.transaction import SqlTransaction

GROUP_MAX = 64
QUEUE_MAX = 512
# Seconds a caller may wait for a group, and a group may take, retries included. Whoever has not had a turn by then is
# told to come back. With the last statement (5 s on PostgreSQL) that is less than a proxy waits for an answer.
PATIENCE = 4.0
SINGLE_TRIES = 3
# Groups that run with savepoints from the start after one has needed them.
CAREFUL_GROUPS = 16


class _Unit:
    """One caller's work and, when `done` is released, what became of it: a failure unless shown otherwise.

    `verdict` is what the unit has come to; it counts, as `error`, once the transaction has ended. `next` is who is
    woken after it; nobody where the caller `may_leave` before. Units of the same `units` differ in `item` only.
    """

    __slots__ = ("asked", "done", "error", "item", "key", "may_leave", "next", "result", "run", "units", "verdict")

    def __init__(self, run: Callable[[Any], Any], key: bytes, units: Any = None, item: Any = None) -> None:
        self.run = run
        self.key = key
        self.units = units
        self.item = item
        self.asked = monotonic()
        # A signal's handler runs in the main thread, and may raise there at any moment of the waiting.
        self.may_leave = get_ident() == main_thread().ident
        self.next: _Unit | None = None
        self.result: Any = None
        self.error: BaseException | None = Unavailable("not done")
        self.verdict: Exception | None = None
        self.done = Lock()
        self.done.acquire()


class _RunAgain(Exception):
    """A unit failed after it had changed something: the group needs savepoints."""


class _OneByOne(Exception):
    """The database got in the way of a unit: the group must be taken apart."""


class _Lost(Exception):
    """The connection broke before COMMIT, so that nothing was done."""


class _Doubtful(Exception):
    """COMMIT failed: it may have been done or not, so nobody is told that it was."""


def _key(unit: _Unit) -> bytes:
    return unit.key


class GroupingWriter:
    """Runs units in groups on a connection that `connect` opens, and opens again after it broke."""

    def __init__(self, connect: Callable[[], SqlTransaction]) -> None:
        self._connect = connect
        self._queue: SimpleQueue[_Unit | None] = SimpleQueue()
        self._tx: SqlTransaction | None = None
        self._careful = 0
        self._closed = Event()
        self._thread = Thread(target=self._serve, name="storage-writer", daemon=True)
        self._thread.start()

    def write(self, run: Callable[[Any], Any], key: bytes) -> Any:
        """Run a unit and return its result once it is on disk. See `idp.domain.ports.Store.write`."""
        return self._write(_Unit(run, key))

    def write_each(self, units: Callable[[Any, Sequence[Any]], Sequence[Any]], item: Any, key: bytes) -> Any:
        """The same for a unit among others of its kind. See `idp.domain.ports.Store.write_each`."""
        return self._write(_Unit(lambda tx: units(tx, (item,))[0], key, units, item))

    def _write(self, unit: _Unit) -> Any:
        if self._closed.is_set():
            raise Unavailable("the store is closed")
        if self._queue.qsize() >= QUEUE_MAX:
            raise Busy("too many writes are waiting")
        if get_ident() == self._thread.ident:
            raise RuntimeError("a unit may not call Store.write: it would wait for itself")
        self._queue.put(unit)
        if self._closed.is_set():
            # Closed in this moment, so perhaps nobody is there to answer.
            self._thread.join()
            self._refuse(self._waiting(), Unavailable("the store is closed"))
        unit.done.acquire()
        if unit.next is not None:
            unit.next.done.release()
        # The error's traceback leads back to here: the circle is cut, not left to the collector.
        error, unit.error = unit.error, None
        if error is not None:
            try:
                raise error
            finally:
                del error
        return unit.result

    def close(self) -> None:
        """Commit what waits, then end the thread and the connection."""
        if not self._closed.is_set():
            self._closed.set()
            self._queue.put(None)
            self._thread.join()

    def _serve(self) -> None:
        while self._serve_group():
            pass
        self._refuse(self._waiting(), Unavailable("the store is closed"))
        self._disconnect()

    def _serve_group(self) -> bool:
        """Wait for a unit and commit it with all that wait behind it; False when the store was closed."""
        group: list[_Unit] = []
        unit = self._queue.get()
        try:
            while unit is not None:
                group.append(unit)
                if len(group) == GROUP_MAX:
                    break
                unit = self._queue.get_nowait()
        except Empty:
            pass
        # In the order of their coming: only where the first has waited for too long, others may have as well.
        if group and group[0].asked + PATIENCE < (now := monotonic()):
            late = [unit for unit in group if unit.asked + PATIENCE < now]
            self._refuse(late, Busy("the database is too slow"))
            group = group[len(late) :]
        if group:
            self._commit(group)
        return unit is not None

    def _commit(self, group: list[_Unit]) -> None:
        group.sort(key=_key)
        started = monotonic()
        try:
            try:
                self._attempt(group, started)
            except _Lost:
                # Most likely the server went away while nothing was going on. But one that has just kept us
                # waiting gets no second helping.
                if monotonic() - started > 1.0:
                    raise Unavailable("the database did not answer") from None
                self._attempt(group, started)
        except _Doubtful as error:
            self._refuse(group, Unavailable(*error.args))
        except _Lost:
            self._give_up(group, Unavailable("the connection to the database broke"))
        except Unavailable as error:
            self._give_up(group, error)
        except BaseException as error:
            # Not foreseen. Nobody may wait for ever because of it, and it is this error that counts.
            with suppress(Exception):
                self._disconnect()
            for unit in group:
                unit.error = error
                unit.done.release()
        else:
            _wake(group)

    def _attempt(self, group: Sequence[_Unit], started: float) -> None:
        tx = self._tx
        if tx is None:
            tx = self._tx = self._connect()
        if self._careful:
            self._careful -= 1
        try:
            try:
                self._together(tx, group, savepoints=self._careful > 0 and len(group) > 1, until=started + PATIENCE)
            except _RunAgain:
                self._careful = CAREFUL_GROUPS
                self._together(tx, group, savepoints=True, until=started + PATIENCE)
        except _OneByOne:
            self._one_by_one(tx, group, started + PATIENCE)

    def _together(self, tx: SqlTransaction, group: Sequence[_Unit], savepoints: bool, until: float) -> None:
        """Run and commit a group. Only then is any unit told that it has succeeded. Unavailable past `until`."""
        run = tx.run
        try:
            run.begin()
            alone = group if savepoints or len(group) == 1 else self._alike(tx, group)
            for unit in alone:
                if monotonic() > until:
                    raise Unavailable("the database is too slow")
                before = run.changed
                unit.verdict = None
                if savepoints:
                    run.savepoint()
                try:
                    unit.result = unit.run(tx)
                    if savepoints:
                        run.release()
                except Exception as error:
                    trouble = run.trouble(error)
                    if trouble in (Trouble.GONE, Trouble.CONTENTION):
                        raise
                    unit.verdict = error if trouble is None else refusal(trouble, error)
                    if savepoints:
                        run.rollback_to_savepoint()
                    # What only looked and then refused has left nothing to undo.
                    elif trouble is not None or run.changed != before:
                        run.rollback()
                        if len(group) == 1:
                            unit.error, unit.verdict = unit.verdict, None
                            return
                        raise _RunAgain from None
        except _RunAgain:
            raise
        except Exception as error:
            self._stand_back(tx, error)
        try:
            run.commit()
        except Exception as error:
            self._disconnect()
            trouble = run.trouble(error)
            if trouble is None:
                raise
            raise _Doubtful(f"COMMIT failed: {type(error).__name__}") from None
        for unit in group:
            unit.error, unit.verdict = unit.verdict, None

    def _alike(self, tx: SqlTransaction, group: Sequence[_Unit]) -> Sequence[_Unit]:
        """Run units of a kind in one go; returns those that are left to be run alone."""
        kinds: dict[Any, list[_Unit]] = {}
        alone: list[_Unit] = []
        for unit in group:
            if unit.units is None:
                alone.append(unit)
            else:
                kinds.setdefault(unit.units, []).append(unit)
        for units, members in kinds.items():
            try:
                results = units(tx, [unit.item for unit in members])
            except Exception as error:
                if tx.run.trouble(error) in (Trouble.GONE, Trouble.CONTENTION):
                    raise
                # One of them is at fault, and which one shows when each runs alone.
                tx.run.rollback()
                raise _RunAgain from None
            for unit, unit.result in zip(members, results, strict=True):
                unit.verdict = None
        return alone

    def _stand_back(self, tx: SqlTransaction, error: Exception) -> None:
        """Undo a group of which a statement failed through no fault of its unit; raises what is to be done."""
        trouble = tx.run.trouble(error)
        if trouble is Trouble.CONTENTION:
            try:
                tx.run.rollback()
            except Exception as worse:
                error, trouble = worse, tx.run.trouble(worse)
            else:
                raise _OneByOne from None
        self._disconnect()
        if trouble is Trouble.GONE:
            raise _Lost from None
        raise error

    def _one_by_one(self, tx: SqlTransaction, group: Sequence[_Unit], deadline: float) -> None:
        """Run each unit in its own transaction. What is done stays done: from here on no group runs again."""
        for unit in group:
            unit.error = Unavailable("others hold the rows, or the database is too slow")
        for number, unit in enumerate(group):
            for _ in range(SINGLE_TRIES):
                if monotonic() > deadline:
                    return
                try:
                    # No limit of its own: to give up in here would take back what others were promised before.
                    self._together(tx, [unit], savepoints=False, until=inf)
                except _OneByOne:
                    continue
                except (_Lost, _Doubtful):
                    for left in group[number:]:
                        left.error = Unavailable("the connection to the database broke")
                    return
                break

    def _waiting(self) -> list[_Unit]:
        waiting: list[_Unit] = []
        ended = False
        try:
            while True:
                unit = self._queue.get_nowait()
                if unit is None:
                    ended = True
                else:
                    waiting.append(unit)
        except Empty:
            if ended:
                self._queue.put(None)
            return waiting

    def _give_up(self, group: Sequence[_Unit], error: Unavailable) -> None:
        """Tell the group, and all that have come since: they would only wait for the same answer."""
        self._refuse(group, error)
        self._refuse(self._waiting(), error)

    def _refuse(self, units: Sequence[_Unit], error: Unavailable) -> None:
        for unit in units:
            unit.error = _fresh(error)
            unit.done.release()

    def _disconnect(self) -> None:
        tx, self._tx = self._tx, None
        if tx is not None:
            close_quietly(tx)


def _wake(group: Sequence[_Unit]) -> None:
    """All at once they would crowd at the interpreter's lock: each wakes the next when it has it, and is sure to."""
    staying = [unit for unit in group if not unit.may_leave]
    for unit, following in pairwise(staying):
        unit.next = following
    for unit in staying[:1]:
        unit.done.release()
    for unit in group:
        if unit.may_leave:
            unit.done.release()


def _fresh(error: Unavailable) -> Unavailable:
    """One error for each caller, because raising an error writes into it."""
    return type(error)(*error.args)
