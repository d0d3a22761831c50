"""The account issuer's key log as the door believes it: read strictly, verified whole, never smaller or otherwise.

A log is refused, and the view kept, unless in this order:
 1 it is a document of leaves and notes      4 the newest note covers all leaves
 2 it begins with every leaf seen before     5 each note's root is that of its leaves
 3 every note is signed by the log           6 every leaf is canonical JSON of a known type, no key stands twice
Wallets make the same checks for themselves (RFC 6962, section 2.1; C2SP tlog-checkpoint and tlog-cosignature).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.encoding import b64url_decode
from crypto.errors import BlindRsaError, EncodingError, MerkleError
from crypto.merkle import Frontier, leaf_hash
from crypto.notes import Checkpoint, OpenedNote, SignatureType, Verifier, open_checkpoint
from crypto.strict_json import parse_json_strict
from idp.domain.age import Band
from idp.domain.age_token import TOKEN_TYPE, KeyRole, accepted_until, canonical, epoch_start

LOG_MAX = 8 * 1024 * 1024
"""Bytes of the document. It grows by 4 kB in four weeks: this is for centuries."""

LEAVES_MAX = 20_000
NOTES_MAX = 2_000
_SECONDS_MAX = 2**53 - 1
_MEMBERS = {
    "key": {"type", "token_type", "band", "epoch", "role", "not_before", "not_after", "key", "key_id"},
    "revoke": {"type", "key_id", "at"},
    "wallet-files": {"type", "files", "at"},
}


class KeyLogRefused(Exception):
    """The log is not believed; `reason` is a stable word for logs and the audit trail."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom the door believes: the log's key, the witnesses, and how early all of them must have seen a key.

    Without witnesses `hours` is 0: a demonstration on one machine.
    """

    log: Verifier
    witnesses: tuple[Verifier, ...] = ()
    hours: int = 0

    def __post_init__(self) -> None:
        if self.log.type is not SignatureType.ED25519:
            raise KeyLogRefused("bad_trust", "the log's key is one for cosigning")
        if any(witness.type is not SignatureType.COSIGNATURE for witness in self.witnesses):
            raise KeyLogRefused("bad_trust", "a witness's key is not one for cosigning")


@dataclass(frozen=True, slots=True)
class LoggedKey:
    """A key as its leaf describes it; `public` is None unless it is RSA-2048 with e = 65537 under its own name.

    `witnessed_at` is when the last of all witnesses had seen it (epoch seconds), None when one never has.
    """

    key_id: bytes
    band: Band
    epoch: int
    role: KeyRole
    not_before: int
    not_after: int
    public: BlindRsaPublicKey | None
    witnessed_at: int | None


@dataclass(frozen=True, slots=True)
class KeyLogView:
    """A verified log: what of it is kept, and what it says. `notes` are (size, note), the smallest first."""

    leaves: tuple[bytes, ...]
    notes: tuple[tuple[int, str], ...]
    keys: tuple[LoggedKey, ...]
    revoked: frozenset[bytes]


def read_document(body: bytes) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """Leaves and notes of `/token-keys/log`, the newest note first; nothing of them is believed yet (1)."""
    try:
        document = parse_json_strict(body)
    except EncodingError as error:
        raise KeyLogRefused("malformed", "the log is not JSON") from error
    if not isinstance(document, dict):
        raise KeyLogRefused("malformed", "the log is not an object")
    leaves, older = document.get("leaves"), document.get("witnessed", [])
    if not isinstance(leaves, list) or not isinstance(older, list):
        raise KeyLogRefused("malformed", "leaves or notes are no list")
    notes = [document.get("checkpoint"), *older]
    if len(leaves) > LEAVES_MAX or len(notes) > NOTES_MAX or not all(isinstance(note, str) for note in notes):
        raise KeyLogRefused("malformed", "too many leaves or notes, or a note that is no text")
    return tuple(_decoded(leaf) for leaf in leaves), tuple(notes)


def verify_log(leaves: Sequence[bytes], notes: Sequence[str], trust: Trust, seen: Sequence[bytes] = ()) -> KeyLogView:
    """Steps 2 to 6; `seen` are the leaves of the view so far. KeyLogRefused names the first that fails."""
    if len(leaves) < len(seen):  # 2
        raise KeyLogRefused("shrunk", "the log is smaller than it was")
    if list(leaves[: len(seen)]) != list(seen):
        raise KeyLogRefused("forked", "the log differs in what was there before")
    opened = [_opened(note, trust) for note in notes]  # 3
    if not opened or opened[0][0].size != len(leaves):  # 4
        raise KeyLogRefused("wrong_size", "the checkpoint is of another size than the log")
    roots = _roots_at(leaves, {checkpoint.size for checkpoint, _ in opened})
    for checkpoint, _ in opened:  # 5
        if roots.get(checkpoint.size) != checkpoint.root:
            raise KeyLogRefused("contradiction", "a signed root is not that of the leaves")
    keys: dict[bytes, LoggedKey] = {}
    revoked = set()
    for position, leaf in enumerate(leaves):  # 6
        entry = _read_leaf(leaf)
        if entry["type"] == "revoke":
            revoked.add(_key_id(entry))
        elif entry["type"] == "key":
            key = _logged_key(entry, _witnessed_at(position, opened, trust))
            if key.key_id in keys:
                raise KeyLogRefused("malformed", "a key stands twice in the log")
            keys[key.key_id] = key
    # Of two notes of one size the one that more have signed.
    known = sorted((head.size, len(note.signatures), text) for (head, note), text in zip(opened, notes, strict=True))
    kept = {size: text for size, _, text in known}
    return KeyLogView(tuple(leaves), tuple(kept.items()), tuple(keys.values()), frozenset(revoked))


def admitted_keys(view: KeyLogView, trust: Trust) -> dict[bytes, LoggedKey]:
    """The one key of each band and epoch whose tokens count, by key id; whether it is their time is not asked here.

    It is the primary, after its revocation the standby; RSA-2048 with e = 65537; of its epoch's time and no other; and
    was seen by every witness so many hours before its first use.
    """
    families: dict[tuple[Band, int], list[LoggedKey]] = {}
    for key in view.keys:
        families.setdefault((key.band, key.epoch), []).append(key)
    admitted = {}
    for family in families.values():
        primaries = [key for key in family if key.role is KeyRole.PRIMARY]
        if len(primaries) != 1:
            # Two of them could tell two groups of people apart.
            continue
        standbys = [key for key in family if key.role is KeyRole.STANDBY]
        living = next((key for key in (*primaries, *standbys) if key.key_id not in view.revoked), None)
        if living is not None and _is_sound(living, trust):
            admitted[living.key_id] = living
    return admitted


def is_live(key: LoggedKey, now: int) -> bool:
    """Whether tokens of an admitted key are accepted at `now`: from its first use to the end of the next epoch."""
    return key.not_before <= now < accepted_until(key.epoch)


def is_signed(note: str, trust: Trust) -> bool:
    """Whether the log that is trusted now signed a note."""
    try:
        open_checkpoint(note, trust.log, trust.witnesses)
    except MerkleError:
        return False
    return True


def _is_sound(key: LoggedKey, trust: Trust) -> bool:
    if key.public is None:
        return False
    if not epoch_start(key.epoch) <= key.not_before < key.not_after == epoch_start(key.epoch + 1):
        return False
    if trust.hours == 0:
        return True
    return key.witnessed_at is not None and key.witnessed_at <= key.not_before - trust.hours * 3600


def _opened(note: str, trust: Trust) -> tuple[Checkpoint, OpenedNote]:
    try:
        return open_checkpoint(note, trust.log, trust.witnesses)
    except MerkleError as error:
        raise KeyLogRefused("bad_note", f"a note does not verify: {error}") from error


def _roots_at(leaves: Sequence[bytes], sizes: set[int]) -> dict[int, bytes]:
    tree = Frontier()
    roots = {0: tree.root()} if 0 in sizes else {}
    for leaf in leaves:
        tree = tree.append(leaf_hash(leaf))
        if tree.size in sizes:
            roots[tree.size] = tree.root()
    return roots


def _witnessed_at(position: int, opened: Sequence[tuple[Checkpoint, OpenedNote]], trust: Trust) -> int | None:
    times = []
    for witness in trust.witnesses:
        found = (note.signature_by(witness) for checkpoint, note in opened if checkpoint.size > position)
        seen = [signature.time for signature in found if signature is not None and signature.time is not None]
        if not seen:
            return None
        times.append(min(seen))
    return max(times, default=None)


def _read_leaf(data: bytes) -> dict[str, Any]:
    try:
        entry = parse_json_strict(data)
    except EncodingError as error:
        raise KeyLogRefused("malformed", "a leaf is not JSON") from error
    if not isinstance(entry, dict) or canonical(entry) != data:
        raise KeyLogRefused("malformed", "a leaf is not canonical JSON")
    if not isinstance(entry.get("type"), str) or entry.keys() != _MEMBERS.get(entry["type"]):
        raise KeyLogRefused("malformed", "a leaf has other members than its type")
    if entry["type"] != "key" and not _is_seconds(entry["at"]):
        raise KeyLogRefused("malformed", "a leaf has a time out of range")
    return entry


def _logged_key(entry: dict[str, Any], witnessed_at: int | None) -> LoggedKey:
    numbers = [entry[name] for name in ("epoch", "not_before", "not_after")]
    if entry["token_type"] != TOKEN_TYPE or not all(_is_seconds(number) for number in numbers):
        raise KeyLogRefused("malformed", "a key leaf has a number out of range")
    try:
        band, role = Band(entry["band"]), KeyRole(entry["role"])
    except (ValueError, TypeError) as error:
        raise KeyLogRefused("malformed", "a key leaf has a word that is not known") from error
    key_id = _key_id(entry)
    try:
        public: BlindRsaPublicKey | None = BlindRsaPublicKey.from_spki(_decoded(entry["key"]))
    except BlindRsaError:
        public = None
    if public is not None and public.token_key_id != key_id:
        public = None
    epoch, not_before, not_after = numbers
    return LoggedKey(key_id, band, epoch, role, not_before, not_after, public, witnessed_at)


def _key_id(entry: dict[str, Any]) -> bytes:
    return _decoded(entry["key_id"])


def _decoded(text: object) -> bytes:
    # Only text: of a number, Python would make that many zeros.
    if not isinstance(text, str):
        raise KeyLogRefused("malformed", "something that has to be text is not")
    try:
        return b64url_decode(text)
    except EncodingError as error:
        raise KeyLogRefused("malformed", "something is not base64url") from error


def _is_seconds(value: object) -> bool:
    return type(value) is int and 0 <= value <= _SECONDS_MAX
