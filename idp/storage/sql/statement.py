"""A statement of SQLAlchemy Core as plain SQL text: compiled once for each database, run on its DBAPI cursor.

Going through SQLAlchemy's execution on every request would cost five times the statement itself.
"""

import re
from functools import cached_property
from typing import Any

from sqlalchemy import (
    ClauseElement,
    TableClause,
    bindparam,
    cast,
    column,
    create_engine,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

# For their dialects only: these engines never connect.
_SQLITE = create_engine("sqlite://", paramstyle="pyformat").dialect
_POSTGRESQL = create_engine("postgresql+psycopg://", paramstyle="pyformat").dialect
EACH_ROW = "each_row"
_NAMED = re.compile(r"%\((\w+)\)s|%%")


class EachStatement:
    """A statement that does its work for many rows of parameters in one go.

    `clause` selects from `EACH_ROW`, whose columns are the names in `kinds`, in the order in which they are given.
    """

    def __init__(self, clause: ClauseElement, **kinds: TypeEngine[Any]) -> None:
        self._statement = Statement(clause)
        self._kinds = kinds
        self._head = f"WITH {EACH_ROW}({', '.join(kinds)}) AS "
        self._sqlite: dict[int, str] = {}

    def sqlite(self, rows: int) -> str:
        """For so many rows, whose parameters follow one another."""
        text = self._sqlite.get(rows)
        if text is None:
            row = f"({', '.join('?' * len(self._kinds))})"
            text = self._sqlite[rows] = f"{self._head}(VALUES {', '.join([row] * rows)}) {self._statement.sqlite}"
        return text

    @cached_property
    def postgresql(self) -> bytes:
        """For any number of rows: a parameter is the array of one column's values.

        In the order of the first column, so that two processes that meet on the same rows come to them alike.
        """
        arrays = func.unnest(*(cast(bindparam(name), ARRAY(kind)) for name, kind in self._kinds.items()))
        rows = Statement(select(literal_column("*")).select_from(arrays).order_by(literal_column("1")), *self._kinds)
        return self._head.encode() + b"(" + rows.postgresql + b") " + self._statement.postgresql


def each_row(*names: str) -> TableClause:
    """The rows of an `EachStatement`."""
    return table(EACH_ROW, *(column(name) for name in names))


class Statement:
    """SQL text in which `parameters` are numbered in the order given, however often and wherever they stand."""

    def __init__(self, clause: ClauseElement, *parameters: str) -> None:
        self._clause = clause
        self._numbers = {name: number for number, name in enumerate(parameters, 1)}

    @cached_property
    def sqlite(self) -> str:
        """With `?1`, `?2` ... as placeholders."""
        return self._text(_SQLITE, "?")

    @cached_property
    def postgresql(self) -> bytes:
        """With `$1`, `$2` ... as placeholders: what the server itself reads."""
        return self._text(_POSTGRESQL, "$").encode()

    def _text(self, dialect: Dialect, sign: str) -> str:
        compiled = self._clause.compile(dialect=dialect)
        unused = set(self._numbers)

        def placed(match: re.Match[str]) -> str:
            name = match[1]
            if name is None:
                return "%"
            if name in self._numbers:
                unused.discard(name)
                return f"{sign}{self._numbers[name]}"
            # A constant that SQLAlchemy made a parameter of. Only whole numbers need no quoting.
            constant = compiled.params[name]
            if type(constant) is not int:
                raise TypeError(f"parameter {name} is not listed")
            return str(constant)

        text = _NAMED.sub(placed, str(compiled))
        if unused:
            raise TypeError(f"parameters {sorted(unused)} are not in the statement")
        return text
