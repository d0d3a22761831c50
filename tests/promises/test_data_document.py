"""docs/data.md tells of every table and column there is, and of none that there is not."""

import re
from collections.abc import Iterable

import pytest
from sqlalchemy import MetaData

from crypto.keyring import KeyRing
from crypto.sealing import column_ad
from idp.storage.sql.door import tables as door
from idp.storage.sql.sealed_columns import ColumnSealing, RecordColumn, RingColumn
from idp.storage.sql.tables import metadata
from tests.need import ROOT

_HEADING = re.compile(r"^### `(\w+)`$")
_ROW = re.compile(r"^\| `(\w+)` \|(.*)\|$")
_CELLS = 4


def documented() -> dict[str, dict[str, list[str]]]:
    """Table -> column -> the other cells of its row: holds, sealed, kept, at deletion."""
    found: dict[str, dict[str, list[str]]] = {}
    columns: dict[str, list[str]] | None = None
    for line in (ROOT / "docs" / "data.md").read_text("utf-8").splitlines():
        if heading := _HEADING.match(line):
            assert heading[1] not in found, f"{heading[1]} has two headings"
            columns = found[heading[1]] = {}
        elif line.startswith("#"):
            columns = None
        elif columns is not None and (row := _ROW.match(line)):
            columns[row[1]] = [cell.strip() for cell in row[2].split("|")]
    return found


def _columns(*schemas: MetaData) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for schema in schemas:
        for table in schema.tables.values():
            found.setdefault(table.name, set()).update(column.name for column in table.columns)
    return found


def _missing(wanted: dict[str, set[str]], there: dict[str, Iterable[str]]) -> set[str]:
    return {
        f"{table}.{column}" for table, columns in wanted.items() for column in columns - set(there.get(table, ()))
    }


def test_every_column_is_documented() -> None:
    assert _missing(_columns(metadata, door.metadata), dict(documented())) == set()


def test_no_documented_column_is_gone() -> None:
    told = {table: set(columns) for table, columns in documented().items()}
    assert _missing(told, dict(_columns(metadata, door.metadata))) == set()


def test_a_column_that_is_not_documented_is_noticed() -> None:
    columns = _columns(metadata)
    columns["accounts"].add("birthdate")
    assert _missing(columns, dict(documented())) == {"accounts.birthdate"}


def test_each_row_says_what_it_holds_how_long_and_what_deletion_does() -> None:
    for table, columns in documented().items():
        for column, cells in columns.items():
            assert len(cells) == _CELLS, f"{table}.{column}"
            holds, _, kept, deletion = cells
            assert holds, f"{table}.{column}"
            assert kept, f"{table}.{column}"
            assert deletion, f"{table}.{column}"


def test_sealed_is_said_of_exactly_what_the_program_seals() -> None:
    """`ColumnSealing` prepares one place for each sealed column, known by its associated data."""
    issuer = "https://id.example"
    places = vars(ColumnSealing(KeyRing.generate(issuer))).values()
    under = {place.ad(b""): type(place) for place in places if isinstance(place, RecordColumn | RingColumn)}
    told = documented()
    # Wrapped by `crypto.keyring`, not by a column's place.
    assert told.pop("wrapped_keys")["wrapped"][1] == "ring"
    for table, columns in told.items():
        for column, cells in columns.items():
            key = under.get(column_ad(issuer, table, column, b""))
            said = cells[1].startswith("account key"), cells[1].startswith("ring")
            if (table, column) == ("audit_events", "details"):
                # Under the one or the other.
                assert said == (True, False)
                continue
            assert said == (key is RecordColumn, key is RingColumn), f"{table}.{column}"


@pytest.mark.parametrize("table", ["accounts", "sessions", "consents", "grants", "passkeys"])
def test_the_door_has_no_table_of_people(table: str) -> None:
    assert table not in door.metadata.tables
    assert "account_id" not in {column for columns in _columns(door.metadata).values() for column in columns}
