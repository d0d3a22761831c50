"""Stores to test: the same tests run on SQLite, in a real file, and on PostgreSQL."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crypto.keyring import KeyRing
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import FILE, SqlStore, upgrade_schema
from idp.storage.sql.tables import metadata
from tests.postgresql import PostgresCluster
from tests.storage.databases import Database

ISSUER = "https://id.example"
TABLES = [table.name for table in reversed(metadata.sorted_tables)]


@pytest.fixture(scope="session")
def ring() -> KeyRing:
    """The master key ring of the issuer under test."""
    return KeyRing.generate(ISSUER)


@pytest.fixture(scope="session")
def sealing(ring: KeyRing) -> ColumnSealing:
    """The sealed columns of the issuer under test."""
    return ColumnSealing(ring)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty, migrated database file."""
    directory = tmp_path_factory.mktemp("template")
    upgrade_schema("", directory)
    return directory / FILE


@pytest.fixture(scope="session")
def postgres_template(postgres_cluster: PostgresCluster, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of a migrated database, which every test leaves empty."""
    url = postgres_cluster.create_database()
    upgrade_schema(url, tmp_path_factory.mktemp("unused"))
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty, migrated database of each kind."""
    if request.param == "sqlite":
        data_dir = tmp_path / "data"
        data_dir.mkdir()
        shutil.copy(request.getfixturevalue("sqlite_template"), data_dir / FILE)
        yield Database("sqlite", "", data_dir)
        return
    database = Database("postgresql", request.getfixturevalue("postgres_template"), tmp_path)
    yield database
    with database.raw() as connection:
        for name in TABLES:
            if name not in ("schema_level", "alembic_version", "audit_frontier"):
                connection.execute(f"DELETE FROM {name}".encode())
        connection.execute(b"UPDATE audit_frontier SET state = %s", [bytes(8)])


@pytest.fixture
def sqlite_database(tmp_path: Path, sqlite_template: Path) -> Database:
    """An empty, migrated SQLite file, for what concerns SQLite alone."""
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    shutil.copy(sqlite_template, data_dir / FILE)
    return Database("sqlite", "", data_dir)


@pytest.fixture
def open_another(database: Database, sealing: ColumnSealing) -> Iterator[Callable[[], SqlStore]]:
    """Opens stores on the same database; closed at the end of the test."""
    opened: list[SqlStore] = []

    def another() -> SqlStore:
        opened.append(database.open(sealing))
        return opened[-1]

    yield another
    for store in opened:
        store.close()


@pytest.fixture
def store(open_another: Callable[[], SqlStore]) -> SqlStore:
    """A store on an empty database."""
    return open_another()
