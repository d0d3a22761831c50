"""What is kept of apps and of what people allow them."""

from collections.abc import Sequence
from typing import Protocol

from idp.domain.app_use import DayOfUse
from idp.domain.client import Client, ClientState
from idp.domain.consent import Consent
from idp.domain.device_grant import DeviceGrant, Poll
from idp.domain.grant import Claim, Grant, Standing


class Clients(Protocol):
    """Registered clients. `get` may be answered from a cache at most 3 s old."""

    def add(self, client: Client) -> None: ...

    def get(self, client_id: str) -> Client | None: ...

    def current(self, client_id: str) -> Client | None:
        """As `get`, but as the database has it now: for those who go on to change it."""
        ...

    def replace(self, client: Client, expected_version: int) -> bool:
        """Store `client` with version expected+1 if the stored version still is `expected_version`."""
        ...

    def set_state(self, client_id: str, state: ClientState) -> bool: ...

    def delete(self, client_id: str) -> bool: ...

    def page(self, after: str, limit: int) -> Sequence[Client]: ...

    def in_state(self, state: ClientState, after: str, limit: int) -> Sequence[Client]:
        """A page of the clients in one state, by id."""
        ...

    def of_sector(self, sector: str) -> Sequence[Client]: ...


class Consents(Protocol):
    """Consents; at most one active per (account, client, giver)."""

    def give(self, consent: Consent) -> None:
        """Insert, closing an older active one of the same account, client and giver in the same transaction.

        Grants made under the older consent move to the new one when it covers as much; the caller says nothing.
        """
        ...

    def active(self, account_id: bytes, client_id: str) -> Sequence[Consent]: ...

    def of_account(self, account_id: bytes) -> Sequence[Consent]: ...

    def withdraw(self, account_id: bytes, client_id: str, now: int) -> int:
        """Close all active consents of the pair and revoke their grants; returns how many consents closed."""
        ...

    def standing(self, account_id: bytes, client_id: str, session_id: bytes | None, now: int) -> Standing:
        """Hot path, one SELECT: account state, whether a consent of the pair is active, the age record, the session."""
        ...


class Grants(Protocol):
    """Grants. A grant bears the id of the code it came from: one key says that it stands and that it is spent."""

    def claim_code(self, grant: Grant) -> bool:
        """Spend the code `grant.id` by inserting its grant: exactly one caller ever gets True (RFC 6749, 4.1.2).

        The grant that a replayed code led to (RFC 9700, section 4.5) is the one of the same id: `revoke` it.
        """
        ...

    def claim_codes(self, claims: Sequence[Claim]) -> list[bool]:
        """`claim_code` for each, in the order given, where everything that its code saw still holds.

        False says that the code is spent or that something has changed: `Consents.standing` tells what.
        """
        ...

    def get(self, grant_id: bytes) -> Grant | None:
        """The grant; without `subject`, `scope` and the like when its account has been deleted."""
        ...

    def with_standing(self, grant_id: bytes, now: int) -> tuple[Grant, Standing] | None:
        """Hot path, one SELECT: the grant and all that must hold when it is used."""
        ...

    def claim_rotation(self, grant_id: bytes, generation: int, now: int) -> bool:
        """Rotate a refresh token: `generation` + 1 if it still is `generation` and the grant is not revoked."""
        ...

    def revoke(self, grant_id: bytes, now: int) -> bool: ...

    def of_account(self, account_id: bytes) -> Sequence[Grant]: ...

    def of_session(self, session_id: bytes) -> Sequence[Grant]: ...

    def revoke_of_account(self, account_id: bytes, now: int) -> int: ...

    def revoke_of_client(self, client_id: str, now: int) -> int: ...


class DeviceGrants(Protocol):
    """Device authorizations (RFC 8628), from the device's request until ten minutes after their end."""

    def add(self, grant: DeviceGrant) -> bool:
        """Insert; False when one of its codes is taken: draw others."""
        ...

    def get(self, grant_id: bytes) -> DeviceGrant | None: ...

    def by_user_code(self, user_code: bytes) -> DeviceGrant | None: ...

    def poll(self, device_code: bytes, client_id: str, now: int) -> Poll | None:
        """Count a poll, in one statement: while nobody has answered, one that comes too soon lengthens the interval.

        None for a code that is unknown or another client's: nobody disturbs a device that is not theirs.
        """
        ...

    def claim_answer(self, answered: DeviceGrant, now: int) -> bool:
        """Store a person's answer (approved or denied) if none stands yet and time is not over."""
        ...

    def claim_redeemed(self, grant_id: bytes, now: int) -> bool:
        """Spend an approved code: exactly one caller ever gets True (RFC 8628, section 3.4)."""
        ...

    def deny_of_account(self, account_id: bytes) -> int:
        """Take back what a person approved and no device has fetched yet; how many those were."""
        ...


class AppUses(Protocol):
    """Counts of what apps ask for, by day."""

    def add(self, use: DayOfUse, expires_at: int) -> None:
        """Add to the count of an app, a day and a kind of use, in one statement."""
        ...

    def since(self, day: int) -> Sequence[DayOfUse]:
        """Every count of a day and those after it, by client."""
        ...


class Outbox(Protocol):
    """Messages to apps, written in the transaction of what they tell."""

    def put(self, message_id: bytes, kind: str, client_id: str, payload: bytes, due_at: int) -> None:
        """Write a message (sealed). Conflict when the id exists."""
        ...

    def claim_due(self, now: int, lease_until: int, limit: int) -> Sequence[tuple[bytes, str, str, bytes, int]]:
        """Lease due messages until a moment: (id, kind, client id, payload, tries so far). Nobody else gets them."""
        ...

    def delivered(self, message_id: bytes) -> None:
        """Forget a message."""
        ...

    def failed(self, message_id: bytes, due_at: int) -> None:
        """Try again at `due_at`."""
        ...

    def give_up(self, message_id: bytes, now: int) -> None:
        """Forget what a message said, and remember for thirty days that it was given up."""
        ...

    def of_client(self, client_id: str) -> Sequence[tuple[str, int, int | None]]:
        """Messages to one app: (kind, tries, next try at or None when given up), those due first in front."""
        ...
