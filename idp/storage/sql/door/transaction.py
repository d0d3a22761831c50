"""The aggregates of the door on one connection. Made once for each connection, not for each transaction."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from idp.storage.sql.absent import Absent, absent
from idp.storage.sql.attempts import SqlAttempts
from idp.storage.sql.audit import SqlAudit
from idp.storage.sql.audit_row import AuditTable
from idp.storage.sql.audit_tree import SqlAuditTree
from idp.storage.sql.clients import ClientCache, SqlClients
from idp.storage.sql.door.grants import SqlDoorGrants
from idp.storage.sql.door.housekeeping import SqlDoorHousekeeping
from idp.storage.sql.door.presentations import SqlPresentations
from idp.storage.sql.door.tables import audit_events
from idp.storage.sql.keys import SqlKeys
from idp.storage.sql.layout import Layout
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.spent import SqlSpent
from idp.storage.sql.token_keys import SqlTokenLog
from idp.storage.sql.transaction import SqlTransaction

_AUDIT = AuditTable(audit_events)


class _NoDataKeys:
    def data_key(self, account_id: bytes) -> bytes | None:
        return None


class _NoMessages(Absent):
    """The door tells apps nothing of its own accord, so nothing ever waits."""

    def of_client(self, client_id: str) -> Sequence[tuple[str, int, int | None]]:
        return ()


class SqlDoorTransaction(SqlTransaction):
    """Implements `idp.domain.ports.Transaction` where there are no people."""

    def __init__(self, run: Runner, sealing: ColumnSealing, client_cache: ClientCache) -> None:
        # Not the parent's __init__: nothing of the account issuer's is made here.
        self.run = run
        self.clients = SqlClients(run, client_cache)
        self.grants = SqlDoorGrants(run, sealing.door_grant)
        self.presentations = SqlPresentations(run, sealing.answered_request)
        self.spent = SqlSpent(run)
        self.attempts = SqlAttempts(run)
        self.audit = SqlAudit(run, sealing, _NoDataKeys(), _AUDIT)
        self.audit_tree = SqlAuditTree(run, _AUDIT)
        self.keys = SqlKeys(run, sealing)
        self.token_log = SqlTokenLog(run)
        self.housekeeping = SqlDoorHousekeeping(run)
        self.__dict__["outbox"] = _NoMessages("messages")

    def __getattr__(self, name: str) -> Any:
        # Accounts, sessions, consents and whatever else is of people: there is no such table here.
        return absent(name.replace("_", " "))


DOOR = Layout(
    # Counts up with every migration.
    level=1,
    migrations=Path(__file__).parent / "migrations",
    level_table="door_schema_level",
    transaction=SqlDoorTransaction,
)
