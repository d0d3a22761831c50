"""What is kept of the staff. Only the account issuer has any."""

from collections.abc import Sequence
from typing import Protocol

from idp.domain.staff import StaffMember, StaffPasskey, StaffRole, StaffSession


class Staff(Protocol):
    """Members. Within `write`, `get` locks the row: whoever changes a member or its sessions takes it first."""

    def add(self, member: StaffMember) -> None:
        """Insert. Conflict when the name index exists."""
        ...

    def get(self, staff_id: bytes) -> StaffMember | None: ...

    def by_name(self, name_index: bytes) -> StaffMember | None: ...

    def all(self) -> Sequence[StaffMember]:
        """Every member, the oldest first: they are few."""
        ...

    def set_password(self, staff_id: bytes, password_hash: str) -> bool: ...

    def set_roles(self, staff_id: bytes, roles: frozenset[StaffRole]) -> bool: ...

    def claim_enrolment(self, staff_id: bytes, secret: bytes, step: int, now: int) -> bool:
        """Store the TOTP secret of a member who may enrol, and close enrolment; True for the first caller only."""
        ...

    def claim_totp_step(self, staff_id: bytes, step: int) -> bool:
        """Use the code of a step: True once, and never again for this step or an earlier one (RFC 6238, 5.2)."""
        ...

    def reopen_enrolment(self, staff_id: bytes, until: int) -> bool:
        """Forget secret, passkeys and sessions, so that a factor is set up anew until a moment."""
        ...

    def remove(self, staff_id: bytes) -> bool:
        """Delete a member with passkeys and sessions."""
        ...


class StaffSessions(Protocol):
    """Sessions at /ops. Ending one deletes it."""

    def add(self, session: StaffSession) -> None: ...

    def get(self, session_id: bytes) -> StaffSession | None: ...

    def claim_half(self, session_id: bytes) -> bool:
        """End a half session; True for the first caller only, who may open a whole one for it."""
        ...

    def touch(self, session_id: bytes, now: int) -> None:
        """Note that a session was used."""
        ...

    def end(self, session_id: bytes) -> bool: ...

    def end_all(self, staff_id: bytes) -> int: ...


class StaffPasskeys(Protocol):
    """Public halves of members' passkeys; `id` is the digest of a credential id."""

    def add(self, passkey: StaffPasskey) -> None:
        """Insert. Conflict when the credential exists."""
        ...

    def of_member(self, staff_id: bytes) -> Sequence[StaffPasskey]:
        """A member's passkeys, the oldest first."""
        ...

    def claim_use(self, passkey_id: bytes, sign_count: int) -> bool:
        """As `Passkeys.claim_use`."""
        ...

    def remove(self, staff_id: bytes, passkey_id: bytes) -> bool: ...
