"""The two databases that every store test runs on, and how a test looks behind the store's back."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from idp.storage.sql.engine_sqlite import sqlite_library
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import FILE, SqlStore, open_store


class Database:
    """One migrated database: `url` and `data_dir` as `open_store` takes them."""

    def __init__(self, backend: str, url: str, data_dir: Path) -> None:
        self.backend = backend
        self.url = url
        self.data_dir = data_dir

    def open(self, sealing: ColumnSealing, exclusive: bool = False) -> SqlStore:
        """A store on this database."""
        return open_store(self.url, self.data_dir, sealing, exclusive=exclusive)

    @contextmanager
    def raw(self) -> "Iterator[sqlite3.Connection | psycopg.Connection[Any]]":
        """A connection of the driver, committing each statement, with every constraint off."""
        if self.backend == "sqlite":
            file = str(self.data_dir / FILE)
            opened = sqlite_library().connect(file, isolation_level=None, check_same_thread=False)
            with closing(opened) as connection:
                yield connection
        else:
            address = make_url(self.url).set(drivername="postgresql").render_as_string(hide_password=False)
            with closing(psycopg.connect(address, autocommit=True)) as connection:
                yield connection

    def execute(self, sql: str, *parameters: object) -> None:
        """Run one statement, with `?` for each parameter."""
        with self.raw() as connection:
            connection.execute(self._text(sql), parameters)

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a query, with `?` for each parameter."""
        with self.raw() as connection:
            return connection.execute(self._text(sql), parameters).fetchall()

    def dump(self, tables: Sequence[str]) -> bytes:
        """Every value of every row of `tables`, one after the other."""
        values = [value for table in tables for row in self.rows(f"SELECT * FROM {table}") for value in row]
        return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for value in values)

    def _text(self, sql: str) -> Any:
        return sql if self.backend == "sqlite" else sql.replace("?", "%s").encode()
