"""What requests say to the database: every statement with its tables, its keys and the values of these, by transaction.

`python -m tests.promises.shards` writes the list in docs/scaling.md anew.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BinaryExpression, BindParameter, Column, Delete, Insert, Select, Table, Update
from sqlalchemy.sql import operators, visitors

from idp.storage.sql.engine_sqlite import SqliteRunner
from idp.storage.sql.statement import EACH_ROW, EachStatement, Statement

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


    def note_each(self, statement: EachStatement, rows: Sequence[Sequence[object]]) -> None:
        """A statement for rows of parameters, each noted as one of its own: its keys are where the rows come from."""
        clause, names = statement._statement._clause, list(statement._kinds)
        sql = _SPACES.sub(" ", statement.postgresql.decode())
        number = self._transaction if self._in_transaction else 0
        tables = tuple(name for name in _tables(clause) if name != EACH_ROW)
        for row in rows:
            given = dict(zip(names, row, strict=True))
            keys: dict[str, Any] = {f"{clause.table.name}.{name}": given[name] for name in ("id", "account_id")}
            for element in visitors.iterate(clause):
                if isinstance(element, BinaryExpression) and element.operator is operators.eq:
                    for own, other in ((element.left, element.right), (element.right, element.left)):
                        if isinstance(own, Column) and getattr(other, "table", None) is not None:
                            if other.table.name == EACH_ROW:
                                keys[f"{own.table.name}.{own.name}"] = given[other.name]
            self.spoken.append(Spoken("INSERT", tables, keys, sql, number))


@contextmanager
def recording() -> Iterator[Recorder]:
    """Every statement that is run on SQLite from here on, in this process."""
    recorder = Recorder()
    names = ("one", "rows", "change", "take", "change_each", "begin", "commit", "rollback")
    spoken = {name: getattr(SqliteRunner, name) for name in names}

    def noting(name: str) -> Any:
        def run(self: SqliteRunner, statement: Statement, *parameters: object) -> Any:
            recorder.note(statement, parameters)
            return spoken[name](self, statement, *parameters)

        return run

    def noting_each(self: SqliteRunner, statement: EachStatement, rows: Sequence[Sequence[object]]) -> int:
        recorder.note_each(statement, rows)
        changed: int = spoken["change_each"](self, statement, rows)
        return changed

    def marking(name: str, mark: Any) -> Any:
        def run(self: SqliteRunner) -> None:
            if self.for_write:
                mark()
            spoken[name](self)

        return run

    try:
        for name in ("one", "rows", "change", "take"):
            setattr(SqliteRunner, name, noting(name))
        SqliteRunner.change_each = noting_each  # type: ignore[method-assign]
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
