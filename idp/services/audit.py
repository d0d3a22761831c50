"""The audit trail's signature: a key derived from the master ring signs each tree head (RFC 6962, section 3.5)."""

import hmac

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from crypto.keyring import KeyRing

_LABEL = b"blindage/audit-head/v1"


def sign_head(ring: KeyRing, text: bytes) -> bytes:
    """Ed25519 signature (64 bytes) of a head's text, by the newest ring entry."""
    return SigningKey(_seed(ring, ring.newest.id)).sign(text).signature


def head_is_signed(ring: KeyRing, text: bytes, signature: bytes) -> bool:
    """Whether any entry of the ring signed this head."""
    return any(_verifies(_seed(ring, entry.id), text, signature) for entry in ring.entries)


def _seed(ring: KeyRing, ring_id: bytes) -> bytes:
    return hmac.digest(ring.derive("audit", ring_id), _LABEL, "sha256")


def _verifies(seed: bytes, text: bytes, signature: bytes) -> bool:
    try:
        SigningKey(seed).verify_key.verify(text, signature)
    except (BadSignatureError, ValueError):
        return False
    return True
