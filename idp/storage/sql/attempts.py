"""Counters of failed tries per key and window. They outlive every restart, and Redis."""

from sqlalchemy import bindparam as param
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import attempts

_ADD = Statement(
    insert_new(attempts)
    .values(key=param("key"), window_start=param("window"), tries=1, expires_at=param("expires_at"))
    .on_conflict_do_update(
        index_elements=[attempts.c.key, attempts.c.window_start], set_={"tries": attempts.c.tries + 1}
    )
    .returning(attempts.c.tries),
    "key", "window", "expires_at",
)
_TAKE_BACK = Statement(
    update(attempts)
    .where(attempts.c.key == param("counter"), attempts.c.window_start == param("window"), attempts.c.tries > 0)
    .values(tries=attempts.c.tries - 1),
    "counter", "window",
)
_COUNT = Statement(
    select(attempts.c.tries).where(attempts.c.key == param("key"), attempts.c.window_start == param("window")),
    "key", "window",
)
_CLEAR = Statement(delete(attempts).where(attempts.c.key == param("key")), "key")


class SqlAttempts:
    """Implements `idp.domain.ports.Attempts`."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def add(self, key: bytes, window_start: int, expires_at: int) -> int:
        return int(self._run.take(_ADD, key, window_start, expires_at)[0][0])

    def take_back(self, key: bytes, window_start: int) -> None:
        self._run.change(_TAKE_BACK, key, window_start)

    def count(self, key: bytes, window_start: int) -> int:
        found = self._run.one(_COUNT, key, window_start)
        return int(found[0]) if found else 0

    def clear(self, key: bytes) -> None:
        self._run.change(_CLEAR, key)
