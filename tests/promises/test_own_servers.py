"""The database servers of the tests behave as production ones do, and leave nothing behind."""

import socket
from pathlib import Path

import psycopg
import pytest
import redis

from tests.need import need
from tests.postgresql import PostgresCluster, running_postgresql
from tests.redis_server import running_redis
from tests.server_process import start_server


def libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


def test_postgresql_is_durable_and_empty(postgres_cluster: PostgresCluster, postgres_url: str) -> None:
    with psycopg.connect(libpq(postgres_url)) as connection:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):
            assert connection.execute(f"SHOW {setting}").fetchone() == ("on",)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        count = "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace"
        assert connection.execute(count).fetchone() == (0,)


def test_each_database_is_its_own(postgres_cluster: PostgresCluster) -> None:
    first, second = postgres_cluster.create_database(), postgres_cluster.create_database()
    with psycopg.connect(libpq(first)) as connection:
        connection.execute("CREATE TABLE only_here (id int)")
    with psycopg.connect(libpq(second)) as connection, pytest.raises(psycopg.errors.UndefinedTable):
        connection.execute("SELECT * FROM only_here")
    left_open = psycopg.connect(libpq(first))
    postgres_cluster.drop_database(first)
    postgres_cluster.drop_database(second)
    left_open.close()
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        psycopg.connect(libpq(first))


def test_only_own_databases_are_dropped(postgres_cluster: PostgresCluster) -> None:
    with pytest.raises(ValueError):
        postgres_cluster.drop_database("postgresql+psycopg://blindage@127.0.0.1/postgres")


def test_postgresql_leaves_nothing_behind() -> None:
    with running_postgresql(need("postgresql")) as cluster:
        directory, process = cluster.directory, cluster.server.process
        assert directory.exists() and process.poll() is None
    assert not directory.exists()
    assert process.poll() == 0


def test_redis_is_empty_for_each_test_and_gone_at_the_end(redis_url: str, tmp_path: Path) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
    with running_redis(need("redis"), tmp_path) as server:
        port = server.port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    command = ["sh", "-c", "echo reason of its own; exit 3"]
    with pytest.raises(RuntimeError, match="reason of its own"):
        start_server(lambda port: command, lambda port: False, tmp_path / "log")
