"""Records of the issuer: audit trail, keys, the public key log, removal of what has expired."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from idp.domain.age_token import TokenKey
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.signing_key import KeyState, StoredKey


class Audit(Protocol):
    """The audit trail. `append` stands in the transaction of what it records."""

    def append(self, event: AuditEvent) -> None: ...

    def page(self, after: bytes, limit: int) -> Sequence[AuditEvent]: ...

    def page_before(self, before: bytes | None, limit: int) -> Sequence[AuditEvent]:
        """The newest rows before an id, or of all, newest first."""
        ...

    def of_account(self, account_id: bytes) -> Sequence[AuditEvent]: ...

    def newest_of(self, account_id: bytes, kind: AuditKind, limit: int) -> Sequence[AuditEvent]:
        """An account's newest rows of one kind, newest first."""
        ...


class Keys(Protocol):
    """Signing keys, sealed, and the fixed keys (pairwise, dedup, username) wrapped by the master ring."""

    def signing_keys(self) -> Sequence[StoredKey]: ...

    def add_signing_key(self, key: StoredKey) -> None: ...

    def move(self, kid: str, was: KeyState, becomes: KeyState, now: int) -> bool:
        """One transition, once: False when the key is not in state `was` any more."""
        ...

    def wrapped(self, name: str) -> bytes | None: ...

    def claim_wrapped(self, name: str, wrapped: bytes) -> bool:
        """Store a wrapped fixed key unless one exists; False when another was there first."""
        ...

    def replace_wrapped(self, name: str, old: bytes, new: bytes) -> bool: ...

    def meta(self, name: str) -> str | None: ...

    def claim_meta(self, name: str, value: str) -> bool: ...


class TokenKeys(Protocol):
    """Keys of age tokens, sealed; every one of them stands in the public log (`TokenLog`)."""

    def all(self) -> Sequence[TokenKey]:
        """Every key that is kept, oldest epoch first."""
        ...

    def claim(self, key: TokenKey) -> bool:
        """Store a key and append its leaf to the log; False when its band, epoch and role have one already."""
        ...

    def revoke(self, key_id: bytes, now: int) -> bool:
        """Revoke once, with its leaf; False when unknown or revoked already."""
        ...


class TokenLog(Protocol):
    """The public log of token keys: leaves in order, and signed notes of its sizes. All of it is public."""

    def append(self, leaf: bytes) -> int:
        """Append a leaf; its position."""
        ...

    def leaves(self) -> Sequence[bytes]:
        """The whole log, in order: it is tiny."""
        ...

    def note(self, size: int) -> str | None:
        """The signed checkpoint of a log size with its cosignatures, None when none was kept."""
        ...

    def notes(self) -> Sequence[tuple[int, str]]:
        """Every kept note with its size, the smallest first."""
        ...

    def keep_note(self, size: int, note: str) -> None:
        """Store the note of a size, in place of an older one."""
        ...


@dataclass(frozen=True, slots=True)
class Expired:
    """Where expired rows were seen: by table the time of the first one, and a stretch of the grants' ids.

    The stretch begins after `place` and goes on at `next_place` (empty: the beginning); `grants` has the ids of the
    first and last expired grant in it, None where there is none.
    """

    since: Mapping[str, int] = field(default_factory=dict)
    place: bytes = b""
    next_place: bytes = b""
    grants: tuple[bytes, bytes] | None = None

    @property
    def moves(self) -> bool:
        """Whether there is something to write: rows to remove, or a place further on to remember."""
        return bool(self.since) or self.grants is not None or self.next_place != self.place


class Housekeeping(Protocol):
    """Removal of what has expired, in bounded bites: looked for by a reader, removed by the writer."""

    def look(self, now: int, limit: int, seen: Mapping[str, int]) -> Expired:
        """Where the next bite of at most `limit` rows a table is. `seen`: `since` of the bite before, or nothing."""
        ...

    def purge(self, now: int, limit: int, expired: Expired | None = None) -> dict[str, int]:
        """Delete at most `limit` expired rows a table; table name -> rows deleted.

        `expired` is what `look` said a moment ago; without it, this looks itself. When another process is at it,
        nothing is deleted and nobody waits.
        """
        ...
