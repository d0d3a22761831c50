"""Making the writer take units together, which otherwise depends on the moment."""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from idp.storage.sql.store import SqlStore

Unit = Callable[[Any], Any]


def in_one_group(store: SqlStore, units: Sequence[tuple[Unit, bytes]]) -> list[Future[Any]]:
    """Run `units` (with their keys) so that the writer finds all of them waiting; returns their outcomes."""
    return all_waiting(store, [partial(store.write, unit, key) for unit, key in units])


def all_waiting(store: SqlStore, calls: Sequence[Callable[[], Any]]) -> list[Future[Any]]:
    """Make calls that each write once, so that the writer finds all of them waiting; returns their outcomes."""
    held, free = threading.Event(), threading.Event()

    def hold(tx: object) -> None:
        held.set()
        assert free.wait(20)

    with ThreadPoolExecutor(len(calls) + 1) as threads:
        holding = threads.submit(store.write, hold)
        assert held.wait(20)
        outcomes = [threads.submit(call) for call in calls]
        wait_until(lambda: store._writer is not None and store._writer._queue.qsize() == len(calls))
        free.set()
        holding.result(20)
    return outcomes


def commits(store: SqlStore) -> list[str]:
    """A list to which the writer's connection adds BEGIN, COMMIT and the like from now on."""
    spoken: list[str] = []
    names = ("begin", "commit", "rollback", "savepoint", "release", "rollback_to_savepoint")

    def listen(tx: Any) -> None:
        for name in names:
            original = getattr(tx.run, name)
            setattr(tx.run, name, lambda name=name, original=original: (spoken.append(name), original())[1])

    store.write(listen)
    spoken.clear()
    return spoken


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Return as soon as `condition` holds; AssertionError when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.002)
