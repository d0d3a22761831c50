"""Who waits for a commit wakes the next one, also when something interrupts the waiting."""

import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from idp.storage.sql.store import SqlStore
from tests.storage.groups import wait_until


class _Interrupted(BaseException):
    """As KeyboardInterrupt, which pytest would take for the person's."""


def _interrupt(number: int, frame: object) -> None:
    raise _Interrupted


def test_one_who_is_interrupted_while_waiting_leaves_nobody_behind_asleep(store: SqlStore) -> None:
    held, free = threading.Event(), threading.Event()

    def hold(tx: object) -> None:
        held.set()
        assert free.wait(20)

    def waiting(count: int) -> bool:
        return store._writer is not None and store._writer._queue.qsize() == count

    def disturb() -> None:
        wait_until(lambda: waiting(4))
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        # The signal must find the main thread waiting, not woken.
        gone.wait(20)
        free.set()

    gone = threading.Event()
    before: Any = signal.signal(signal.SIGUSR1, _interrupt)
    threads = ThreadPoolExecutor(5)
    try:
        holding = threads.submit(store.write, hold, b"")
        assert held.wait(20)
        behind = [threads.submit(store.write, lambda tx, n=n: n, b"2%d" % n) for n in range(3)]
        wait_until(lambda: waiting(3))
        disturbing = threads.submit(disturb)
        with pytest.raises(_Interrupted):
            store.write(lambda tx: None, b"1")
        gone.set()
        disturbing.result(20)
        holding.result(20)
        assert [one.result(20) for one in behind] == [0, 1, 2]
    finally:
        signal.signal(signal.SIGUSR1, before)
        free.set()
        threads.shutdown(wait=False)
