"""Copies of an embedded database, taken while it is in use, and care of its log."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from tempfile import mkstemp
from threading import Lock

from idp.domain.errors import Unavailable
from idp.storage.sql.engine_sqlite import SqliteEngine, sync_directory
from idp.storage.sql.errors import StorageError

# Milliseconds to wait for readers; longer would hold up the writer.
_TRUNCATE_MS = 200


def back_up(engine: SqliteEngine, target: Path) -> None:
    """Copy the database as of one moment into one file (mode 0600), check it, and only then give it its name.

    StorageError when `target` exists or the copy is not whole; Unavailable when the database does not answer.
    The content stays sealed: without the master key ring the copy is of no use.
    """
    if target.exists():
        raise StorageError("the backup file exists already")
    descriptor, name = mkstemp(prefix=target.name, suffix=".part", dir=target.parent)
    os.close(descriptor)
    part = Path(name)
    try:
        _copy(engine, part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        # Not a rename: a file that came into being meanwhile is not replaced.
        os.link(part, target)
    except FileExistsError:
        raise StorageError("the backup file exists already") from None
    finally:
        part.unlink(missing_ok=True)
    sync_directory(target.parent)


def _copy(engine: SqliteEngine, part: Path) -> None:
    try:
        with (
            closing(engine.connect()) as source,
            closing(engine.library.connect(str(part), isolation_level=None)) as copy,
        ):
            source.backup(copy)
            # One file, without a log beside it.
            copy.execute("PRAGMA journal_mode=DELETE").close()
            problems = [row[0] for row in copy.execute("PRAGMA integrity_check")]
            orphans = copy.execute("PRAGMA foreign_key_check").fetchall()
    except engine.library.Error as error:
        raise Unavailable(f"the copy failed: {type(error).__name__}") from None
    if problems != ["ok"] or orphans:
        raise StorageError("the copy is not whole: the database itself may be damaged")


class LogMover:
    """Brings SQLite's log into the database beside the writer, which would otherwise stop for it at a COMMIT."""

    def __init__(self, engine: SqliteEngine) -> None:
        self._engine = engine
        self._lock = Lock()
        self._connection: sqlite3.Connection | None = None

    def move(self) -> None:
        """Move what no reader is in the way of; nobody waits (sqlite.org/c3ref/wal_checkpoint_v2, PASSIVE)."""
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = self._engine.connect()
                self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()
            except self._engine.library.Error as error:
                self._forget()
                raise Unavailable(f"the database does not answer: {type(error).__name__}") from None

    def close(self) -> None:
        """Close the connection, if there is one."""
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self._engine.library.Error):
                connection.close()


def truncate_log(engine: SqliteEngine) -> bool:
    """Bring the whole log into the database and empty it; False when readers were in the way."""
    try:
        with closing(engine.connect()) as connection:
            connection.execute(f"PRAGMA busy_timeout={_TRUNCATE_MS}").close()
            busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
    except engine.library.Error as error:
        raise Unavailable(f"the database does not answer: {type(error).__name__}") from None
    return not busy
