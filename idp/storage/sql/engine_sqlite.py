"""SQLite: which library, how a connection is opened, and how statements run on it.

Releases before 3.51.3 can corrupt a database in WAL mode that two connections write or checkpoint at once.
"""

import importlib
import os
import sqlite3
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from types import ModuleType

from idp.domain.errors import Unavailable
from idp.storage.sql.errors import StorageError
from idp.storage.sql.runner import Row, Trouble
from idp.storage.sql.statement import EachStatement, Statement

OLDEST = (3, 51, 3)
# Milliseconds a writer waits for another process, say a command beside the server.
BUSY_MS = 5000
# In pages of 4 KiB. A longer log lets a page that is written again and again reach the database once.
CHECKPOINT_PAGES = 4000
CACHE_KIB = 8_000
# A server has as many readers as threads, and each would fill a cache of its own with the same pages. The system's
# cache is behind them.
READER_CACHE_KIB = 500
_CACHED_STATEMENTS = 256
# name -> (what is set, what must then be read)
_PRAGMAS: dict[str, tuple[object, object]] = {
    "journal_mode": ("WAL", "wal"),
    "synchronous": ("FULL", 2),
    "busy_timeout": (BUSY_MS, BUSY_MS),
    "foreign_keys": ("ON", 1),
    "secure_delete": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "wal_autocheckpoint": (CHECKPOINT_PAGES, CHECKPOINT_PAGES),
    "cache_size": (-CACHE_KIB, -CACHE_KIB),
}
# Primary result codes (sqlite.org/rescode.html) that say: not now, not here.
_CONSTRAINT = 19
_READONLY = 8
_GONE = frozenset({5, 6, 7, _READONLY, 9, 10, 11, 13, 14, 15, 22, 26})


def sqlite_library() -> ModuleType:
    """The newest of `pysqlite3` and the standard library's; StorageError when neither is new enough."""
    found: list[ModuleType] = [sqlite3]
    try:
        found.insert(0, importlib.import_module("pysqlite3.dbapi2"))
    except ImportError:
        pass
    newest = max(found, key=lambda module: module.sqlite_version_info)
    if newest.sqlite_version_info < OLDEST:
        raise StorageError(
            f"SQLite {newest.sqlite_version} can corrupt its database (fixed in 3.51.3). "
            "Install the package pysqlite3, use a Python with a newer SQLite, or use PostgreSQL."
        )
    return newest


def sync_directory(directory: Path) -> None:
    """Bring the names in a directory to disk."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SqliteEngine:
    """Opens connections to one database file."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.library = sqlite_library()

    def create(self) -> None:
        """Make the file, readable by its owner alone; SQLite gives its log the same mode."""
        directory = self.file.parent
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.file.exists():
            os.close(os.open(self.file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            # SQLite does this for the files it makes itself: after a power cut the name must still be there.
            sync_directory(directory)

    def connect(self) -> sqlite3.Connection:
        """A connection with every pragma in force; StorageError when one is not."""
        connection: sqlite3.Connection = self.library.connect(
            str(self.file), isolation_level=None, check_same_thread=False, cached_statements=_CACHED_STATEMENTS
        )
        try:
            for name, (value, expected) in _PRAGMAS.items():
                connection.execute(f"PRAGMA {name}={value}").close()
                effective = connection.execute(f"PRAGMA {name}").fetchone()[0]
                if effective != expected:
                    raise StorageError(f"SQLite does not keep to {name}={value}: {effective}")
        except BaseException:
            connection.close()
            raise
        return connection

    def writer(self) -> "SqliteRunner":
        """A connection for the writer; Unavailable when it cannot be opened."""
        return self._runner(for_write=True)

    def reader(self) -> "SqliteRunner":
        """A connection that cannot write; Unavailable when it cannot be opened."""
        runner = self._runner(for_write=False)
        runner.connection.execute("PRAGMA query_only=ON").close()
        runner.connection.execute(f"PRAGMA cache_size=-{READER_CACHE_KIB}").close()
        return runner

    def _runner(self, for_write: bool) -> "SqliteRunner":
        try:
            return SqliteRunner(self, self.connect(), for_write)
        except self.library.Error as error:
            raise Unavailable(f"the database cannot be opened: {type(error).__name__}") from None


class SqliteRunner:
    """Statements on one connection; used by one thread at a time."""

    def __init__(self, engine: SqliteEngine, connection: sqlite3.Connection, for_write: bool) -> None:
        self.connection = connection
        self.for_write = for_write
        self.changed = 0
        self._error: type[Exception] = engine.library.Error
        # One cursor for all: making one for each statement costs as much as a small statement.
        self._execute = connection.cursor().execute

    def one(self, statement: Statement, *parameters: object) -> Row | None:
        row: Row | None = self._execute(statement.sqlite, parameters).fetchone()
        return row

    def rows(self, statement: Statement, *parameters: object) -> list[Row]:
        return self._execute(statement.sqlite, parameters).fetchall()

    def change(self, statement: Statement, *parameters: object) -> int:
        count = self._execute(statement.sqlite, parameters).rowcount
        self.changed += count
        return count

    def take(self, statement: Statement, *parameters: object) -> list[Row]:
        rows = self._execute(statement.sqlite, parameters).fetchall()
        self.changed += len(rows)
        return rows

    def change_each(self, statement: EachStatement, rows: Sequence[Sequence[object]]) -> int:
        # A statement lets other threads in, and each time the interpreter's lock must be had back: so few, in sizes
        # of which the connection keeps them all compiled.
        changed = start = 0
        while start < len(rows):
            count = 1 << (len(rows) - start).bit_length() - 1
            parameters = list(chain.from_iterable(rows[start : start + count]))
            changed += self._execute(statement.sqlite(count), parameters).rowcount
            start += count
        self.changed += changed
        return changed

    def begin(self) -> None:
        """A writer takes the lock at once: a reader that turns writer half-way can be refused for good."""
        self._execute("BEGIN IMMEDIATE" if self.for_write else "BEGIN")

    def commit(self) -> None:
        self._execute("COMMIT")

    def rollback(self) -> None:
        # After a full disk SQLite may have rolled back by itself.
        if self.connection.in_transaction:
            self._execute("ROLLBACK")

    def savepoint(self) -> None:
        self._execute("SAVEPOINT unit")

    def release(self) -> None:
        self._execute("RELEASE unit")

    def rollback_to_savepoint(self) -> None:
        self._execute("ROLLBACK TO unit")
        self._execute("RELEASE unit")

    def close(self) -> None:
        self.connection.close()

    def trouble(self, error: Exception) -> Trouble | None:
        """What an error of the library means."""
        if not isinstance(error, self._error):
            return None
        # Extended codes keep the primary one in their lowest byte.
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == _CONSTRAINT:
            return Trouble.ROW
        # A unit of `Store.read` that writes is a mistake; only for the writer it says something of the disk.
        if code == _READONLY and not self.for_write:
            return Trouble.FAULT
        return Trouble.GONE if code in _GONE else Trouble.FAULT
