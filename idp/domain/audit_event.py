"""Audit events: a closed list of kinds and a closed list of fields; no address, no user agent, no free text."""

from dataclasses import dataclass
from enum import StrEnum


class AuditKind(StrEnum):
    """Everything that is audited. Token exchanges write none (see `docs/data.md`)."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_LOCKED = "account.locked"
    ACCOUNT_SUSPENDED = "account.suspended"
    PASSWORD_CHANGED = "account.password_changed"
    PASSWORD_RESET = "account.password_reset"
    PASSKEY_ADDED = "account.passkey_added"
    PASSKEY_REMOVED = "account.passkey_removed"
    RECOVERY_CODES_MADE = "account.recovery_codes_made"
    RESET_CODE_MADE = "account.reset_code_made"
    SIGNED_IN = "session.created"
    SESSION_REVOKED = "session.revoked"
    EVIDENCE_RECORDED = "evidence.recorded"
    CONSENT_GIVEN = "consent.given"
    CONSENT_WITHDRAWN = "consent.withdrawn"
    GRANT_REVOKED = "grant.revoked"
    GUARDIAN_LINKED = "guardian.linked"
    CLIENT_REGISTERED = "client.registered"
    CLIENT_REVIEWED = "client.reviewed"
    CLIENT_SUSPENDED = "client.suspended"
    CLIENT_CHANGED = "client.changed"
    CLIENT_DELETED = "client.deleted"
    REGISTRAR_ADMITTED = "registrar.admitted"
    FETCH_REFUSED = "fetch.refused"
    KEY_MADE = "key.made"
    KEY_ACTIVATED = "key.activated"
    KEY_RETIRED = "key.retired"
    KEY_LOG_REFUSED = "key_log.refused"
    KEY_ROTATION_ORDERED = "key.rotation_ordered"
    STAFF_ADDED = "staff.added"
    STAFF_REMOVED = "staff.removed"
    STAFF_ROLES_CHANGED = "staff.roles_changed"
    STAFF_PASSWORD_RESET = "staff.password_reset"
    STAFF_FACTOR_RESET = "staff.factor_reset"
    STAFF_FACTOR_ENROLLED = "staff.factor_enrolled"
    STAFF_FACTOR_BLOCKED = "staff.factor_blocked"
    STAFF_PASSKEY_ADDED = "staff.passkey_added"
    STAFF_PASSKEY_REMOVED = "staff.passkey_removed"
    STAFF_SIGNED_IN = "staff.signed_in"
    STAFF_SIGNED_OUT = "staff.signed_out"
    STAFF_READ = "staff.read"


def done_by(staff_id: bytes | None) -> tuple[tuple[str, str], ...]:
    """The detail that says which member of staff did it; none for commands, which know nobody."""
    return () if staff_id is None else (("staff", staff_id.hex()),)


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """One thing that was done. `id` 16 bytes; `at` epoch seconds; `subject` names the touched row (hex or client id).

    `details` holds short machine words only; where an account is concerned it is sealed under that account's key,
    so that deleting the account makes it unreadable while the row and its MAC stay.
    """

    id: bytes
    at: int
    kind: AuditKind
    account_id: bytes | None
    client_id: str | None
    subject: str
    details: tuple[tuple[str, str], ...] = ()
