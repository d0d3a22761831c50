"""Rows that an index on time finds once they have expired: where they begin, and a bite of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Table, delete, select
from sqlalchemy import bindparam as param

from idp.domain.clock import SKEW_SECONDS
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement

SPENT_KEPT_SECONDS = 2 * SKEW_SECONDS + 1
"""How long a marker outlives its value: a fast node forgets it, and the slowest still takes the value as fresh."""


@dataclass(frozen=True)
class Expiring:
    """A table of which rows go `kept` seconds after the time in `column`, which counts from `floor`."""

    table: Table
    column: str = "expires_at"
    kept: int = 0
    floor: int = 0
    first: Statement = field(init=False)
    remove: Statement = field(init=False)

    def __post_init__(self) -> None:
        time, key = self.table.c[self.column], next(iter(self.table.primary_key))
        expired = (time >= param("since"), time <= param("before"))
        # In the order of the index: what stands before `since` is gone, but PostgreSQL walks over it until a vacuum.
        first = select(time).where(*expired).order_by(time).limit(1)
        # What another process is just removing is passed over: nobody waits for its locks (SQLite has one writer).
        # The key of `attempts` is a pair, but its first half names the same counter.
        some = select(key).where(*expired).order_by(time).limit(param("limit")).with_for_update(skip_locked=True)
        # Looked for once: as a plain subquery PostgreSQL may run it again for each row, past the limit.
        bite = some.cte("bite").prefix_with("MATERIALIZED", dialect="postgresql")
        remove = delete(self.table).where(key.in_(select(bite.c[key.name])), *expired)
        object.__setattr__(self, "first", Statement(first, "since", "before"))
        object.__setattr__(self, "remove", Statement(remove, "since", "before", "limit"))

    def before(self, now: int) -> int:
        """The latest time of a row that may go at `now`."""
        return self.floor + now - self.kept


class Expiries:
    """Several such tables of one database, on one connection."""

    def __init__(self, run: Runner, tables: tuple[Expiring, ...]) -> None:
        self._run = run
        self._tables = tables

    def begin(self, now: int, seen: Mapping[str, int]) -> dict[str, int]:
        """Table name -> time of its first expired row, for tables that have one. `seen`: what this said before."""
        found: dict[str, int] = {}
        for each in self._tables:
            name = each.table.name
            row = self._run.one(each.first, seen.get(name, each.floor), each.before(now))
            if row is not None:
                found[name] = row[0]
        return found

    def remove(self, now: int, limit: int, since: Mapping[str, int]) -> dict[str, int]:
        """Delete at most `limit` expired rows of each table in `since`; table name -> rows deleted, 0 for the rest."""
        removed = {each.table.name: 0 for each in self._tables}
        for each in self._tables:
            name = each.table.name
            if name in since:
                removed[name] = self._run.change(each.remove, since[name], each.before(now), limit)
        return removed
