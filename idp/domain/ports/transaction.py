"""All aggregates within one database transaction, and the store that runs transactions."""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from idp.domain.client import Client
from idp.domain.ports.apps import AppUses, Clients, Consents, DeviceGrants, Grants, Outbox
from idp.domain.ports.markers import Allowance, Attempts, Presentations, Spent
from idp.domain.ports.people import Accounts, Passkeys, RecoveryCodes, Sessions
from idp.domain.ports.records import Audit, Housekeeping, Keys, TokenKeys, TokenLog
from idp.domain.ports.staff import Staff, StaffPasskeys, StaffSessions

T = TypeVar("T")
Item = TypeVar("Item")


class Transaction(Protocol):
    """All aggregates within one database transaction."""

    @property
    def accounts(self) -> Accounts: ...
    @property
    def sessions(self) -> Sessions: ...
    @property
    def recovery_codes(self) -> RecoveryCodes: ...
    @property
    def passkeys(self) -> Passkeys: ...
    @property
    def staff(self) -> Staff: ...
    @property
    def staff_sessions(self) -> StaffSessions: ...
    @property
    def staff_passkeys(self) -> StaffPasskeys: ...
    @property
    def clients(self) -> Clients: ...
    @property
    def consents(self) -> Consents: ...
    @property
    def grants(self) -> Grants: ...
    @property
    def device_grants(self) -> DeviceGrants: ...
    @property
    def spent(self) -> Spent: ...
    @property
    def attempts(self) -> Attempts: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def keys(self) -> Keys: ...
    @property
    def app_use(self) -> AppUses: ...
    @property
    def outbox(self) -> Outbox: ...
    @property
    def token_keys(self) -> TokenKeys: ...
    @property
    def token_log(self) -> TokenLog: ...
    @property
    def allowance(self) -> Allowance: ...
    @property
    def presentations(self) -> Presentations: ...
    @property
    def housekeeping(self) -> Housekeeping: ...


class Store(Protocol):
    """The database. `unit` is short and may run again: no signing, Argon2, network or clock inside."""

    def read(self, unit: Callable[[Transaction], T], *, snapshot: bool = False) -> T:
        """Run `unit`, which may not write. Unavailable when the database cannot answer.

        Each statement sees one state of the database; with `snapshot`, which costs two statements more, all
        statements of the unit see the same one.
        """
        ...

    def client(self, client_id: str) -> Client | None:
        """`Clients.get`, without a connection where the cache answers."""
        ...

    def write(self, unit: Callable[[Transaction], T], key: bytes = b"") -> T:
        """Run `unit` in a transaction and return only after it is on disk.

        Units that wait together are committed together, each in a savepoint, sorted by `key` (the id of the row
        they fight over). An exception of `unit` undoes that unit alone and is raised here. If COMMIT fails every
        unit of the group gets Unavailable. Called once per request, by a service or protocol entry function.
        """
        ...

    def write_each(self, units: Callable[[Transaction, Sequence[Item]], Sequence[T]], item: Item, key: bytes) -> T:
        """As `write`, for units that differ in `item` only: those that wait together are one call of `units`.

        `units` gives a result for each item, in order. An exception of it undoes them all, and each runs alone.
        """
        ...

    def ping(self) -> int | None:
        """The database's time (epoch seconds), None where it is this machine's; Unavailable unless it answers."""
        ...

    def close(self) -> None:
        """Finish what waits, then release connections and the lock file."""
        ...
