"""Veiled sign-in: the key a wallet has for one app's sector, what it signs with it, and the pseudonym that follows.

The key is Ed25519 (RFC 8032). The constructions are the project's own; `lp` keeps every field apart from the next.
"""

from hashlib import sha256

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from nacl.bindings import crypto_core_ed25519_is_valid_point
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from crypto.encoding import b64url_encode, lp
from crypto.errors import VeilError

SEED_SIZE = 32
PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 64
_SECTOR = b"blindage/veil/sector/v1"
_PRESENT = "blindage/veil/present/v1"
_SUBJECT = "blindage/veil/sub/v1"


def sector_seed(seed: bytes, door: str, sector: str) -> bytes:
    """The Ed25519 seed (32 bytes) of a wallet for one sector: HKDF-SHA-256 (RFC 5869), the label as salt.

    `seed` is the wallet's own (32 bytes), `door` the door's issuer. VeilError for a seed of another size."""
    if len(seed) != SEED_SIZE:
        raise VeilError("seed is not 32 bytes")
    return HKDF(SHA256(), SEED_SIZE, salt=_SECTOR, info=lp(door, sector)).derive(seed)


def presented_message(door: str, sector: str, request_id: str, token: bytes) -> bytes:
    """What a wallet signs when it shows `token` (its 354 bytes) for one request at one door."""
    return lp(_PRESENT, door, sector, request_id, sha256(token).digest())


def verify_presented(public_key: bytes, message: bytes, signature: bytes) -> None:
    """Return if `signature` (64 bytes) is that of `public_key` (32 bytes) under `message`; else VeilError.

    Points of small or mixed order and unusual encodings are refused: under some of them one signature holds for any
    message, and one person could show many keys."""
    if len(public_key) != PUBLIC_KEY_SIZE or len(signature) != SIGNATURE_SIZE:
        raise VeilError("public key or signature has the wrong size")
    if not crypto_core_ed25519_is_valid_point(public_key):
        raise VeilError("public key is no point of the large prime order")
    try:
        VerifyKey(public_key).verify(message, signature)
    except BadSignatureError:
        raise VeilError("signature does not verify") from None


def veiled_subject(door: str, sector: str, public_key: bytes) -> str:
    """The `sub` of whoever has this key at one sector: SHA-256 in base64url, 43 characters.

    VeilError for a key of another size or an empty door or sector."""
    if len(public_key) != PUBLIC_KEY_SIZE:
        raise VeilError("public key is not 32 bytes")
    # An empty sector would give every client without one the same subjects.
    if not door or not sector:
        raise VeilError("a subject needs a door and a sector")
    return b64url_encode(sha256(lp(_SUBJECT, door, sector, public_key)).digest())
