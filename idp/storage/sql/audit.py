"""The audit trail: rows with a MAC, written in the transaction of what they record."""

from collections.abc import Sequence
from functools import cache
from typing import Any, Protocol

import orjson
from sqlalchemy import bindparam as param
from sqlalchemy import insert, select
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import Conflict
from idp.storage.sql.audit_row import ACCOUNT_AUDIT, AuditRow, AuditTable
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import audit_pending

_ADD_PENDING = Statement(insert(audit_pending).values(event_id=param("event")).inline(), "event")


class DataKeys(Protocol):
    """Where the data key of an account is; the door has none."""

    def data_key(self, account_id: bytes) -> bytes | None: ...


class _Statements:
    """The statements on one table of audit rows."""

    def __init__(self, table: AuditTable) -> None:
        events, rows = table.events, select(*table.columns)
        values: dict[str, Any] = {name: param(name) for name in table.names}
        self.add = Statement(insert_new(events).values(values).on_conflict_do_nothing(), *table.names)
        self.page = Statement(
            rows.where(events.c.id > param("after")).order_by(events.c.id).limit(param("limit")), "after", "limit"
        )
        self.newest = Statement(rows.order_by(events.c.id.desc()).limit(param("limit")), "limit")
        self.page_before = Statement(
            rows.where(events.c.id < param("before")).order_by(events.c.id.desc()).limit(param("limit")),
            "before", "limit",
        )
        self.of_account = self.newest_of = None
        if "account_id" in events.c:
            theirs = rows.where(events.c.account_id == param("account")).order_by(events.c.id)
            self.of_account = Statement(theirs, "account")
            newest = rows.where(events.c.account_id == param("account"), events.c.kind == param("kind"))
            self.newest_of = Statement(
                newest.order_by(events.c.id.desc()).limit(param("limit")), "account", "kind", "limit"
            )


_statements = cache(_Statements)


class SqlAudit:
    """Implements `idp.domain.ports.Audit`. `audit_seal` adds the rows to a Merkle tree a moment later."""

    def __init__(
        self, run: Runner, sealing: ColumnSealing, accounts: DataKeys, table: AuditTable = ACCOUNT_AUDIT
    ) -> None:
        self._run = run
        self._sealing = sealing
        self._accounts = accounts
        self._table = table
        self._statements = _statements(table)

    def append(self, event: AuditEvent) -> None:
        row = AuditRow(
            event.id, event.at, event.kind.value, event.account_id, event.client_id, event.subject,
            self._sealed_details(event), b"",
        )
        row = row._replace(mac=self._sealing.mac(row.fields()))
        if not self._run.change(self._statements.add, *self._table.values(row)):
            raise Conflict("the audit event exists")
        self._run.change(_ADD_PENDING, event.id)

    def page(self, after: bytes, limit: int) -> Sequence[AuditEvent]:
        return [self._event(AuditRow(*row)) for row in self._run.rows(self._statements.page, after, limit)]

    def page_before(self, before: bytes | None, limit: int) -> Sequence[AuditEvent]:
        if before is None:
            found = self._run.rows(self._statements.newest, limit)
        else:
            found = self._run.rows(self._statements.page_before, before, limit)
        return [self._event(AuditRow(*row)) for row in found]

    def of_account(self, account_id: bytes) -> Sequence[AuditEvent]:
        if self._statements.of_account is None:
            return []
        return [self._event(AuditRow(*row)) for row in self._run.rows(self._statements.of_account, account_id)]

    def newest_of(self, account_id: bytes, kind: AuditKind, limit: int) -> Sequence[AuditEvent]:
        if self._statements.newest_of is None:
            return []
        found = self._run.rows(self._statements.newest_of, account_id, kind.value, limit)
        return [self._event(AuditRow(*row)) for row in found]

    def _sealed_details(self, event: AuditEvent) -> bytes:
        details = orjson.dumps(event.details)
        if event.account_id is None:
            return self._sealing.audit_details_without_account.seal(event.id, details)
        key = self._accounts.data_key(event.account_id)
        # An event after the deletion: its details would be unreadable from the start, so they are not kept.
        return b"" if key is None else self._sealing.audit_details.seal(key, event.id, details)

    def _event(self, row: AuditRow) -> AuditEvent:
        details = orjson.loads(self._details(row))
        return AuditEvent(
            row.id, row.at, AuditKind(row.kind), row.account_id, row.client_id, row.subject,
            tuple((name, value) for name, value in details),
        )

    def _details(self, row: AuditRow) -> bytes:
        if row.account_id is None:
            return self._sealing.audit_details_without_account.open(row.id, row.details)
        key = self._accounts.data_key(row.account_id)
        # Nothing was kept, or the account has been deleted since.
        if key is None or not row.details:
            return b"[]"
        return self._sealing.audit_details.open(key, row.id, row.details)
