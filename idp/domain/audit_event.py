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
    STAFF_READ = "staff.read"


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
