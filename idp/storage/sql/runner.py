"""What aggregates run their statements on, and what may go wrong there."""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Any, Protocol

from idp.domain.errors import Conflict, Unavailable
from idp.storage.sql.statement import EachStatement, Statement

Row = tuple[Any, ...]


class Trouble(Enum):
    """Whose fault an error of the database is."""

    ROW = auto()
    """The unit's: a row met a constraint. Trying again would not help, others are not concerned."""

    CONTENTION = auto()
    """Nobody's: a lock was not to be had, or a deadlock was broken. Trying again helps."""

    GONE = auto()
    """The database's: no connection, no space, no disk."""

    FAULT = auto()
    """The programmer's."""


class Runner(Protocol):
    """One connection. `changed` grows with every row that was changed, so that two readings compare.

    `for_write` tells readers of rows to lock them.
    """

    changed: int
    for_write: bool

    def one(self, statement: Statement, *parameters: object) -> Row | None:
        """The first row of a query."""
        ...

    def rows(self, statement: Statement, *parameters: object) -> list[Row]:
        """All rows of a query."""
        ...

    def change(self, statement: Statement, *parameters: object) -> int:
        """Run a statement that changes rows; how many."""
        ...

    def take(self, statement: Statement, *parameters: object) -> list[Row]:
        """Run a statement that changes rows and returns them."""
        ...

    def change_each(self, statement: EachStatement, rows: Sequence[Sequence[object]]) -> int:
        """Run a statement that changes rows for many rows of parameters; how many it changed."""
        ...

    def begin(self) -> None: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def savepoint(self) -> None: ...
    def release(self) -> None: ...
    def rollback_to_savepoint(self) -> None: ...
    def close(self) -> None: ...

    def trouble(self, error: Exception) -> Trouble | None:
        """What `error` means; None when it does not come from the database."""
        ...


def refusal(trouble: Trouble, error: Exception) -> Exception:
    """What the caller of a unit is told. The database's own text, which may quote values, goes no further."""
    if trouble is Trouble.ROW:
        return Conflict("a row met a constraint")
    if trouble is Trouble.FAULT:
        return error
    return Unavailable(f"the database did not answer: {type(error).__name__}")
