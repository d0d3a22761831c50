"""Argon2id (RFC 9106) over libsodium: password hashes, and the slow half of the de-duplication index."""

import re
import unicodedata
from base64 import b64encode
from dataclasses import dataclass

import nacl.utils
from nacl.exceptions import CryptoError as SodiumError
from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

from crypto.errors import PasswordError

KIB = 1024
PASSWORD_SIZE_MAX = 1024
HASH_SIZE = 32
# A stored hash asks for its own cost: past these bounds one changed row could exhaust a worker.
_STORED_MEMORY_MAX_KIB = 1024 * KIB
_STORED_TIME_MAX = 16
_ENCODED = re.compile(
    r"\$argon2id\$v=19\$m=([1-9][0-9]{0,6}),t=([1-9][0-9]?),p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}"
)

# Both are in the index of every account: with another salt or cost no earlier document would be found again.
_INDEX_SALT = b"blindage/dedup/1"
_INDEX_OPSLIMIT, _INDEX_MEMLIMIT = 3, 64 * KIB * KIB


@dataclass(frozen=True, slots=True)
class PasswordCost:
    """Argon2id's cost: `opslimit` passes over `memlimit` bytes (a multiple of 1024), one lane."""

    opslimit: int
    memlimit: int

    def __post_init__(self) -> None:
        if not 1 <= self.opslimit <= _STORED_TIME_MAX:
            raise PasswordError("passes out of range")
        if self.memlimit % KIB or not 8 <= self.memlimit // KIB <= _STORED_MEMORY_MAX_KIB:
            raise PasswordError("memory out of range")


# OWASP's password storage cheat sheet: 19 MiB, two passes. About 50 a second and core.
DEFAULT_COST = PasswordCost(opslimit=2, memlimit=19 * KIB * KIB)


def hash_password(password: str, cost: PasswordCost = DEFAULT_COST) -> str:
    """Hash a password, normalised by NFKC (SP 800-63B, section 5.1.1.2), with a fresh 16-byte salt.

    Returns the PHC string `$argon2id$v=19$m=<KiB>,t=<passes>,p=1$<salt>$<hash>`. Takes tens of milliseconds
    and `cost.memlimit` bytes, and frees the interpreter lock: the caller bounds how many run at once.
    PasswordError when empty or longer than 1024 bytes."""
    return _hash_with_salt(password, cost, nacl.utils.random(argon2id.SALTBYTES))


def _hash_with_salt(password: str, cost: PasswordCost, salt: bytes) -> str:
    secret = _normalised(password)
    digest = argon2id.kdf(HASH_SIZE, secret, salt, opslimit=cost.opslimit, memlimit=cost.memlimit)
    return _encoded(cost, salt, digest)


def verify_password(encoded: str, password: str) -> bool:
    """Whether `password` is the one hashed in `encoded`; False too for a malformed hash or password."""
    if _cost_of(encoded) is None:
        return False
    try:
        return argon2id.verify(encoded.encode("ascii"), _normalised(password))
    except (PasswordError, InvalidkeyError, SodiumError):
        return False


def needs_rehash(encoded: str, cost: PasswordCost) -> bool:
    """Whether `encoded` was made at another cost (or is malformed): replace it at the next sign-in."""
    return _cost_of(encoded) != cost


def decoy_hash(cost: PasswordCost = DEFAULT_COST) -> str:
    """A hash no password opens, made without the work: verify it for unknown names, to take equal time."""
    return _encoded(cost, nacl.utils.random(argon2id.SALTBYTES), nacl.utils.random(HASH_SIZE))


def slow_index(data: bytes) -> bytes:
    """Argon2id of `data` at 64 MiB, three passes and a fixed salt: 32 bytes, the same every time.

    The slowness is what a thief of the index key pays per guessed document number; it is not secrecy."""
    return argon2id.kdf(HASH_SIZE, data, _INDEX_SALT, opslimit=_INDEX_OPSLIMIT, memlimit=_INDEX_MEMLIMIT)


def _normalised(password: str) -> bytes:
    # NFKC can make text 18 times longer: look at the length before paying for it, and again after.
    if not 0 < len(password) <= PASSWORD_SIZE_MAX:
        raise PasswordError("password is empty or too long")
    try:
        secret = unicodedata.normalize("NFKC", password).encode()
    except UnicodeEncodeError:
        raise PasswordError("password is not Unicode text") from None
    if len(secret) > PASSWORD_SIZE_MAX:
        raise PasswordError("password is empty or too long")
    return secret


def _encoded(cost: PasswordCost, salt: bytes, digest: bytes) -> str:
    salt_text, digest_text = (b64encode(part).rstrip(b"=").decode("ascii") for part in (salt, digest))
    return f"$argon2id$v=19$m={cost.memlimit // KIB},t={cost.opslimit},p=1${salt_text}${digest_text}"


def _cost_of(encoded: str) -> PasswordCost | None:
    parts = _ENCODED.fullmatch(encoded)
    if parts is None:
        return None
    try:
        return PasswordCost(opslimit=int(parts[2]), memlimit=int(parts[1]) * KIB)
    except PasswordError:
        return None
