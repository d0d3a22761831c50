"""Fixtures for what lies outside Python. Nothing is started unless a test asks for it."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import redis

from tests.clock import FixedClock
from tests.need import ROOT, need
from tests.postgresql import PostgresCluster, running_postgresql
from tests.redis_server import running_redis
from tests.server_process import ServerProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.app import App


@pytest.fixture
def clock() -> FixedClock:
    """A clock at 2026-01-01T00:00:00Z that only the test moves."""
    return FixedClock()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[App]":
    """One issuer, https://id.example, for the tests of a module; they share its clock."""
    # Imported here: tests of `crypto` need no issuer.
    from tests.app import running_app

    with running_app(tmp_path_factory.mktemp("issuer")) as running:
        yield running


@pytest.fixture(scope="session")
def chromium() -> "Iterator[Browser]":
    """One Chromium for each test process; tests open contexts of their own."""
    # Imported here: most test processes need no browser.
    from tests.chromium import running_chromium

    with running_chromium(need("chromium")) as browser:
        yield browser


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[PostgresCluster]:
    """One PostgreSQL cluster for each test process."""
    with running_postgresql(need("postgresql")) as cluster:
        yield cluster


@pytest.fixture
def postgres_url(postgres_cluster: PostgresCluster) -> Iterator[str]:
    """SQLAlchemy address of an empty database, for this test alone.

    A module that wants one for all its tests calls `postgres_cluster.create_database` in its own fixture.
    """
    url = postgres_cluster.create_database()
    yield url
    postgres_cluster.drop_database(url)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One Redis server for each test process."""
    with running_redis(need("redis"), tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: ServerProcess) -> str:
    """Address of an empty Redis."""
    url = f"redis://127.0.0.1:{redis_server.port}/0"
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


@pytest.fixture(scope="session")
def vectors_dir() -> Path:
    """The folder of test vectors that the standards' authors published."""
    return need("vectors")


@pytest.fixture(scope="session")
def screenshots_dir() -> Path:
    """Where pictures of pages are kept for people to look at, in CI too."""
    directory = ROOT / "var" / "ci" / "screenshots"
    directory.mkdir(parents=True, exist_ok=True)
    return directory
