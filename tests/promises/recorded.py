"""What requests say to the database: every statement with its tables, its keys and the values of these, by transaction.

`python -m tests.promises.shards` writes the list in docs/scaling.md anew.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BinaryExpression, BindParameter, Column, Delete, Insert, Select, Table, Update
from sqlalchemy.sql import operators, visitors

from idp.storage.sql.engine_sqlite import SqliteRunner
from idp.storage.sql.statement import Statement

_VERBS = {Select: "SELECT", Insert: "INSERT", Update: "UPDATE", Delete: "DELETE"}
_SPACES = re.compile(r"\s+")


@dataclass(frozen=True)
class Spoken:
    """One statement as it was run. `keys`: `table.column` -> the value asked for or inserted as (part of) the key.

    `transaction`: 0 for a read of its own, else the number of the writing transaction within the request.
    """

    verb: str
    tables: tuple[str, ...]
    keys: dict[str, Any] = field(hash=False, compare=False)
    sql: str
    transaction: int

    @property
    def line(self) -> str:
        """Verb, tables and key columns."""
        return f"{self.verb} {', '.join(self.tables)} BY {', '.join(sorted(self.keys)) or '(nothing)'}"


class Recorder:
    """Notes every statement while `recording`."""

    def __init__(self) -> None:
        self.spoken: list[Spoken] = []
        self._transaction = 0
        self._in_transaction = False

    def begin(self) -> None:
        self._transaction += 1
        self._in_transaction = True

    def end(self) -> None:
        self._in_transaction = False

    def note(self, statement: Statement, parameters: tuple[object, ...]) -> None:
        clause = statement._clause
        values = {name: parameters[number - 1] for name, number in statement._numbers.items()}
        verb = next(word for kind, word in _VERBS.items() if isinstance(clause, kind))
        number = self._transaction if self._in_transaction else 0
        sql = _SPACES.sub(" ", statement.postgresql.decode())
        self.spoken.append(Spoken(verb, _tables(clause), _keys(clause, values), sql, number))


@contextmanager
def recording() -> Iterator[Recorder]:
    """Every statement that is run on SQLite from here on, in this process."""
    recorder = Recorder()
    names = ("one", "rows", "change", "take", "begin", "commit", "rollback")
    spoken = {name: getattr(SqliteRunner, name) for name in names}

    def noting(name: str) -> Any:
        def run(self: SqliteRunner, statement: Statement, *parameters: object) -> Any:
            recorder.note(statement, parameters)
            return spoken[name](self, statement, *parameters)

        return run

    def marking(name: str, mark: Any) -> Any:
        def run(self: SqliteRunner) -> None:
            if self.for_write:
                mark()
            spoken[name](self)

        return run

    try:
        for name in ("one", "rows", "change", "take"):
            setattr(SqliteRunner, name, noting(name))
        SqliteRunner.begin = marking("begin", recorder.begin)  # type: ignore[method-assign]
        SqliteRunner.commit = marking("commit", recorder.end)  # type: ignore[method-assign]
        SqliteRunner.rollback = marking("rollback", recorder.end)  # type: ignore[method-assign]
        yield recorder
    finally:
        for name, original in spoken.items():
            setattr(SqliteRunner, name, original)


def _tables(clause: Any) -> tuple[str, ...]:
    found: dict[str, None] = {}
    if not isinstance(clause, Select):
        found[clause.table.name] = None
    for element in visitors.iterate(clause):
        if isinstance(element, Table):
            found[element.name] = None
    return tuple(sorted(found))


def _keys(clause: Any, values: dict[str, object]) -> dict[str, object]:
    """Columns that are compared with a parameter for equality; of an insert, those of the primary key."""
    if isinstance(clause, Insert):
        given = {getattr(column, "name", column): bound for column, bound in (clause._values or {}).items()}
        wanted = {column.name for column in clause.table.primary_key.columns} | {"account_id"}
        return {
            f"{clause.table.name}.{name}": values[bound.key]
            for name, bound in given.items()
            if name in wanted and isinstance(bound, BindParameter) and bound.key in values
        }
    found: dict[str, object] = {}
    for element in visitors.iterate(clause):
        if isinstance(element, BinaryExpression) and element.operator is operators.eq:
            for column, bound in ((element.left, element.right), (element.right, element.left)):
                if isinstance(column, Column) and isinstance(bound, BindParameter) and bound.key in values:
                    found[f"{column.table.name}.{column.name}"] = values[bound.key]
    return found
