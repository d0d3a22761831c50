"""Going through a table in stretches of its key, so that no single statement takes long however large it is."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, func, select
from sqlalchemy import bindparam as param

from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement

STRETCH = 20_000
"""Rows looked at by one statement: milliseconds, where the statement timeout is seconds."""


class Walk:
    """The stretches of one table, by its key of one column."""

    def __init__(self, key: Column[Any]) -> None:
        self.key = key
        rest = select(key).where(key > param("after"))
        self._stop = Statement(rest.order_by(key).limit(1).offset(param("seen")), "after", "seen")
        self._last = Statement(rest.order_by(key.desc()).limit(1), "after")
        self._start: object = "" if key.type.python_type is str else b""

    @property
    def within(self) -> ColumnElement[bool]:
        """The condition that a row lies in the stretch of the parameters `after` and `stop`."""
        return (self.key > param("after")) & (self.key <= param("stop"))

    def stretches(self, run: Runner) -> Iterator[tuple[object, object]]:
        """(after, stop) of each stretch: keys above the one, up to and with the other."""
        after = self._start
        while True:
            row = run.one(self._stop, after, STRETCH - 1) or run.one(self._last, after)
            if row is None or row[0] is None:
                return
            yield after, row[0]
            after = row[0]


class RowCheck:
    """How many rows of a table are `bad`; `source` joins what the condition looks at besides."""

    def __init__(
        self, key: Column[Any], bad: ColumnElement[bool], *parameters: str, source: FromClause | None = None
    ) -> None:
        self._walk = Walk(key)
        table = key.table if source is None else source
        self._count = Statement(
            select(func.count()).select_from(table).where(self._walk.within, bad), "after", "stop", *parameters
        )

    def violations(self, run: Runner, *values: object) -> int:
        """The number of bad rows; `values` for the parameters."""
        found = 0
        for after, stop in self._walk.stretches(run):
            row = run.one(self._count, after, stop, *values)
            found += int(row[0]) if row else 0
        return found
