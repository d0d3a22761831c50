"""The kinds of database there are: the account issuer's and the door's. Each refuses the other's.

What they share are tables of the same names and columns; what speaks of people the door's has not got.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import column, select, table

from idp.storage.sql.clients import ClientCache
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.transaction import SqlTransaction

LEVEL_TABLES = {"schema_level": "the account issuer", "door_schema_level": "the door"}
"""The table that says how far a database's migrations have run -> whose database it is."""


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind. `level` is what the newest file in `migrations` says, `level_table` where a database says its own.

    `transaction` makes what reads and writes it on one connection.
    """

    level: int
    migrations: Path
    level_table: str
    transaction: Callable[[Runner, ColumnSealing, ClientCache], SqlTransaction]

    @property
    def read_level(self) -> Statement:
        """(level, floor) of a database of this kind."""
        return Statement(select(column("level"), column("floor")).select_from(table(self.level_table)))


ACCOUNT = Layout(
    # Counts up with every migration.
    level=4,
    migrations=Path(__file__).parent / "migrations",
    level_table="schema_level",
    transaction=SqlTransaction,
)
