"""Migrations lead to exactly the tables the program knows, and a program meets only schemas it can use."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from idp.storage.sql.engine_sqlite import SqliteEngine, sqlite_library
from idp.storage.sql.errors import StorageError
from idp.storage.sql.layout import ACCOUNT
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import FILE, open_store, upgrade_schema
from idp.storage.sql.tables import metadata
from tests.storage.databases import Database

LEVEL = ACCOUNT.level


def test_migrations_lead_to_the_tables_of_the_program(database: Database) -> None:
    with closing(_alchemy(database)) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
        found = inspect(connection)
        for table in metadata.sorted_tables:
            checks = {check["name"] for check in found.get_check_constraints(table.name)}
            known = {c.name for c in table.constraints if c.name and not c.name.endswith("_key")}
            assert known <= checks, table.name


def test_sqlite_tables_are_strict_and_keyed_as_the_program_says(sqlite_database: Database) -> None:
    made = dict(sqlite_database.rows("SELECT name, sql FROM sqlite_schema WHERE type = 'table'"))
    with closing(_alchemy(sqlite_database)) as connection:
        for table in metadata.sorted_tables:
            known = str(CreateTable(table).compile(connection))
            for word in ("STRICT", "WITHOUT ROWID", "AUTOINCREMENT"):
                assert (word in known) == (word in made[table.name]), (table.name, word)
            assert "STRICT" in known


def test_a_strict_table_refuses_a_value_of_another_type(sqlite_database: Database) -> None:
    with pytest.raises(sqlite_library().IntegrityError, match="INTEGER"):
        sqlite_database.execute("INSERT INTO spent (digest, expires_at) VALUES (?, ?)", b"x", "soon")


def test_there_is_one_line_of_migrations_and_the_program_knows_its_end() -> None:
    script = ScriptDirectory(str(ACCOUNT.migrations))
    revisions = list(script.walk_revisions())
    assert len(script.get_heads()) == 1
    assert script.get_current_head() == f"{LEVEL:04d}"
    assert [revision.revision for revision in reversed(revisions)] == [f"{n:04d}" for n in range(1, LEVEL + 1)]
    assert all(f"{revision.revision}_" in revision.path for revision in revisions)


def test_the_recorded_level_is_that_of_the_program(database: Database) -> None:
    assert [row[0] for row in database.rows("SELECT level FROM schema_level")] == [LEVEL]


@pytest.mark.parametrize(("level", "floor", "word"), [(LEVEL - 1, 1, "older"), (LEVEL + 2, LEVEL + 1, "newer")])
def test_a_schema_the_program_cannot_use_is_refused(
    database: Database, sealing: ColumnSealing, level: int, floor: int, word: str
) -> None:
    database.execute("UPDATE schema_level SET level = ?, floor = ?", level, floor)
    try:
        with pytest.raises(StorageError, match=word):
            open_store(database.url, database.data_dir, sealing, migrate=False)
    finally:
        database.execute("UPDATE schema_level SET level = ?, floor = ?", LEVEL, 1)


def test_a_newer_schema_that_has_only_expanded_is_used(database: Database, sealing: ColumnSealing) -> None:
    database.execute("UPDATE schema_level SET level = ?, floor = ?", LEVEL + 1, 1)
    try:
        with closing(open_store(database.url, database.data_dir, sealing)) as store:
            store.ping()
        upgrade_schema(database.url, database.data_dir)
    finally:
        database.execute("UPDATE schema_level SET level = ?, floor = ?", LEVEL, 1)


def test_postgresql_is_upgraded_by_its_command_only(
    postgres_url: str, tmp_path: Path, sealing: ColumnSealing
) -> None:
    with pytest.raises(StorageError, match="db upgrade"):
        open_store(postgres_url, tmp_path, sealing)
    upgrade_schema(postgres_url, tmp_path)
    with closing(open_store(postgres_url, tmp_path, sealing)) as store:
        store.ping()


def test_processes_that_migrate_at_once_do_it_once(postgres_url: str, tmp_path: Path, sealing: ColumnSealing) -> None:
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: upgrade_schema(postgres_url, tmp_path), range(4)))
        list(threads.map(lambda _: upgrade_schema("", tmp_path), range(4)))
    for url in (postgres_url, ""):
        with closing(open_store(url, tmp_path, sealing)) as store:
            assert store.write(lambda tx: tx.keys.claim_meta("a", "b"))


def test_an_embedded_database_migrates_itself(tmp_path: Path, sealing: ColumnSealing) -> None:
    with pytest.raises(StorageError, match="db upgrade"):
        open_store("", tmp_path, sealing, migrate=False)
    with closing(open_store("", tmp_path, sealing)) as store:
        store.ping()


def test_half_a_migration_leaves_nothing_behind(tmp_path: Path, sealing: ColumnSealing) -> None:
    broken = tmp_path / "migrations"
    shutil.copytree(ACCOUNT.migrations, broken, ignore=shutil.ignore_patterns("__pycache__"))
    file = broken / "versions" / "0001_initial.py"
    file.write_text(file.read_text().replace("    _operation()\n", "    raise RuntimeError('power cut')\n", 1))
    with pytest.raises(RuntimeError, match="power cut"):
        open_store("", tmp_path, sealing, layout=replace(ACCOUNT, migrations=broken))
    with closing(SqliteEngine(tmp_path / FILE).connect()) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == []
    with closing(open_store("", tmp_path, sealing)) as store:
        store.ping()


def _alchemy(database: Database):
    if database.backend == "postgresql":
        return create_engine(database.url, poolclass=NullPool).connect()
    engine = SqliteEngine(database.data_dir / FILE)
    return create_engine("sqlite://", module=engine.library, creator=engine.connect, poolclass=NullPool).connect()
