"""What holds on PostgreSQL alone: a server that goes away, a network that falls silent, settings that lose data."""

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from idp.domain.errors import Busy, Unavailable
from idp.storage.sql import consents, engine_postgresql, grants, reader_pool
from idp.storage.sql.engine_postgresql import READERS
from idp.storage.sql.errors import StorageError
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.store import SqlStore, open_store, upgrade_schema
from tests.need import need
from tests.postgresql import PostgresCluster, running_postgresql
from tests.storage.databases import Database
from tests.storage.faulty_network import Fault, FaultyNetwork, faulty_network
from tests.storage.groups import in_one_group, wait_until
from tests.storage.things import a_grant, consenting

pytestmark = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


def _claim(name: str) -> Callable[[Any], bool]:
    return lambda tx: tx.keys.claim_meta(name, "x")


def _names(database: Database) -> set[str]:
    return {row[0] for row in database.rows("SELECT name FROM meta")}


def _pid(tx: Any) -> int:
    pid: int = tx.run.connection.info.backend_pid
    return pid


@pytest.fixture
def network(database: Database, postgres_cluster: PostgresCluster) -> Iterator[FaultyNetwork]:
    """What lies between the store under test and its database."""
    with faulty_network(postgres_cluster.server.port) as network:
        yield network


@pytest.fixture
def distant(
    database: Database, network: FaultyNetwork, postgres_cluster: PostgresCluster, sealing: ColumnSealing
) -> Iterator[SqlStore]:
    """A store that reaches its database through `network`, with both connections open."""
    url = database.url.replace(f":{postgres_cluster.server.port}/", f":{network.port}/")
    with closing(open_store(url, database.data_dir, sealing)) as store:
        store.write(_pid)
        store.ping()
        yield store


def test_every_wait_has_its_limit(store: SqlStore) -> None:
    limits = {
        "statement_timeout": "5s", "lock_timeout": "200ms", "idle_in_transaction_session_timeout": "10s",
        "transaction_isolation": "read committed", "TimeZone": "UTC", "enable_seqscan": "off", "jit": "off",
    }

    def shown(tx: Any) -> dict[str, str]:
        connection = tx.run.connection
        return {name: connection.execute(f"SHOW {name}".encode()).fetchone()[0] for name in limits}

    assert store.read(shown) == limits
    assert store.write(shown) == limits
    assert store.read(lambda tx: tx.run.connection.info.get_parameters()["connect_timeout"]) == "3"
    assert int(store.write(lambda tx: tx.run.connection.info.get_parameters()["tcp_user_timeout"])) <= 5000


@pytest.mark.parametrize("of_whom", [_pid, None], ids=["the writer's", "a reader's"])
def test_a_connection_that_died_idle_is_replaced_without_a_word(
    store: SqlStore, database: Database, of_whom: Callable[[Any], int] | None
) -> None:
    pid = store.write(_pid) if of_whom else store.read(_pid)
    # Returns once it is gone.
    assert database.rows("SELECT pg_terminate_backend(?, 20000)", pid) == [(True,)]
    assert store.write(_claim("after"))
    assert store.read(lambda tx: tx.keys.meta("after")) == "x"


def test_a_group_whose_connection_breaks_before_commit_runs_again_as_a_whole(
    store: SqlStore, database: Database
) -> None:
    broken = threading.Event()

    def breaking(tx: Any) -> bool:
        if not broken.is_set():
            broken.set()
            database.execute("SELECT pg_terminate_backend(?)", _pid(tx))
        return _claim("breaking")(tx)

    outcomes = in_one_group(store, [(_claim("a"), b"1"), (breaking, b"2"), (_claim("c"), b"3")])
    assert [outcome.result() for outcome in outcomes] == [True] * 3
    assert _names(database) == {"a", "breaking", "c"}


@pytest.mark.parametrize("fault", [Fault.BREAK_BEFORE_COMMIT, Fault.BREAK_AFTER_COMMIT], ids=lambda fault: fault.name)
def test_a_commit_in_doubt_is_unavailable_to_each_and_not_tried_again(
    distant: SqlStore, network: FaultyNetwork, database: Database, fault: Fault
) -> None:
    runs: list[str] = []

    def unit(name: str) -> Callable[[Any], bool]:
        return lambda tx: (runs.append(name), _claim(name)(tx))[1]

    def then_break(tx: Any) -> None:
        network.fault = fault

    units = [(unit(f"n{number}"), b"%d" % number) for number in range(6)]
    outcomes = in_one_group(distant, [*units, (then_break, b"9")])
    network.fault = Fault.NONE
    assert [type(outcome.exception()) for outcome in outcomes] == [Unavailable] * 7
    assert len(runs) == 6, "who might have succeeded is not run a second time"
    done = {f"n{number}" for number in range(6)} if fault is Fault.BREAK_AFTER_COMMIT else set()
    wait_until(lambda: _names(database) == done)
    assert distant.write(_claim("next"))


def test_a_database_that_is_gone_is_unavailable_at_once_and_then_is_back(
    distant: SqlStore, network: FaultyNetwork, database: Database
) -> None:
    network.fault = Fault.REFUSE
    started = time.monotonic()
    with ThreadPoolExecutor(40) as threads:
        calls = [threads.submit(distant.write, _claim(f"n{number}")) for number in range(30)]
        calls += [threads.submit(distant.ping) for _ in range(10)]
        assert {type(call.exception()) for call in calls} == {Unavailable}
    assert time.monotonic() - started < 5
    network.fault = Fault.NONE
    assert distant.write(_claim("back"))
    distant.ping()
    assert _names(database) == {"back"}


def test_a_network_that_falls_silent_is_not_waited_for(
    distant: SqlStore, network: FaultyNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert engine_postgresql.PATIENCE < 6
    monkeypatch.setattr(engine_postgresql, "PATIENCE", 1.2)
    network.fault = Fault.SILENT
    for call in (lambda: distant.write(_claim("a")), distant.ping):
        started = time.monotonic()
        with pytest.raises(Unavailable):
            call()
        assert time.monotonic() - started < 3
    network.fault = Fault.NONE
    wait_until(lambda: _works(distant))


@pytest.mark.parametrize("statement", [grants._WITH_STANDING, consents._STANDING], ids=["grant", "consent"])
def test_hot_look_ups_use_an_index_even_on_tables_that_look_empty(store: SqlStore, statement: Statement) -> None:
    parameters = {grants._WITH_STANDING: (bytes(16), 0), consents._STANDING: (bytes(16), "app", bytes(32), 0, "self")}

    def plan(tx: Any) -> list[str]:
        explain = b"EXPLAIN (FORMAT TEXT) " + statement.postgresql
        return [row[0] for row in tx.run.connection.execute(explain, parameters[statement])]

    lines = store.read(plan)
    assert any("Index" in line for line in lines) and not any("Seq Scan" in line for line in lines), lines


def test_a_statement_that_takes_too_long_is_unavailable(store: SqlStore) -> None:
    def slow(tx: Any) -> None:
        connection = tx.run.connection
        connection.execute(b"SET statement_timeout = '50ms'")
        connection.execute(b"SELECT pg_sleep(5)")

    for run in (store.read, store.write):
        with pytest.raises(Unavailable):
            run(slow)
    assert store.write(_claim("next"))
    store.ping()


def test_when_all_readers_are_busy_the_next_is_told_soon(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reader_pool.PATIENCE <= 5
    monkeypatch.setattr(reader_pool, "PATIENCE", 0.1)
    free = threading.Event()
    inside = threading.Barrier(READERS + 1)
    with ThreadPoolExecutor(READERS) as threads:
        looking = [
            threads.submit(store.read, lambda tx: (inside.wait(20), free.wait(20))) for _ in range(READERS)
        ]
        inside.wait(20)
        with pytest.raises(Busy):
            store.ping()
        assert store.write(_claim("writes go on"))
        free.set()
        for look in looking:
            look.result(20)
    store.ping()


def test_a_unit_of_read_that_fails_gives_its_connection_back(store: SqlStore) -> None:
    for number in range(3 * READERS):
        with pytest.raises(ZeroDivisionError):
            store.read(lambda tx: 1 // 0, snapshot=number % 2 == 0)
    store.ping()


def test_a_password_is_not_in_the_error(tmp_path: Path, database: Database, sealing: ColumnSealing) -> None:
    url = "postgresql://user:hunter2@127.0.0.1:1/none"
    for run in (lambda: open_store(url, tmp_path, sealing), lambda: upgrade_schema(url, tmp_path)):
        with pytest.raises(Unavailable, match="refused") as unreachable:
            run()
        assert "hunter2" not in str(unreachable.value)


class TestOwnServer:
    """With a server of its own, which may be hurt."""

    @pytest.fixture
    def cluster(self, database: Database) -> Iterator[PostgresCluster]:
        with running_postgresql(need("postgresql")) as cluster:
            yield cluster

    @pytest.fixture
    def own(self, cluster: PostgresCluster, tmp_path: Path) -> Database:
        url = cluster.create_database()
        upgrade_schema(url, tmp_path)
        return Database("postgresql", url, tmp_path)

    def test_nothing_acknowledged_is_lost_and_nothing_doubled_when_the_server_is_killed(
        self, own: Database, cluster: PostgresCluster, sealing: ColumnSealing
    ) -> None:
        acknowledged: list[bytes] = []
        errors: list[BaseException] = []
        stop = threading.Event()
        with closing(own.open(sealing)) as store:
            _, consent = consenting(store)

            def work() -> None:
                while not stop.is_set():
                    grant = a_grant(consent)
                    try:
                        assert store.write(lambda tx, grant=grant: tx.grants.claim_code(grant), grant.id)
                        acknowledged.append(grant.id)
                    except Unavailable:
                        time.sleep(0.01)
                    except BaseException as error:
                        errors.append(error)
                        return

            workers = [threading.Thread(target=work) for _ in range(8)]
            for worker in workers:
                worker.start()
            for _ in range(2):
                count = len(acknowledged)
                wait_until(lambda count=count: len(acknowledged) > count + 50)
                _kill(cluster)
                started = time.monotonic()
                with pytest.raises(Unavailable):
                    while True:
                        store.ping()
                assert time.monotonic() - started < 5
                _restart(cluster)
                wait_until(lambda: _works(store), 20)
            stop.set()
            for worker in workers:
                worker.join(20)
        assert errors == []
        kept = {row[0] for row in own.rows("SELECT id FROM grants")}
        assert set(acknowledged) <= kept
        assert len(acknowledged) == len(set(acknowledged))

    @pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
    def test_a_server_that_may_lose_what_it_acknowledged_is_refused(
        self, own: Database, cluster: PostgresCluster, sealing: ColumnSealing, setting: str
    ) -> None:
        with closing(own.open(sealing)) as running:
            cluster.execute(f"ALTER SYSTEM SET {setting} = off")
            cluster.execute("SELECT pg_reload_conf()")
            wait_until(lambda: own.rows(f"SHOW {setting}") == [("off",)])
            with pytest.raises(StorageError, match=setting):
                own.open(sealing)
            with pytest.raises(Unavailable):
                running.write(_claim("a"))
            running.ping()


def _works(store: SqlStore) -> bool:
    try:
        store.ping()
        store.write(lambda tx: tx.keys.meta("x"))
    except Unavailable:
        return False
    return True


def _kill(cluster: PostgresCluster) -> None:
    cluster.server.process.kill()
    cluster.server.process.wait(10)


def _restart(cluster: PostgresCluster) -> None:
    """Start the same server again; for a moment orphans of the old one may still hold its shared memory."""
    owner = cluster.directory.stat()
    user = {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    command = cluster.server.process.args
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with cluster.server.log.open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=cluster.directory, **user)
        cluster.server.process = process
        while process.poll() is None and time.monotonic() < deadline:
            try:
                cluster.connect().close()
                return
            except psycopg.OperationalError:
                time.sleep(0.05)
        time.sleep(0.2)
    raise AssertionError("PostgreSQL did not come back")
