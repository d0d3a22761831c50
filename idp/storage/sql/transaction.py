"""All aggregates on one connection. Made once for each connection, not for each transaction."""

from idp.domain.ports import Grants, Housekeeping, Presentations
from idp.storage.sql.absent import absent
from idp.storage.sql.accounts import SqlAccounts
from idp.storage.sql.app_use import SqlAppUse
from idp.storage.sql.attempts import SqlAttempts
from idp.storage.sql.audit import SqlAudit
from idp.storage.sql.audit_tree import SqlAuditTree
from idp.storage.sql.clients import ClientCache, SqlClients
from idp.storage.sql.consents import SqlConsents
from idp.storage.sql.device_grants import SqlDeviceGrants
from idp.storage.sql.grants import SqlGrants
from idp.storage.sql.housekeeping import SqlHousekeeping
from idp.storage.sql.keys import SqlKeys
from idp.storage.sql.outbox import SqlOutbox
from idp.storage.sql.passkeys import SqlPasskeys
from idp.storage.sql.recovery_codes import SqlRecoveryCodes
from idp.storage.sql.runner import Runner
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.sessions import SqlSessions
from idp.storage.sql.spent import SqlSpent
from idp.storage.sql.staff import SqlStaff, SqlStaffPasskeys, SqlStaffSessions
from idp.storage.sql.token_keys import SqlAllowance, SqlTokenKeys, SqlTokenLog


class SqlTransaction:
    """Implements `idp.domain.ports.Transaction`; `audit_tree` is for the sealer and the verifier."""

    def __init__(self, run: Runner, sealing: ColumnSealing, client_cache: ClientCache) -> None:
        self.run = run
        self.accounts = SqlAccounts(run, sealing)
        self.sessions = SqlSessions(run)
        self.recovery_codes = SqlRecoveryCodes(run)
        self.passkeys = SqlPasskeys(run, sealing, self.accounts)
        self.staff = SqlStaff(run, sealing)
        self.staff_sessions = SqlStaffSessions(run)
        self.staff_passkeys = SqlStaffPasskeys(run, sealing)
        self.clients = SqlClients(run, client_cache)
        self.consents = SqlConsents(run, sealing)
        self.grants: Grants = SqlGrants(run, sealing)
        self.device_grants = SqlDeviceGrants(run, sealing)
        self.spent = SqlSpent(run)
        self.attempts = SqlAttempts(run)
        self.audit = SqlAudit(run, sealing, self.accounts)
        self.audit_tree = SqlAuditTree(run)
        self.keys = SqlKeys(run, sealing)
        self.app_use = SqlAppUse(run)
        self.outbox = SqlOutbox(run, sealing)
        self.token_log = SqlTokenLog(run)
        self.token_keys = SqlTokenKeys(run, sealing, self.token_log)
        self.allowance = SqlAllowance(run)
        self.presentations: Presentations = absent("presentations")
        self.housekeeping: Housekeeping = SqlHousekeeping(run)
