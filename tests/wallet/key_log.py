"""A key log as the issuer keeps it, and as a hostile one would: leaves, checkpoints, cosignatures."""

import json
from dataclasses import dataclass, field
from typing import Any

from nacl.signing import SigningKey

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.encoding import b64url_encode
from crypto.merkle import leaf_hash, root_of
from crypto.notes import Checkpoint, SignatureType, Verifier, cosign_checkpoint, sign_checkpoint

ORIGIN = "issuer.example/token-keys"
WITNESS = "witness.example"
DAY = 86400
EPOCH = 28 * DAY
LOG_SEED = bytes(range(32))
WITNESS_SEED = bytes(range(32, 64))


def verifier_key(name: str, seed: bytes, kind: SignatureType = SignatureType.ED25519) -> str:
    """The one-line form of the public half."""
    return Verifier(name, bytes(SigningKey(seed).verify_key), kind).to_text()


def canonical(leaf: dict[str, Any]) -> bytes:
    """RFC 8785, for members that are strings, integers and objects."""
    return json.dumps(leaf, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def key_leaf(key: BlindRsaKey, band: str, epoch: int, begins: int, role: str = "primary") -> dict[str, Any]:
    """The leaf of a key that signs for four weeks from `begins`."""
    public = key.public
    return {
        "type": "key",
        "token_type": 2,
        "band": band,
        "epoch": epoch,
        "role": role,
        "not_before": begins,
        "not_after": begins + EPOCH,
        "key": b64url_encode(public.to_spki()),
        "key_id": b64url_encode(public.token_key_id),
    }


def shown(leaf: dict[str, Any]) -> dict[str, Any]:
    """What `/token-keys/current` says about the key of a leaf."""
    return {name: leaf[name] for name in ("band", "epoch", "key_id", "key")}


@dataclass
class KeyLog:
    """Entries and the checkpoints signed over them; `document` is what `/token-keys/log` answers."""

    origin: str = ORIGIN
    name: str = ORIGIN
    seed: bytes = LOG_SEED
    entries: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, *leaves: dict[str, Any] | bytes) -> "KeyLog":
        """Append leaves; bytes as they are."""
        self.entries.extend(leaf if isinstance(leaf, bytes) else canonical(leaf) for leaf in leaves)
        return self

    def head(self) -> tuple[int, bytes]:
        """Size and root now."""
        return len(self.entries), root_of([leaf_hash(entry) for entry in self.entries])

    def sign(self, *witnesses: tuple[str, bytes, int]) -> "KeyLog":
        """Sign a checkpoint over what is there; each witness (name, seed, second) cosigns it."""
        note = sign_checkpoint(Checkpoint(self.origin, *self.head()), self.name, self.seed)
        for name, seed, second in witnesses:
            note = cosign_checkpoint(note, name, seed, second)
        self.notes.append(note)
        return self

    @property
    def document(self) -> dict[str, Any]:
        """The newest checkpoint, all leaves, and the older checkpoints that show when a witness saw what."""
        return {
            "checkpoint": self.notes[-1],
            "leaves": [b64url_encode(entry) for entry in self.entries],
            "witnessed": self.notes[:-1],
        }


def trust(witnesses: tuple[tuple[str, bytes], ...] = ((WITNESS, WITNESS_SEED),), hours: int = 24) -> dict[str, Any]:
    """The part of the door's configuration that says whom the wallet believes."""
    return {
        "log": {"origin": ORIGIN, "verifier_key": verifier_key(ORIGIN, LOG_SEED)},
        "witnesses": [verifier_key(name, seed, SignatureType.COSIGNATURE) for name, seed in witnesses],
        "minimum_witness_hours": hours,
        "demo": not witnesses,
    }
