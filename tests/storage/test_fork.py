"""A forked child talks on connections of its own, and leaves its parent's alone."""

import os
import pickle
import signal
import threading
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from idp.domain.errors import Unavailable
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database


def in_child(run: Callable[[], Any]) -> Any:
    """What `run` returns in a forked child; its exception is raised here."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # A child that hangs is ended, and the test with it.
        signal.alarm(20)
        try:
            os.close(reading)
            try:
                answer: Any = run()
            except BaseException as error:
                answer = error
            with os.fdopen(writing, "wb") as pipe:
                pickle.dump(answer, pipe)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        data = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    answer = pickle.loads(data)  # noqa: S301 - written by ourselves a moment ago
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _connection(tx: Any) -> int:
    connection = tx.run.connection
    return connection.info.backend_pid if hasattr(connection, "info") else id(connection)


def test_a_forked_child_does_not_reuse_connections(store: SqlStore) -> None:
    ours = {store.write(_connection), store.read(_connection)}

    def child() -> set[int]:
        assert store.write(lambda tx: tx.keys.claim_meta("child", "x"))
        assert store.read(lambda tx: tx.keys.meta("child")) == "x"
        return {store.write(_connection), store.read(_connection)}

    assert in_child(child).isdisjoint(ours)
    assert store.read(lambda tx: tx.keys.meta("child")) == "x"
    assert ours == {store.write(_connection), store.read(_connection)}, "the parent goes on with its own"


def test_a_child_that_ends_or_closes_harms_no_connection_of_its_parent(store: SqlStore) -> None:
    ours = {store.write(_connection), store.read(_connection)}
    assert in_child(store.close) is None
    assert in_child(lambda: str(store.ping()))
    assert store.write(lambda tx: tx.keys.claim_meta("after", "x"))
    assert ours == {store.write(_connection), store.read(_connection)}


# Not on SQLite, whose library keeps locks of its own in memory: a fork while another thread is inside them leaves
# them locked in the child for ever. Servers fork before they open anything.
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_a_fork_in_the_middle_of_writing_leaves_the_child_a_store_that_works(store: SqlStore) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            store.write(lambda tx, n=number: tx.keys.claim_meta(f"{threading.get_ident()}-{n}", "x"))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for number in range(5):
            assert in_child(lambda n=number: store.write(lambda tx: tx.keys.claim_meta(f"child-{n}", "x")))
    finally:
        stop.set()
        for thread in threads:
            thread.join(20)
    assert all(store.read(lambda tx, n=number: tx.keys.meta(f"child-{n}")) == "x" for number in range(5))


def test_connections_are_opened_when_first_needed(database: Database, sealing: ColumnSealing) -> None:
    # Writers of other tests' stores may still be ending in this process.
    before = set(threading.enumerate())
    with closing(database.open(sealing)) as store:
        assert store._writer is None and not store._readers._idle
        assert not [thread for thread in set(threading.enumerate()) - before if thread.name == "storage-writer"]
        store.ping()
        assert store._writer is None


def test_a_closed_store_stays_closed_in_a_child(store: SqlStore) -> None:
    store.close()
    with pytest.raises(Unavailable):
        in_child(store.ping)
