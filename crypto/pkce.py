"""Proof Key for Code Exchange (RFC 7636), method S256 and no other."""

import hmac
import re
from hashlib import sha256

from crypto.encoding import b64url_encode

# Section 4.1: 43 to 128 unreserved characters.
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
# 32 bytes of SHA-256: the last character carries four bits only, so 16 of the 64 letters can stand there.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")


def is_verifier(text: str) -> bool:
    """Whether `text` has the form of a `code_verifier` (RFC 7636, section 4.1)."""
    return _VERIFIER.fullmatch(text) is not None


def is_challenge(text: str) -> bool:
    """Whether `text` can be an S256 `code_challenge`: base64url of 32 bytes, 43 characters (section 4.2)."""
    return _CHALLENGE.fullmatch(text) is not None


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a verifier that `is_verifier` accepts: BASE64URL(SHA256(ASCII(verifier)))."""
    return b64url_encode(sha256(verifier.encode("ascii")).digest())


def verifier_matches(verifier: str, challenge: str) -> bool:
    """Section 4.6, in constant time; False for text that has not the form of a verifier or a challenge."""
    if not is_verifier(verifier) or not is_challenge(challenge):
        return False
    return hmac.compare_digest(challenge_of(verifier), challenge)
