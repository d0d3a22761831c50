"""Which schema a database has, whether this program may use it, and bringing it up to date.

Each migration first expands (new tables and columns, which the version before does not mind) and a later one
contracts. `level` counts up with every migration; `floor` is the oldest level of program that may use the schema,
and only a contraction raises it. So two versions of the program can share a database during an upgrade.
"""

from collections.abc import Iterable, Sequence
from contextlib import closing

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.pool import NullPool

from idp.storage.sql.engine_postgresql import PostgresqlEngine
from idp.storage.sql.engine_sqlite import SqliteEngine
from idp.storage.sql.errors import StorageError
from idp.storage.sql.layout import LEVEL_TABLES, Layout
from idp.storage.sql.lock_file import LockFile

_MIGRATION_SECONDS = 30.0
# A number of our own, for PostgreSQL's advisory locks.
_ADVISORY_LOCK = 0x626C696E64616765
_TABLES_OF_SQLITE = "SELECT name FROM sqlite_schema WHERE type = 'table'"
_TABLES_OF_POSTGRESQL = (
    b"SELECT table_name FROM information_schema.tables WHERE table_schema = ANY (current_schemas(false))"
)


def check_level(found: tuple[int, int] | None, layout: Layout) -> None:
    """StorageError unless a program that knows `layout` may use a schema of (level, floor)."""
    if found is None or found[0] < layout.level:
        raise StorageError("the database's schema is older than this program: run `blindage db upgrade`")
    if found[1] > layout.level:
        raise StorageError("the database's schema is newer than this program: install the version it was made by")


def sqlite_level(engine: SqliteEngine, layout: Layout) -> tuple[int, int] | None:
    """(level, floor) of the schema; None when the database is empty. StorageError when it is of another kind."""
    with closing(engine.connect()) as connection:
        if not _is_of(layout, connection.execute(_TABLES_OF_SQLITE).fetchall()):
            return None
        level, floor = connection.execute(layout.read_level.sqlite).fetchone()
        return level, floor


def postgresql_level(engine: PostgresqlEngine, layout: Layout) -> tuple[int, int] | None:
    """(level, floor) of the schema; None when the database is empty. StorageError when not durable, or another kind."""
    with closing(engine.connect()) as connection:
        engine.check_durable(connection)
        if not _is_of(layout, connection.execute(_TABLES_OF_POSTGRESQL).fetchall()):
            return None
        row = connection.execute(layout.read_level.postgresql).fetchone()
        return None if row is None else (row[0], row[1])


def _is_of(layout: Layout, tables: Iterable[Sequence[str]]) -> bool:
    """Whether a database with these tables is of this kind; StorageError when it is of the other."""
    present = {row[0] for row in tables}
    for name, owner in LEVEL_TABLES.items():
        # The door's records and the account issuer's must never lie together.
        if name in present and name != layout.level_table:
            raise StorageError(f"this database belongs to {owner}")
    return layout.level_table in present


def migrate_sqlite(engine: SqliteEngine, layout: Layout) -> None:
    """Create or upgrade the schema, under a lock that keeps other processes waiting meanwhile."""
    lock = LockFile(
        engine.file.with_name("migration.lock"), _MIGRATION_SECONDS, "another process is migrating the database"
    )
    try:
        found = sqlite_level(engine, layout)
        # A schema that is too new is left alone: `check_level` has the words for it.
        if found is not None and found[0] >= layout.level:
            return
        migrating = create_engine(
            "sqlite://", module=engine.library, creator=engine.connect, poolclass=NullPool
        )
        event.listen(migrating, "begin", _begin_immediate)
        with migrating.begin() as connection:
            _upgrade(connection, layout)
    finally:
        lock.release()


def migrate_postgresql(engine: PostgresqlEngine, layout: Layout) -> None:
    """Create or upgrade the schema, under an advisory lock that keeps other processes waiting meanwhile."""
    found = postgresql_level(engine, layout)
    if found is not None and found[0] >= layout.level:
        return
    migrating = create_engine(
        "postgresql+psycopg://",
        # Not our own connection class: SQLAlchemy numbers parameters in its own way, and a migration may take long.
        creator=lambda: engine.connect_for_migration(),
        poolclass=NullPool,
    )
    with migrating.begin() as connection:
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        _upgrade(connection, layout)


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _upgrade(connection: Connection, layout: Layout) -> None:
    # Here, because it takes longer to load than a server to start, and hardly any start needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(layout.migrations).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
