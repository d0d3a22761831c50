"""A device authorization grant: what a device without a keyboard asked for, and what became of it (RFC 8628).

One value with transitions: waiting -> approved -> redeemed, or waiting -> denied. Nothing leads back, and once its time
is over nothing leads on.
"""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from idp.domain.errors import Refused

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code"
"""What a client must be registered for (RFC 8628, section 3.4)."""

LIFETIME_SECONDS = 600
"""How long a code may be typed in and redeemed. Longer means more codes at a time for a guesser to hit."""

INTERVAL_SECONDS = 5
"""Between two polls, where the device is not told otherwise (RFC 8628, section 3.5)."""

SLOW_DOWN_SECONDS = 5
"""What each `slow_down` adds for this and all later polls (RFC 8628, section 3.5)."""

LONGEST_INTERVAL_SECONDS = 30
"""Here the interval stops growing: a device that missed an answer catches up with us, and is served again."""

USER_CODE_ALPHABET = "BCDFGHJKLMNPQRSTVWXZ"
"""No vowels and no Y, so no words; no digit that looks like a letter (RFC 8628, section 6.1)."""

USER_CODE_LENGTH = 8
"""20^8 codes, 34.6 bits: `services.user_codes` says what that is worth against its limits on tries."""


class DeviceType(StrEnum):
    """What a device may say it is; a closed list, since free text would speak to the person in our name."""

    TELEVISION = "television"
    WATCH = "watch"
    SPEAKER = "speaker"
    CONSOLE = "console"
    PHONE = "phone"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nobody has answered yet."""


@dataclass(frozen=True, slots=True)
class Approved:
    """A person said yes: who, and to what. Sealed at rest, and gone when the account is deleted.

    `account_id` 16 bytes; `subject`, `claims_request` and the rest as in `idp.domain.grant.Grant`; `nonce` the device's
    own for its ID token. Times in epoch seconds.
    """

    account_id: bytes
    subject: str
    scope: frozenset[str]
    claims_request: str
    auth_time: int
    shown_auth_time: int | None
    acr: str | None
    nonce: str | None
    resource: str | None


@dataclass(frozen=True, slots=True)
class Denied:
    """A person said no, or was not allowed to say yes."""


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The device has its tokens; the code is spent."""


Stage = Waiting | Approved | Denied | Redeemed


@dataclass(frozen=True, slots=True)
class DeviceGrant:
    """One device authorization. The grant that comes of it bears the same `id` (16 bytes).

    `device_code` SHA-256 of the device code, `user_code` keyed index of the user code (32 bytes each): neither code is
    stored. `parameters` are those of the request that were checked; `network` a keyed digest of where it came from (16
    bytes), kept no longer than the rest; `interval` seconds between polls. Times in epoch seconds.
    """

    id: bytes
    device_code: bytes
    user_code: bytes
    client_id: str
    parameters: Mapping[str, str]
    network: bytes
    created_at: int
    expires_at: int
    interval: int = INTERVAL_SECONDS
    stage: Stage = field(default_factory=Waiting)

    def open_at(self, now: int) -> bool:
        """Whether a person may still answer."""
        return isinstance(self.stage, Waiting) and now < self.expires_at

    def approve(self, approved: Approved, now: int) -> "DeviceGrant":
        """Waiting -> approved. Refused (`answered`) when somebody has answered or time is over."""
        return self._answered(approved, now)

    def deny(self, now: int) -> "DeviceGrant":
        """Waiting -> denied. Refused as above."""
        return self._answered(Denied(), now)

    def _answered(self, stage: Stage, now: int) -> "DeviceGrant":
        if not self.open_at(now):
            raise Refused("answered", "this code has been answered or has expired")
        return replace(self, stage=stage)


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll found; `hurried` when it came sooner than the interval allowed."""

    grant: DeviceGrant
    hurried: bool


def read_user_code(text: str) -> str | None:
    """A user code as it is compared: eight capitals of the alphabet. None for what cannot be a code.

    Case, dashes, blanks and the like are ignored (RFC 8628, section 6.1), and so is the width of letters that an East
    Asian keyboard makes.
    """
    if len(text) > 8 * USER_CODE_LENGTH:
        return None
    folded = unicodedata.normalize("NFKC", text).upper()
    code = "".join(character for character in folded if character.isalnum())
    if len(code) != USER_CODE_LENGTH or not set(code) <= set(USER_CODE_ALPHABET):
        return None
    return code


def show_user_code(code: str) -> str:
    """A user code as people read it: `WDJB-MJHT`."""
    half = USER_CODE_LENGTH // 2
    return f"{code[:half]}-{code[half:]}"
