"""Recovery codes: what a person writes down to come back without the password. There is no e-mail here, on purpose."""

import base64
import binascii
import hashlib
import secrets

from crypto.encoding import lp

CODES = 8
SECRET_BYTES = 10
"""80 bits: sixteen letters, beyond guessing even for somebody who reads the digests."""

_GROUP = 4
_LETTERS = SECRET_BYTES * 8 // 5
# Characters that RFC 4648's base32 leaves out because people take them for these.
_MISREAD = str.maketrans({"0": "O", "1": "I", "8": "B"})
_SEPARATORS = str.maketrans("", "", "- \t\u2010\u2011\u2012\u2013\u2014")


def new_code() -> str:
    """A fresh code: base32 (RFC 4648, section 6) in four groups of four letters."""
    letters = base64.b32encode(secrets.token_bytes(SECRET_BYTES)).decode()
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LETTERS, _GROUP))


def code_digest(typed: str) -> bytes:
    """SHA-256 of a code as somebody typed it: case, spaces and hyphens do not matter. Never raises.

    What cannot be a code has a digest as well, of no code: the same work, and nobody is told which it was.
    """
    letters = typed[:256].translate(_SEPARATORS).upper().translate(_MISREAD)
    try:
        secret = base64.b32decode(letters.encode("ascii", "replace"))
    except binascii.Error:
        secret = b""
    kind = "blindage/recovery-code/v1" if len(secret) == SECRET_BYTES else "blindage/no-recovery-code/v1"
    return hashlib.sha256(lp(kind, secret)).digest()
