"""The store: opens a database, checks that it can be trusted, and runs units on it."""

import os
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Protocol, TypeVar

import psycopg
from sqlalchemy import literal_column, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from idp.domain.client import Client
from idp.domain.errors import Unavailable
from idp.storage.sql import engine_postgresql, schema
from idp.storage.sql.backup import LogMover, back_up, truncate_log
from idp.storage.sql.clients import ClientCache
from idp.storage.sql.engine_postgresql import PostgresqlEngine
from idp.storage.sql.engine_sqlite import SqliteEngine, sqlite_library
from idp.storage.sql.errors import StorageError
from idp.storage.sql.layout import ACCOUNT, Layout
from idp.storage.sql.lock_file import LockFile
from idp.storage.sql.reader_pool import ReaderPool
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.transaction import SqlTransaction
from idp.storage.sql.writer import GroupingWriter

T = TypeVar("T")
Item = TypeVar("Item")

FILE = "blindage.db"
LOCK = "blindage.lock"
# Threads that read a file at once: more than a server has.
_SQLITE_READERS = 128
_PING = Statement(select(literal_column("1")))
# Not the time of the transaction, which may be an old one.
_TIME = Statement(select(literal_column("CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)")))


class Engine(Protocol):
    """A database that connections can be opened to. Opening raises Unavailable."""

    def writer(self) -> Runner: ...
    def reader(self) -> Runner: ...


def open_store(
    database_url: str,
    data_dir: Path,
    sealing: ColumnSealing,
    *,
    exclusive: bool = True,
    migrate: bool | None = None,
    layout: Layout = ACCOUNT,
) -> "SqlStore":
    """Open the database at `database_url`, or the embedded one in `data_dir` when that is empty.

    `exclusive` (a server) keeps a second server out of an embedded database; a command beside it says False.
    `migrate` says whether to bring the schema up to date: by default an embedded database is, PostgreSQL is not.
    `layout` is the kind of database it has to be. StorageError when the database is unsafe, in use, of the other
    kind, or has a schema of another version; Unavailable when it cannot be reached.
    """
    url = _parsed(database_url, data_dir)
    with _errors_in_words():
        if url.get_backend_name() == "postgresql":
            return _open_postgresql(url, sealing, bool(migrate), layout)
        return _open_sqlite(url, sealing, exclusive, migrate is None or migrate, layout)


def upgrade_schema(database_url: str, data_dir: Path, layout: Layout = ACCOUNT) -> None:
    """Bring the schema of a database up to date, creating it if need be; errors as for `open_store`."""
    url = _parsed(database_url, data_dir)
    with _errors_in_words():
        if url.get_backend_name() == "postgresql":
            postgresql = PostgresqlEngine(url)
            schema.migrate_postgresql(postgresql, layout)
            schema.check_level(schema.postgresql_level(postgresql, layout), layout)
        else:
            sqlite = SqliteEngine(Path(url.database or ""))
            sqlite.create()
            schema.migrate_sqlite(sqlite, layout)
            schema.check_level(schema.sqlite_level(sqlite, layout), layout)


class SqlStore:
    """Implements `idp.domain.ports.Store`. Connections are opened when first needed, and again after a fork."""

    def __init__(
        self, engine: Engine, sealing: ColumnSealing, readers: int, layout: Layout, lock: LockFile | None = None
    ) -> None:
        self.sealing = sealing
        self.layout = layout
        self._engine = engine
        self._reader_count = readers
        self._lock_file = lock
        self._closed = False
        self._start = Lock()
        self._aside: SqlStore | None = None
        self._clients = ClientCache()
        self._writer: GroupingWriter | None = None
        self._readers = self._no_readers()
        self._log = LogMover(engine) if isinstance(engine, SqliteEngine) else None
        _STORES.add(self)

    def read(self, unit: Callable[[SqlTransaction], T], *, snapshot: bool = False) -> T:
        """Run a unit that only reads; see `idp.domain.ports.Store.read`."""
        if self._closed:
            raise Unavailable("the store is closed")
        result: T = self._readers.read(unit, snapshot)
        return result

    def client(self, client_id: str) -> Client | None:
        """A client, perhaps from the cache; see `idp.domain.ports.Store.client`."""
        return self._clients.get(client_id) or self.read(lambda tx: tx.clients.get(client_id))

    def write(self, unit: Callable[[SqlTransaction], T], key: bytes = b"") -> T:
        """Run a unit, alone or with others, and return once it is on disk; see `idp.domain.ports.Store.write`."""
        writer = self._writer
        if writer is None:
            writer = self._start_writer()
        result: T = writer.write(unit, key)
        return result

    def write_each(
        self, units: Callable[[SqlTransaction, Sequence[Item]], Sequence[T]], item: Item, key: bytes
    ) -> T:
        """Run a unit that others like it can share their statements with; see `idp.domain.ports.Store.write_each`."""
        writer = self._writer
        if writer is None:
            writer = self._start_writer()
        result: T = writer.write_each(units, item, key)
        return result

    @property
    def embedded(self) -> bool:
        """Whether the database is SQLite, in this process."""
        return isinstance(self._engine, SqliteEngine)

    def aside(self) -> "SqlStore":
        """A store for chores, on the same database. Closed with this one.

        On PostgreSQL it has connections of its own (a reader, a writer), so that no request waits behind a chore;
        SQLite has one writer, and this is it.
        """
        with self._start:
            if self._closed:
                raise Unavailable("the store is closed")
            if self._aside is None:
                self._aside = self if self.embedded else SqlStore(self._engine, self.sealing, 1, self.layout)
            return self._aside

    def ping(self) -> int | None:
        """See `idp.domain.ports.Store.ping`."""
        if isinstance(self._engine, SqliteEngine):
            self.read(lambda tx: tx.run.one(_PING))
            return None
        row = self.read(lambda tx: tx.run.one(_TIME))
        return int(row[0]) if row else None

    def backup(self, target: Path) -> None:
        """Write a consistent copy of an embedded database to `target`, which must not exist, and check it.

        StorageError on PostgreSQL, where `pg_dump` does this.
        """
        back_up(self._embedded(), target)

    def truncate_log(self) -> bool:
        """Bring all of SQLite's log into the database and empty it, so that deleted content is gone from there.

        False when readers were in the way; True on PostgreSQL, where there is nothing to do.
        """
        return not isinstance(self._engine, SqliteEngine) or truncate_log(self._engine)

    def move_log(self) -> None:
        """Bring SQLite's log into the database beside the writer; on PostgreSQL there is nothing to do."""
        if self._log is not None and not self._closed:
            self._log.move()

    def close(self) -> None:
        """Finish what waits, then release connections and the lock file."""
        with self._start:
            self._closed = True
            writer, aside = self._writer, self._aside
        if aside is not None and aside is not self:
            aside.close()
        if writer is not None:
            writer.close()
        self._readers.close()
        if self._log is not None:
            self._log.close()
        if self._lock_file is not None:
            self._lock_file.release()

    def _embedded(self) -> SqliteEngine:
        if not isinstance(self._engine, SqliteEngine):
            raise StorageError("a copy of PostgreSQL is made with pg_dump")
        return self._engine

    def _start_writer(self) -> GroupingWriter:
        with self._start:
            if self._closed:
                raise Unavailable("the store is closed")
            if self._writer is None:
                self._writer = GroupingWriter(lambda: self._transaction(self._engine.writer()))
            return self._writer

    def _transaction(self, run: Runner) -> SqlTransaction:
        return self.layout.transaction(run, self.sealing, self._clients)

    def _no_readers(self) -> ReaderPool:
        return ReaderPool(lambda: self._transaction(self._engine.reader()), self._reader_count)

    def leave_to_parent(self) -> None:
        """In a forked child: keep the parent's connections untouched, neither used nor closed, and begin anew.

        Two processes that talk on one connection read each other's answers, and closing one in the child would
        end it for the parent. SQLite does not bear a fork while another thread is using it at all.
        """
        _INHERITED.append((self._writer, self._readers, self._log))
        # The lock may have been held by a thread that does not exist here.
        self._start = Lock()
        self._writer = None
        self._readers = self._no_readers()
        self._log = LogMover(self._engine) if isinstance(self._engine, SqliteEngine) else None


def _open_sqlite(url: URL, sealing: ColumnSealing, exclusive: bool, migrate: bool, layout: Layout) -> SqlStore:
    engine = SqliteEngine(Path(url.database or ""))
    engine.create()
    lock = None
    if exclusive:
        lock = LockFile(engine.file.with_name(LOCK), 0.0, "another server uses this data directory")
    try:
        if migrate:
            schema.migrate_sqlite(engine, layout)
        schema.check_level(schema.sqlite_level(engine, layout), layout)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    return SqlStore(engine, sealing, _SQLITE_READERS, layout, lock)


def _open_postgresql(url: URL, sealing: ColumnSealing, migrate: bool, layout: Layout) -> SqlStore:
    engine = PostgresqlEngine(url)
    if migrate:
        schema.migrate_postgresql(engine, layout)
    schema.check_level(schema.postgresql_level(engine, layout), layout)
    return SqlStore(engine, sealing, engine_postgresql.READERS, layout)


@contextmanager
def _errors_in_words() -> Iterator[None]:
    """Say what the drivers say, without their types; neither of them quotes a password."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database cannot be reached: {error}") from None
    except (psycopg.Error, sqlite_library().Error, OSError) as error:
        raise StorageError(f"the database cannot be used: {error}") from None
    except DBAPIError as error:
        raise StorageError(f"the schema cannot be brought up to date: {error.orig}") from None


def _parsed(database_url: str, data_dir: Path) -> URL:
    if not database_url:
        return URL.create("sqlite", database=str(data_dir / FILE))
    try:
        url = make_url(database_url)
    except ArgumentError:
        # The address may hold a password, and the library's error quotes it.
        raise StorageError("the database address cannot be read") from None
    backend = url.get_backend_name()
    if backend == "sqlite" and url.database and url.database != ":memory:":
        return url.set(database=str(data_dir / url.database))
    if backend == "postgresql":
        return url
    raise StorageError("the database must be a SQLite file or PostgreSQL")


_STORES: "weakref.WeakSet[SqlStore]" = weakref.WeakSet()
# What a child of fork must keep alive: dropping a connection would close it.
_INHERITED: list[object] = []


def _after_fork() -> None:
    for store in list(_STORES):
        store.leave_to_parent()


os.register_at_fork(after_in_child=_after_fork)
