"""Expired rows by the hundred thousand in an embedded database, beside the server that uses it."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    from pysqlite3 import dbapi2 as sqlite
except ImportError:
    import sqlite3 as sqlite  # type: ignore[no-redef]

_PIECE = 2000
"""Rows in a transaction: the server wants to write, too."""


def connect(file: Path) -> Any:
    """A connection beside the server's own, each statement a transaction."""
    return sqlite.connect(file, timeout=30, isolation_level=None)


def fill(file: Path, rows: int, grants_expire: int, markers_expire: int) -> None:
    """Half of `rows` are grants, copies of a real one; the other half used one-time values."""
    connection = connect(file)
    try:
        cursor = connection.execute("SELECT * FROM grants LIMIT 1")
        columns = [each[0] for each in cursor.description]
        real = dict(zip(columns, cursor.fetchone(), strict=True))
        holes = ", ".join("?" * len(columns))
        grants = f"INSERT INTO grants VALUES ({holes})"  # noqa: S608 - holes only
        _insert(connection, grants, _grants(real, rows // 2, grants_expire))
        _insert(connection, "INSERT INTO spent (digest, expires_at) VALUES (?, ?)", _markers(rows // 2, markers_expire))
    finally:
        connection.close()


def _grants(real: dict[str, Any], count: int, expires_at: int) -> Iterator[list[Any]]:
    made_at, pool = int(real["created_at"]), secrets.token_bytes(4096)
    for number in range(count):
        row = {
            **real,
            "id": (made_at - count // 1000 + number // 1000).to_bytes(4, "big") + secrets.token_bytes(12),
            "account_id": (number % 9973).to_bytes(16, "big"),
            "sealed": pool[number % 2048 :][: len(real["sealed"])],
            "expires_at": expires_at,
        }
        yield list(row.values())


def _markers(count: int, expires_at: int) -> Iterator[list[Any]]:
    for _ in range(count):
        yield [secrets.token_bytes(32), expires_at]


def _insert(connection: Any, statement: str, rows: Iterator[list[Any]]) -> None:
    while piece := [row for _, row in zip(range(_PIECE), rows, strict=False)]:
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(statement, piece)
        connection.execute("COMMIT")
