"""Which age tokens this app has seen: a file that outlives it, since a token counts for weeks."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

# Nonces are forgotten a day after their token stopped counting, so that no check under way misses them.
_MARGIN_SECONDS = 86400


class SpentTokens:
    """Nonces in SQLite, safe for many threads and processes. `now` in epoch seconds."""

    def __init__(self, file: Path, now: Callable[[], float] = time.time) -> None:
        """Make what is missing and forget what is over. OSError and sqlite3.Error when the file cannot be used."""
        self._file = file
        with closing(self._connect()) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS spent (nonce BLOB PRIMARY KEY, until INTEGER) WITHOUT ROWID")
            connection.execute("DELETE FROM spent WHERE until < ?", (int(now()) - _MARGIN_SECONDS,))

    def spend(self, nonce: bytes, until: int) -> bool:
        """True for the first who spends this nonce (32 bytes); it is kept until then (epoch seconds)."""
        with closing(self._connect()) as connection:
            return connection.execute("INSERT OR IGNORE INTO spent VALUES (?, ?)", (nonce, until)).rowcount == 1

    def _connect(self) -> sqlite3.Connection:
        # Each statement is a transaction of its own, on disk before it returns.
        connection = sqlite3.connect(self._file, timeout=10, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")
        return connection
