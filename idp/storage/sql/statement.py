"""A statement of SQLAlchemy Core as plain SQL text: compiled once for each database, run on its DBAPI cursor.

Going through SQLAlchemy's execution on every request would cost five times the statement itself.
"""

import re
from functools import cached_property

from sqlalchemy import ClauseElement, create_engine
from sqlalchemy.engine import Dialect

# For their dialects only: these engines never connect.
_SQLITE = create_engine("sqlite://", paramstyle="pyformat").dialect
_POSTGRESQL = create_engine("postgresql+psycopg://", paramstyle="pyformat").dialect
_NAMED = re.compile(r"%\((\w+)\)s|%%")


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
