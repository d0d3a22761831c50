"""The master key ring of one issuer: from its keys all others are derived, or by them wrapped."""

import json
from dataclasses import dataclass, field
from typing import Final

import nacl.utils
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from crypto import aead
from crypto.encoding import b64url_decode, b64url_encode, lp
from crypto.errors import EncodingError, KeyRingError, SealError
from crypto.strict_json import parse_json_strict

RING_ID_SIZE = 4
KEY_SIZE = 32
# A ring holds one entry per rotation that is still needed; more than this is a mistake, not a habit.
ENTRIES_MAX = 64
FORMAT = "blindage/keyring/v1"
# Closed on purpose: a label invented in passing would be a key nobody knows to rotate.
LABELS: Final = frozenset({"seal", "code", "access", "refresh", "cookie", "audit"})
_FILE_SIZE_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class RingEntry:
    """One master key: a public name of 4 bytes and a secret of 32."""

    id: bytes
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.id) != RING_ID_SIZE or len(self.key) != KEY_SIZE:
            raise KeyRingError("ring entry has the wrong size")


@dataclass(frozen=True, slots=True)
class KeyRing:
    """All master keys of `issuer`, oldest first: the last seals, all open. Rotation makes a new ring."""

    issuer: str
    entries: tuple[RingEntry, ...]
    _derived: dict[tuple[str, bytes], bytes] = field(
        default_factory=dict, init=False, repr=False, compare=False, hash=False
    )

    def __post_init__(self) -> None:
        if not self.issuer:
            raise KeyRingError("ring names no issuer")
        if not 1 <= len(self.entries) <= ENTRIES_MAX:
            raise KeyRingError(f"ring must hold 1 to {ENTRIES_MAX} entries")
        if len({entry.id for entry in self.entries}) != len(self.entries):
            raise KeyRingError("ring holds an id twice")

    @classmethod
    def generate(cls, issuer: str) -> "KeyRing":
        """A new ring with one random entry."""
        return cls(issuer, (_random_entry(frozenset()),))

    def with_new_entry(self) -> "KeyRing":
        """This ring and one more random entry, from now on the newest; KeyRingError when the ring is full."""
        taken = frozenset(entry.id for entry in self.entries)
        return KeyRing(self.issuer, (*self.entries, _random_entry(taken)))

    def without_entry(self, ring_id: bytes) -> "KeyRing":
        """This ring less an old entry under which nothing is sealed any more.

        KeyRingError for the newest entry or an unknown id."""
        if self.entry(ring_id) == self.newest:
            raise KeyRingError("the newest entry cannot be dropped")
        return KeyRing(self.issuer, tuple(entry for entry in self.entries if entry.id != ring_id))

    @property
    def newest(self) -> RingEntry:
        """The entry that seals."""
        return self.entries[-1]

    def entry(self, ring_id: bytes) -> RingEntry:
        """The entry of this id; KeyRingError when there is none."""
        for entry in self.entries:
            if entry.id == ring_id:
                return entry
        raise KeyRingError("ring has no such entry")

    def is_newest(self, sealed: bytes) -> bool:
        """Whether a sealed or wrapped value is under the newest entry; if not, it is to be sealed again."""
        return sealed[:RING_ID_SIZE] == self.newest.id

    def derive(self, label: str, ring_id: bytes) -> bytes:
        """The 32-byte key for one purpose: HKDF-SHA-512 (RFC 5869), no salt, info of label, ring id, issuer.

        `label` is one of `LABELS`; KeyRingError for any other or an unknown id. Derived once."""
        key = self._derived.get((label, ring_id))
        if key is None:
            if label not in LABELS:
                raise KeyRingError("no such key label")
            info = lp("blindage/key/v1", label, ring_id, self.issuer)
            key = HKDF(SHA512(), KEY_SIZE, salt=None, info=info).derive(self.entry(ring_id).key)
            self._derived[label, ring_id] = key
        return key

    def serialize(self) -> bytes:
        """The ring as JSON, keys in the clear: for a file of mode 0600 and nothing else."""
        document = {
            "format": FORMAT,
            "issuer": self.issuer,
            "entries": [{"id": entry.id.hex(), "key": b64url_encode(entry.key)} for entry in self.entries],
        }
        return json.dumps(document, indent=1).encode() + b"\n"

    @classmethod
    def parse(cls, data: bytes, issuer: str) -> "KeyRing":
        """Read what `serialize` wrote; KeyRingError when malformed in any way or made for another issuer."""
        if len(data) > _FILE_SIZE_MAX:
            raise KeyRingError("ring file is too large")
        try:
            document = parse_json_strict(data)
        except EncodingError as error:
            raise KeyRingError("ring file is not JSON") from error
        if not isinstance(document, dict) or document.keys() != {"format", "issuer", "entries"}:
            raise KeyRingError("ring file has other members than format, issuer and entries")
        if document["format"] != FORMAT:
            raise KeyRingError("ring file has an unknown format")
        # A ring on the wrong service would join what two operators promise to keep apart.
        if document["issuer"] != issuer:
            raise KeyRingError("ring belongs to another issuer")
        if not isinstance(document["entries"], list):
            raise KeyRingError("ring entries are not a list")
        return cls(issuer, tuple(_parse_entry(member) for member in document["entries"]))


def wrap_key(ring: KeyRing, name: str, key: bytes) -> bytes:
    """Seal a key that must outlive rotation (pairwise, dedup, username, a data key) under the newest entry.

    Returns ring id (4) || nonce (24) || ciphertext and tag, the form of `sealing.Sealer` with label `seal`.
    `name` goes into the associated data: a wrapped key opens under its own name only."""
    return _wrap_with_nonce(ring, name, key, aead.random_nonce())


def _wrap_with_nonce(ring: KeyRing, name: str, key: bytes, nonce: bytes) -> bytes:
    ring_id = ring.newest.id
    ad = sealed_ad(ring.issuer, "seal", ring_id, wrapped_key_ad(name))
    return ring_id + nonce + aead.encrypt(key, ad, nonce, ring.derive("seal", ring_id))


def unwrap_key(ring: KeyRing, name: str, wrapped: bytes) -> bytes:
    """The inverse of `wrap_key`; SealError for another name, ring or changed bytes."""
    ring_id, nonce = wrapped[:RING_ID_SIZE], wrapped[RING_ID_SIZE : RING_ID_SIZE + aead.NONCE_SIZE]
    try:
        key = ring.derive("seal", ring_id)
    except KeyRingError as error:
        raise SealError("no ring entry opens this key") from error
    ad = sealed_ad(ring.issuer, "seal", ring_id, wrapped_key_ad(name))
    return aead.decrypt(wrapped[RING_ID_SIZE + aead.NONCE_SIZE :], ad, nonce, key)


def wrapped_key_ad(name: str) -> bytes:
    """The caller's part of the associated data of a wrapped key."""
    return lp("blindage/wrapped-key/v1", name)


def sealed_ad(issuer: str, label: str, ring_id: bytes, ad: bytes) -> bytes:
    """Associated data of anything under a ring key: version, issuer, label, ring id, caller's data."""
    return lp("blindage/seal/v1", issuer, label, ring_id, ad)


def _random_entry(taken: frozenset[bytes]) -> RingEntry:
    while True:
        entry = RingEntry(nacl.utils.random(RING_ID_SIZE), nacl.utils.random(KEY_SIZE))
        if entry.id not in taken:
            return entry


def _parse_entry(member: object) -> RingEntry:
    if not isinstance(member, dict) or member.keys() != {"id", "key"}:
        raise KeyRingError("ring entry has other members than id and key")
    ring_id, key = member["id"], member["key"]
    if not isinstance(ring_id, str) or not isinstance(key, str):
        raise KeyRingError("ring entry is not text")
    try:
        entry = RingEntry(bytes.fromhex(ring_id), b64url_decode(key))
    except ValueError:
        raise KeyRingError("ring entry id is not hexadecimal") from None
    except EncodingError as error:
        raise KeyRingError("ring entry key is not base64url") from error
    # fromhex also takes capitals and spaces; one id has one spelling.
    if entry.id.hex() != ring_id:
        raise KeyRingError("ring entry id is not in lower case")
    return entry
