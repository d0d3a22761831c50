"""Time-based one-time passwords (RFC 6238) over HMAC-SHA-1, as every authenticator app has them."""

import base64
import hmac
from urllib.parse import quote, urlencode

from crypto.errors import EncodingError

SECRET_BYTES = 20
"""The length of the hash, as RFC 4226, section 4 (R6) recommends."""

STEP_SECONDS = 30
DIGITS = 6

DRIFT_STEPS = 1
"""Steps a clock may be off, either way (RFC 6238, section 5.2). Each more gives a guesser two more right answers."""

_LETTERS = frozenset("0123456789")


def step_at(now: int) -> int:
    """The number of the 30-second step that `now` (epoch seconds) falls into (RFC 6238, section 4.2)."""
    return now // STEP_SECONDS


def code_at(secret: bytes, step: int, digits: int = DIGITS) -> str:
    """The code of one step: dynamic truncation of an HMAC over eight bytes (RFC 4226, section 5.3)."""
    digest = hmac.digest(secret, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 0x0F
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
    return str(number % 10**digits).zfill(digits)


def matching_step(secret: bytes, code: str, now: int) -> int | None:
    """The step whose code this is, within the drift of `now`; None when it is of none. Spaces do not matter.

    Every candidate is compared, in constant time. That a step serves once is for the caller to see to (RFC 6238,
    section 5.2).
    """
    if len(secret) != SECRET_BYTES:
        raise EncodingError("a TOTP secret has 20 bytes")
    typed = code[:64].replace(" ", "")
    if len(typed) != DIGITS or not _LETTERS.issuperset(typed):
        return None
    found = None
    here = step_at(now)
    for step in range(max(0, here - DRIFT_STEPS), here + DRIFT_STEPS + 1):
        if hmac.compare_digest(code_at(secret, step), typed):
            found = step
    return found


def secret_text(secret: bytes) -> str:
    """The secret as people type it: base32 (RFC 4648, section 6) in groups of four letters, no padding."""
    letters = base64.b32encode(secret).decode().rstrip("=")
    return " ".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def provisioning_uri(secret: bytes, issuer: str, name: str) -> str:
    """The `otpauth:` address that authenticator apps read from a QR code."""
    label = quote(f"{issuer}:{name}", safe="")
    query = urlencode({"secret": secret_text(secret).replace(" ", ""), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{label}?{query}"
