"""Which schema a database has, whether this program may use it, and bringing it up to date.

Each migration first expands (new tables and columns, which the version before does not mind) and a later one
contracts. `level` counts up with every migration; `floor` is the oldest level of program that may use the schema,
and only a contraction raises it. So two versions of the program can share a database during an upgrade.
"""

from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from idp.storage.sql.engine_postgresql import PostgresqlEngine
from idp.storage.sql.engine_sqlite import SqliteEngine
from idp.storage.sql.errors import StorageError
from idp.storage.sql.lock_file import LockFile
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import schema_level

# What the newest file in `migrations/versions` says.
LEVEL = 2

MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_SECONDS = 30.0
# A number of our own, for PostgreSQL's advisory locks.
_ADVISORY_LOCK = 0x626C696E64616765
_READ = Statement(schema_level.select().with_only_columns(schema_level.c.level, schema_level.c.floor))
_OF_SQLITE = "SELECT count(*) FROM sqlite_schema WHERE name = 'schema_level'"
_OF_POSTGRESQL = b"SELECT count(*) FROM information_schema.tables WHERE table_name = 'schema_level'"


def check_level(found: tuple[int, int] | None) -> None:
    """StorageError unless a program of `LEVEL` may use a schema of (level, floor)."""
    if found is None or found[0] < LEVEL:
        raise StorageError("the database's schema is older than this program: run `blindage db upgrade`")
    if found[1] > LEVEL:
        raise StorageError("the database's schema is newer than this program: install the version it was made by")


def sqlite_level(engine: SqliteEngine) -> tuple[int, int] | None:
    """(level, floor) of the schema; None when the database is empty."""
    with closing(engine.connect()) as connection:
        if not connection.execute(_OF_SQLITE).fetchone()[0]:
            return None
        level, floor = connection.execute(_READ.sqlite).fetchone()
        return level, floor


def postgresql_level(engine: PostgresqlEngine) -> tuple[int, int] | None:
    """(level, floor) of the schema; None when the database is empty. StorageError when it is not durable."""
    with closing(engine.connect()) as connection:
        engine.check_durable(connection)
        row = connection.execute(_OF_POSTGRESQL).fetchone()
        if row is None or not row[0]:
            return None
        row = connection.execute(_READ.postgresql).fetchone()
        return None if row is None else (row[0], row[1])


def migrate_sqlite(engine: SqliteEngine) -> None:
    """Create or upgrade the schema, under a lock that keeps other processes waiting meanwhile."""
    lock = LockFile(
        engine.file.with_name("migration.lock"), _MIGRATION_SECONDS, "another process is migrating the database"
    )
    try:
        found = sqlite_level(engine)
        # A schema that is too new is left alone: `check_level` has the words for it.
        if found is not None and found[0] >= LEVEL:
            return
        migrating = create_engine(
            "sqlite://", module=engine.library, creator=engine.connect, poolclass=NullPool
        )
        event.listen(migrating, "begin", _begin_immediate)
        with migrating.begin() as connection:
            _upgrade(connection)
    finally:
        lock.release()


def migrate_postgresql(engine: PostgresqlEngine) -> None:
    """Create or upgrade the schema, under an advisory lock that keeps other processes waiting meanwhile."""
    found = postgresql_level(engine)
    if found is not None and found[0] >= LEVEL:
        return
    migrating = create_engine(
        "postgresql+psycopg://",
        # Not our own connection class: SQLAlchemy numbers parameters in its own way, and a migration may take long.
        creator=lambda: engine.connect_for_migration(),
        poolclass=NullPool,
    )
    with migrating.begin() as connection:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        _upgrade(connection)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(connection: Connection) -> None:
    # Here, because it takes longer to load than a server to start, and hardly any start needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
