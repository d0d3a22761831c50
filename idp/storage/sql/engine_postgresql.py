"""PostgreSQL through psycopg: how a connection is opened, what it must promise, and how statements run on it."""

from collections.abc import Sequence
from typing import TypeVar

import psycopg
from psycopg import errors
from psycopg.abc import PQGen
from sqlalchemy.engine import URL

from idp.domain.errors import Unavailable
from idp.storage.sql.errors import StorageError
from idp.storage.sql.runner import Row, Trouble
from idp.storage.sql.statement import EachStatement, Statement

READERS = 8
# Seconds after which an answer will not come any more; the server gives up a statement a little earlier.
PATIENCE = 5.5
CONNECT_SECONDS = 3
_SETTINGS = {
    "statement_timeout": "5s",
    # A group that meets a locked row gives way at once, and its units go one by one.
    "lock_timeout": "200ms",
    "idle_in_transaction_session_timeout": "10s",
    "default_transaction_isolation": "read committed",
    "timezone": "UTC",
    # Everything is found by key. A plan must not depend on how small a table was when it was last looked at: one
    # that reads all of `sessions` is fine with ten rows and ruins the service with a million.
    "enable_seqscan": "off",
    # Where there is no index to use, the switch above makes plans look dear enough to be compiled.
    "jit": "off",
}
# Any of these off, and an acknowledged commit may be lost in a crash.
_DURABLE = ("fsync", "full_page_writes", "synchronous_commit")
_CONTENTION = (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)
_ROW = (errors.IntegrityError,)
_GONE = (psycopg.OperationalError, psycopg.InterfaceError)
T = TypeVar("T")


class _Connection(psycopg.Connection[Row]):
    """A connection that does not wait for ever: a half-open network answers neither yes nor no."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        try:
            return super().wait(gen, interval, PATIENCE if timeout is None else timeout)
        except errors.OperationalError:
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                # Half-way through an answer: of no more use.
                self.pgconn.finish()
            raise


class PostgresqlEngine:
    """Opens connections to one database."""

    def __init__(self, url: URL) -> None:
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def connect(self, **settings: str) -> "psycopg.Connection[Row]":
        """A connection with every time limit set; statements on it commit by themselves."""
        options = " ".join(
            f"-c {name}={value.replace(' ', chr(92) + ' ')}" for name, value in (_SETTINGS | settings).items()
        )
        return _Connection.connect(
            self._conninfo,
            autocommit=True,
            cursor_factory=psycopg.RawCursor,
            connect_timeout=CONNECT_SECONDS,
            options=options,
            keepalives_idle=5,
            keepalives_interval=2,
            keepalives_count=3,
            tcp_user_timeout=5000,
        )

    def connect_for_migration(self) -> "psycopg.Connection[Row]":
        """A connection as SQLAlchemy wants it, without a limit on statements but with one on waiting for locks."""
        return psycopg.connect(
            self._conninfo, connect_timeout=CONNECT_SECONDS, options="-c lock_timeout=5s -c timezone=UTC"
        )

    def check_durable(self, connection: "psycopg.Connection[Row]") -> None:
        """StorageError when the server may lose what it acknowledged."""
        for name in _DURABLE:
            row = connection.execute(f"SHOW {name}".encode()).fetchone()
            if row is None or row[0] == "off":
                raise StorageError(f"PostgreSQL runs with {name} = off: an acknowledged write could be lost")

    def writer(self) -> "PostgresqlRunner":
        """A connection for the writer; Unavailable when there is none to a durable server."""
        try:
            connection = self.connect()
            try:
                self.check_durable(connection)
            except BaseException:
                connection.close()
                raise
        except (psycopg.Error, StorageError) as error:
            raise Unavailable(f"the database cannot be reached: {type(error).__name__}") from None
        return PostgresqlRunner(connection, for_write=True)

    def reader(self) -> "PostgresqlRunner":
        """A connection that cannot write; Unavailable when there is none."""
        try:
            connection = self.connect(default_transaction_read_only="on")
        except psycopg.Error as error:
            raise Unavailable(f"the database cannot be reached: {type(error).__name__}") from None
        return PostgresqlRunner(connection, for_write=False)


class PostgresqlRunner:
    """Statements on one connection; used by one thread at a time."""

    def __init__(self, connection: "psycopg.Connection[Row]", for_write: bool) -> None:
        self.connection = connection
        self.for_write = for_write
        self.changed = 0
        self._cursor = connection.cursor(binary=True)
        self._execute = self._cursor.execute

    def one(self, statement: Statement, *parameters: object) -> Row | None:
        return self._execute(statement.postgresql, parameters).fetchone()

    def rows(self, statement: Statement, *parameters: object) -> list[Row]:
        return self._execute(statement.postgresql, parameters).fetchall()

    def change(self, statement: Statement, *parameters: object) -> int:
        count = self._execute(statement.postgresql, parameters).rowcount
        self.changed += count
        return count

    def take(self, statement: Statement, *parameters: object) -> list[Row]:
        rows = self._execute(statement.postgresql, parameters).fetchall()
        self.changed += len(rows)
        return rows

    def change_each(self, statement: EachStatement, rows: Sequence[Sequence[object]]) -> int:
        # An array for each column, so that all rows are one statement and one answer.
        count = self._execute(statement.postgresql, [list(column) for column in zip(*rows, strict=True)]).rowcount
        self.changed += count
        return count

    def begin(self) -> None:
        self._execute(b"BEGIN" if self.for_write else b"BEGIN ISOLATION LEVEL REPEATABLE READ")

    def commit(self) -> None:
        self._execute(b"COMMIT")
        # A transaction that met an error is rolled back by COMMIT, without another word.
        if self._cursor.statusmessage != "COMMIT":
            raise errors.InFailedSqlTransaction

    def rollback(self) -> None:
        self._execute(b"ROLLBACK")

    def savepoint(self) -> None:
        self._execute(b"SAVEPOINT unit")

    def release(self) -> None:
        self._execute(b"RELEASE SAVEPOINT unit")

    def rollback_to_savepoint(self) -> None:
        self._execute(b"ROLLBACK TO SAVEPOINT unit")
        self.release()

    def close(self) -> None:
        self.connection.close()

    def trouble(self, error: Exception) -> Trouble | None:
        """What an error of psycopg means."""
        if not isinstance(error, psycopg.Error):
            return None
        if isinstance(error, _CONTENTION):
            return Trouble.CONTENTION
        if isinstance(error, _ROW):
            return Trouble.ROW
        # A statement that ran too long is refused like a lost connection: nothing will come of it now.
        return Trouble.GONE if isinstance(error, _GONE) else Trouble.FAULT
