"""What the domain needs from outside: stores, one Protocol per aggregate, and the transaction that joins them.

Conventions: a look-up returns the thing or None, never raises for absence. A method named `claim_...` is one SQL
statement that says whether this caller won. Methods raise `Conflict` on a unique key and `Unavailable` when the
database cannot answer. Only `Store.write` may change anything.
"""

from idp.domain.ports.apps import AppUses, Clients, Consents, DeviceGrants, Grants, Outbox
from idp.domain.ports.markers import Allowance, Attempts, Presentations, Spent
from idp.domain.ports.outside import Fetcher, KnownPasswords
from idp.domain.ports.people import Accounts, Passkeys, RecoveryCodes, Sessions
from idp.domain.ports.records import Audit, Expired, Housekeeping, Keys, TokenKeys, TokenLog
from idp.domain.ports.staff import Staff, StaffPasskeys, StaffSessions
from idp.domain.ports.transaction import Store, Transaction

__all__ = [
    "Accounts",
    "Allowance",
    "AppUses",
    "Attempts",
    "Audit",
    "Clients",
    "Consents",
    "DeviceGrants",
    "Expired",
    "Fetcher",
    "Grants",
    "Housekeeping",
    "Keys",
    "KnownPasswords",
    "Outbox",
    "Passkeys",
    "Presentations",
    "RecoveryCodes",
    "Sessions",
    "Spent",
    "Staff",
    "StaffPasskeys",
    "StaffSessions",
    "Store",
    "TokenKeys",
    "TokenLog",
    "Transaction",
]
