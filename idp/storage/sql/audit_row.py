"""A row of the audit trail: what its MAC and its leaf cover, which is every column."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Table, null

from crypto.encoding import lp
from crypto.merkle import leaf_hash
from idp.storage.sql.tables import audit_events

_ABSENT = b""
_PRESENT = b"\x01"


class AuditRow(NamedTuple):
    """One row of `audit_events` as stored: `details` sealed, or empty where the account was gone already."""

    id: bytes
    at: int
    kind: str
    account_id: bytes | None
    client_id: str | None
    subject: str
    details: bytes
    mac: bytes

    def fields(self) -> bytes:
        """Every column before `mac`; what is absent differs from what is empty."""
        return lp(
            self.id,
            self.at.to_bytes(8, "big", signed=True),
            self.kind,
            _ABSENT if self.account_id is None else _PRESENT + self.account_id,
            _ABSENT if self.client_id is None else _PRESENT + self.client_id.encode(),
            self.subject,
            self.details,
        )

    def leaf(self) -> bytes:
        """The RFC 6962 leaf hash of the row, its MAC included."""
        return leaf_hash(lp("blindage/audit/leaf/v1", self.fields(), self.mac))


@dataclass(frozen=True, eq=False)
class AuditTable:
    """A table of audit rows. The door's has no column for an account; read, it is as if that were always NULL."""

    events: Table

    @property
    def names(self) -> tuple[str, ...]:
        """The columns there are, in the order of `AuditRow`."""
        return tuple(name for name in AuditRow._fields if name in self.events.c)

    @cached_property
    def columns(self) -> "tuple[ColumnElement[Any], ...]":
        """What to select for an `AuditRow`."""
        return tuple(self.events.c[name] if name in self.events.c else null() for name in AuditRow._fields)

    def values(self, row: AuditRow) -> list[object]:
        """The values of a row for `names`."""
        return [getattr(row, name) for name in self.names]


ACCOUNT_AUDIT = AuditTable(audit_events)
