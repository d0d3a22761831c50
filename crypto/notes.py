"""Notes, checkpoints and timed cosignatures (C2SP signed-note, tlog-checkpoint, tlog-cosignature)."""

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha256

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from crypto.errors import MerkleError
from crypto.merkle import HASH_SIZE, SIZE_MAX

SEED_SIZE = 32
PUBLIC_KEY_SIZE = 32
SIGNATURE_SIZE = 64
_KEY_ID_SIZE = 4
_TIME_SIZE = 8
TIME_MAX = 2**63 - 1
# signed-note asks for 16 signatures at the least; a log and its few witnesses never come near 64.
SIGNATURES_MAX = 64
NOTE_SIZE_MAX = 64 * 1024
_SIGNATURE_LINE = re.compile(r"\u2014 ([^ ]+) ([A-Za-z0-9+/]+={0,2})")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")
_VERIFIER_LINE = re.compile(r"([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")


class SignatureType(IntEnum):
    """The signature type bytes of signed-note that are used here."""

    ED25519 = 0x01
    COSIGNATURE = 0x04


@dataclass(frozen=True, slots=True)
class Verifier:
    """A trusted key: its name, its Ed25519 public key (32 bytes), and whether it signs or cosigns."""

    name: str
    public_key: bytes
    type: SignatureType = SignatureType.ED25519
    key_id: bytes = field(init=False)

    def __post_init__(self) -> None:
        _check_key_name(self.name)
        if len(self.public_key) != PUBLIC_KEY_SIZE:
            raise MerkleError("public key is not 32 bytes")
        object.__setattr__(self, "key_id", _key_id(self.name, self.type, self.public_key))

    def to_text(self) -> str:
        """The one-line form `<name>+<key id in hexadecimal>+<base64 of type and public key>`."""
        return f"{self.name}+{self.key_id.hex()}+{_b64(bytes([self.type]) + self.public_key)}"

    @classmethod
    def parse(cls, text: str) -> "Verifier":
        """Read the one-line form; MerkleError when malformed, of another type, or with another's key id."""
        parts = _VERIFIER_LINE.fullmatch(text)
        if parts is None:
            raise MerkleError("verifier key is malformed")
        encoded = _unb64(parts[3])
        if not encoded or encoded[0] not in tuple(SignatureType):
            raise MerkleError("verifier key has an unknown type")
        verifier = cls(parts[1], encoded[1:], SignatureType(encoded[0]))
        if verifier.key_id.hex() != parts[2]:
            raise MerkleError("verifier key id does not fit the key")
        return verifier


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its origin (one line of text), its size in leaves and its root hash (32 bytes).

    `extension` lines are kept, because signatures cover them, and mean nothing here."""

    origin: str
    size: int
    root: bytes
    extension: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not all(_is_line(line) for line in (self.origin, *self.extension)):
            raise MerkleError("checkpoint line is empty or holds control characters")
        if not 0 <= self.size <= SIZE_MAX:
            raise MerkleError("checkpoint size out of range")
        if len(self.root) != HASH_SIZE:
            raise MerkleError("checkpoint root is not 32 bytes")

    def to_text(self) -> str:
        """The note text: origin, size in decimal, base64 root, extension lines; each ends in a newline."""
        lines = (self.origin, str(self.size), _b64(self.root), *self.extension)
        return "".join(line + "\n" for line in lines)

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a note text (without signatures); MerkleError when any line is not in its one form."""
        lines = text.split("\n")
        # Three lines at least, and the empty piece behind the last newline.
        if len(lines) < 4 or lines.pop():
            raise MerkleError("checkpoint has too few lines")
        if _DECIMAL.fullmatch(lines[1]) is None:
            raise MerkleError("checkpoint size is not a decimal number")
        return cls(lines[0], int(lines[1]), _unb64(lines[2]), tuple(lines[3:]))


@dataclass(frozen=True, slots=True)
class VerifiedSignature:
    """A signature that verified: by whom, and for a cosignature the second at which it was made."""

    verifier: Verifier
    time: int | None


@dataclass(frozen=True, slots=True)
class OpenedNote:
    """A note with at least one verified signature: its text, and those signatures in the verifiers' order."""

    text: str
    signatures: tuple[VerifiedSignature, ...]

    def signature_by(self, verifier: Verifier) -> VerifiedSignature | None:
        """The verified signature of this verifier, or None."""
        return next((signature for signature in self.signatures if signature.verifier == verifier), None)


def verifier_of(name: str, seed: bytes, signature_type: SignatureType = SignatureType.ED25519) -> Verifier:
    """The public half of a log's or a witness's key, given as its 32-byte seed; MerkleError for a bad name or seed."""
    return Verifier(name, bytes(_signing_key(seed).verify_key), signature_type)


def sign_checkpoint(checkpoint: Checkpoint, name: str, seed: bytes) -> str:
    """A signed note over `checkpoint` by the log's Ed25519 key (RFC 8032), given as its 32-byte seed.

    `name` should be the checkpoint's origin. MerkleError for a name or seed that cannot be one."""
    text = checkpoint.to_text()
    key = _signing_key(seed)
    verifier = Verifier(name, bytes(key.verify_key))
    return text + "\n" + _signature_line(verifier, key.sign(text.encode()).signature)


def cosign_checkpoint(note: str, name: str, seed: bytes, now: int) -> str:
    """`note` with one more line: the cosignature/v1 of a witness at `now` (seconds since 1970).

    States that the witness has checked the log's signature and consistency with the last checkpoint it saw:
    the caller does both first. A witness key signs nothing else. MerkleError when `note` is malformed, or
    carries this key's cosignature already: the earliest time is the one that counts, and is kept."""
    text, signed = _split_note(note)
    Checkpoint.parse(text)
    key = _signing_key(seed)
    verifier = Verifier(name, bytes(key.verify_key), SignatureType.COSIGNATURE)
    if any(signer == name and blob.startswith(verifier.key_id) for signer, blob in signed):
        raise MerkleError("checkpoint is already cosigned by this key")
    signature = key.sign(_cosigned_message(text, now)).signature
    cosigned = note + _signature_line(verifier, now.to_bytes(_TIME_SIZE, "big") + signature)
    _split_note(cosigned)
    return cosigned


def adopt_cosignature(note: str, cosigned: str, witness: Verifier) -> str:
    """`note` with the line that `witness` added to another copy of it; verifying comes first and is the caller's.

    A line of this key that is on `note` already stays: the earliest time is the one that counts. MerkleError when
    the two are not copies of one note, or the witness has not signed `cosigned`."""
    text, signed = _split_note(note)
    other_text, other_signed = _split_note(cosigned)
    lines = [blob for name, blob in other_signed if name == witness.name and blob.startswith(witness.key_id)]
    if text != other_text or not lines:
        raise MerkleError("not a copy of this note with a line of this witness")
    if any(name == witness.name and blob.startswith(witness.key_id) for name, blob in signed):
        return note
    adopted = note + _signature_line(witness, lines[0][_KEY_ID_SIZE:])
    _split_note(adopted)
    return adopted


def signature_count(note: str) -> int:
    """How many signature lines a note has, verified or not; MerkleError when it is malformed."""
    return len(_split_note(note)[1])


def open_note(note: str, verifiers: Sequence[Verifier]) -> OpenedNote:
    """Verify a signed note against trusted keys; signatures of unknown keys are ignored (signed-note).

    MerkleError when the note is malformed, when a known key's signature is wrong or there in two forms, or
    when no known key has signed. *Which* keys must have signed is for the caller to ask."""
    text, signed = _split_note(note)
    found: dict[Verifier, bytes] = {}
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    for name, blob in signed:
        verifier = known.get((name, blob[:_KEY_ID_SIZE]))
        if verifier is None:
            continue
        signature = blob[_KEY_ID_SIZE:]
        if found.setdefault(verifier, signature) != signature:
            raise MerkleError("note is signed twice by one key")
    if not found:
        raise MerkleError("note is signed by no known key")
    order = [verifier for verifier in dict.fromkeys(verifiers) if verifier in found]
    return OpenedNote(text, tuple(_verify(verifier, text, found[verifier]) for verifier in order))


def open_checkpoint(note: str, log: Verifier, witnesses: Sequence[Verifier] = ()) -> tuple[Checkpoint, OpenedNote]:
    """A checkpoint that `log` has signed, and the cosignatures of those `witnesses` that are on it.

    MerkleError as for `open_note`, when the log has not signed, or when its name is not the origin."""
    opened = open_note(note, (log, *witnesses))
    if opened.signature_by(log) is None:
        raise MerkleError("checkpoint is not signed by its log")
    checkpoint = Checkpoint.parse(opened.text)
    # One key may serve two logs; without this a checkpoint of the other would pass.
    if checkpoint.origin != log.name:
        raise MerkleError("checkpoint is of another log")
    return checkpoint, opened


def _verify(verifier: Verifier, text: str, signature: bytes) -> VerifiedSignature:
    time: int | None = None
    message = text.encode()
    if verifier.type is SignatureType.COSIGNATURE:
        time, signature = int.from_bytes(signature[:_TIME_SIZE], "big"), signature[_TIME_SIZE:]
        message = _cosigned_message(text, time)
    if len(signature) != SIGNATURE_SIZE:
        raise MerkleError("signature has the wrong length")
    try:
        VerifyKey(verifier.public_key).verify(message, signature)
    except BadSignatureError:
        raise MerkleError("signature of a known key does not verify") from None
    return VerifiedSignature(verifier, time)


def _cosigned_message(text: str, time: int) -> bytes:
    if not 0 <= time <= TIME_MAX:
        raise MerkleError("cosignature time out of range")
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """The text of a note and its signatures as (key name, key id || signature)."""
    if len(note) > NOTE_SIZE_MAX or not _is_utf8(note) or _CONTROL.search(note):
        raise MerkleError("note is too long, not Unicode text, or holds control characters")
    text, separator, signatures = note.rpartition("\n\n")
    lines = signatures.split("\n")
    if not separator or len(lines) < 2 or lines.pop():
        raise MerkleError("note has no signatures")
    if len(lines) > SIGNATURES_MAX:
        raise MerkleError("note has too many signatures")
    return text + "\n", [_parse_signature_line(line) for line in lines]


def _parse_signature_line(line: str) -> tuple[str, bytes]:
    parts = _SIGNATURE_LINE.fullmatch(line)
    if parts is None:
        raise MerkleError("signature line is malformed")
    _check_key_name(parts[1])
    blob = _unb64(parts[2])
    if len(blob) <= _KEY_ID_SIZE:
        raise MerkleError("signature is too short")
    return parts[1], blob


def _signature_line(verifier: Verifier, signature: bytes) -> str:
    return f"\u2014 {verifier.name} {_b64(verifier.key_id + signature)}\n"


def _is_line(text: str) -> bool:
    return bool(text) and "\n" not in text and _CONTROL.search(text) is None and _is_utf8(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _check_key_name(name: str) -> None:
    if not _is_line(name) or "+" in name or any(character.isspace() for character in name):
        raise MerkleError("key name is empty or holds spaces, plus or control characters")


def _key_id(name: str, signature_type: SignatureType, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + bytes([signature_type]) + public_key).digest()[:_KEY_ID_SIZE]


def _signing_key(seed: bytes) -> SigningKey:
    if len(seed) != SEED_SIZE:
        raise MerkleError("seed is not 32 bytes")
    return SigningKey(seed)


def _b64(data: bytes) -> str:
    return b64encode(data).decode("ascii")


def _unb64(text: str) -> bytes:
    try:
        data = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MerkleError("not base64") from None
    # One value, one spelling: a checkpoint that can be written twice can be signed twice.
    if _b64(data) != text:
        raise MerkleError("base64 has stray trailing bits")
    return data
