"""Staff: people who run this issuer. Their accounts, sessions and passkeys are apart from everybody else's."""

import re
from dataclasses import dataclass
from enum import StrEnum

from idp.domain.errors import Refused

IDLE_SECONDS = 15 * 60
"""How long a staff session lives unused."""

SESSION_SECONDS = 4 * 3600
"""How long it lives at all."""

HALF_SESSION_SECONDS = 5 * 60
"""How long the second factor may take after the password."""

ENROLMENT_SECONDS = 72 * 3600
"""How long a new member may take to set up the second factor: until then the password alone could."""

LOOKS_PER_DAY = 50
"""Records one officer may look at in a day: a duty needs a few, a copy of everything needs them all."""


class StaffRole(StrEnum):
    """What a member of staff may do at /ops. Roles add up; none includes another."""

    REVIEWER = "reviewer"
    """Apps: see what they declare, review, suspend."""

    OPERATOR = "operator"
    """Signing keys, state, audit trail."""

    OFFICER = "officer"
    """Children's data: looks at one record at a time, with a stated reason."""


class LookReason(StrEnum):
    """Why an officer looks at a record. A closed list: free text would be data about a person itself."""

    REQUEST = "request"
    COMPLAINT = "complaint"
    GUARDIAN = "guardian"
    INCIDENT = "incident"
    AUTHORITY = "authority"


class Factor(StrEnum):
    """What a session was completed with, after the password."""

    TOTP = "totp"
    PASSKEY = "passkey"


@dataclass(frozen=True, slots=True)
class StaffMember:
    """One member, opened. Sealed at rest: `name`, `password_hash`, `totp_secret`.

    `id` 16 bytes; `name_index` 32 bytes, keyed, of another key space than usernames of people; `totp_secret` 20 bytes
    or None; `enrol_until` epoch seconds, 0 once a factor stands.
    """

    id: bytes
    name: str
    name_index: bytes
    password_hash: str
    roles: frozenset[StaffRole]
    created_at: int
    enrol_until: int
    totp_secret: bytes | None = None

    def may_enrol(self, now: int) -> bool:
        """Whether the password alone may set up the second factor at `now`."""
        return now < self.enrol_until


@dataclass(frozen=True, slots=True)
class StaffSession:
    """A browser of a member. `id` = SHA-256 of the cookie's secret (32 bytes).

    `factor` is None until the second factor was shown: such a half session opens nothing. Times in epoch seconds.
    """

    id: bytes
    staff_id: bytes
    factor: Factor | None
    created_at: int
    seen_at: int
    expires_at: int

    def alive(self, now: int) -> bool:
        """Whether the session may be used at `now`."""
        return now < self.expires_at and now < self.seen_at + IDLE_SECONDS


@dataclass(frozen=True, slots=True)
class StaffPasskey:
    """As `idp.domain.passkey.Passkey`, of a member: it opens no account, and no account's opens /ops."""

    id: bytes
    staff_id: bytes
    credential_id: bytes
    public_key: bytes
    sign_count: int
    created_at: int


_CASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,39}\Z")


def case_number(text: str) -> str:
    """The number of a case: up to 40 letters, digits and `. _ / -`; else Refused `bad_case`."""
    case = text.strip()
    if _CASE.match(case) is None:
        raise Refused("bad_case", "a case number has up to 40 letters, digits and . _ / -")
    return case
