"""Connections that read. A unit borrows one; at most so many are open, and whoever waits too long is sent away."""

from collections import deque
from collections.abc import Callable
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from idp.domain.errors import Busy
from idp.storage.sql.runner import Trouble, refusal
from idp.storage.sql.transaction import SqlTransaction

# Seconds to wait for a connection when all are in use.
PATIENCE = 2.0
# A connection that breaks sooner was dead before; one that breaks later has used up the caller's time.
RETRY_SECONDS = 1.0


class ReaderPool:
    """Runs reading units, each on a connection of its own that `connect` opens when none is idle."""

    def __init__(self, connect: Callable[[], SqlTransaction], size: int) -> None:
        self._connect = connect
        self._idle: deque[SqlTransaction] = deque()
        self._permits: SimpleQueue[None] = SimpleQueue()
        for _ in range(size):
            self._permits.put(None)

    def read(self, unit: Callable[[Any], Any], snapshot: bool) -> Any:
        """Run a unit and return its result. See `idp.domain.ports.Store.read`."""
        try:
            self._permits.get(timeout=PATIENCE)
        except Empty:
            raise Busy("all connections are in use") from None
        try:
            return self._read(unit, snapshot)
        finally:
            self._permits.put(None)

    def _read(self, unit: Callable[[Any], Any], snapshot: bool) -> Any:
        started = monotonic()
        while True:
            try:
                tx, fresh = self._idle.pop(), False
            except IndexError:
                tx, fresh = self._connect(), True
            run = tx.run
            try:
                if snapshot:
                    run.begin()
                result = unit(tx)
                if snapshot:
                    run.commit()
            except Exception as error:
                trouble = run.trouble(error)
                if trouble is None and not snapshot:
                    self._idle.append(tx)
                    raise
                # Cheaper to open another than to ask in which state this one is.
                close_quietly(tx)
                if trouble is None:
                    raise
                # An idle connection may have been cut long ago; a unit that only reads can simply run again.
                if trouble is Trouble.GONE and not fresh and monotonic() - started < RETRY_SECONDS:
                    continue
                raise refusal(trouble, error) from None
            except BaseException:
                close_quietly(tx)
                raise
            self._idle.append(tx)
            return result

    def close(self) -> None:
        """Close what is idle. Units that still run keep their connection and are not waited for."""
        while self._idle:
            close_quietly(self._idle.pop())


def close_quietly(tx: SqlTransaction) -> None:
    """Close a connection that may be broken already; what the database says to that does not matter any more."""
    try:
        tx.run.close()
    except Exception as error:
        if tx.run.trouble(error) is None:
            raise
