"""What the database itself says of its tables: their columns, and what it keeps unique."""

from dataclasses import dataclass
from functools import cached_property

from sqlalchemy import ClauseElement, column, text

from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement


class _OfEach(Statement):
    """A statement that each database is asked in its own words."""

    def __init__(self, sqlite: str, postgresql: str) -> None:
        super().__init__(_NOTHING)
        self._sqlite, self._postgresql = sqlite, postgresql

    @cached_property
    def sqlite(self) -> str:
        return self._sqlite

    @cached_property
    def postgresql(self) -> bytes:
        return self._postgresql.encode()


_NOTHING: ClauseElement = text("SELECT 1").columns(column("one"))
_COLUMNS = _OfEach(
    "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'",
    "SELECT t.relname, a.attname FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace "
    "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped "
    "WHERE t.relkind = 'r' AND n.nspname = ANY (current_schemas(false))",
)
# Partial indexes are not meant: what they keep unique is unique among some rows only.
_UNIQUE = _OfEach(
    "SELECT m.name, i.name, c.name FROM sqlite_schema m, pragma_index_list(m.name) i, pragma_index_info(i.name) c "
    "WHERE i.\"unique\" = 1 AND i.partial = 0 AND m.type = 'table'",
    "SELECT t.relname, x.relname, a.attname FROM pg_index i "
    "JOIN pg_class t ON t.oid = i.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace "
    "JOIN pg_class x ON x.oid = i.indexrelid "
    "JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = ANY (i.indkey::int2[]) "
    "WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND t.relkind = 'r' "
    "AND n.nspname = ANY (current_schemas(false))",
)


@dataclass(frozen=True, slots=True)
class Catalog:
    """`columns`: table -> names; `unique`: table -> sets of columns whose values together occur once."""

    columns: dict[str, set[str]]
    unique: dict[str, list[set[str]]]


def read_catalog(run: Runner) -> Catalog:
    """The database's own description of itself."""
    columns: dict[str, set[str]] = {}
    for table, name in run.rows(_COLUMNS):
        columns.setdefault(table, set()).add(name)
    indexes: dict[tuple[str, str], set[str]] = {}
    for table, index, name in run.rows(_UNIQUE):
        indexes.setdefault((table, index), set()).add(name)
    unique: dict[str, list[set[str]]] = {}
    for (table, _), names in indexes.items():
        unique.setdefault(table, []).append(names)
    return Catalog(columns, unique)
