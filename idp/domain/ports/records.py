"""Records of the issuer: audit trail, keys, the public key log, removal of what has expired."""

from collections.abc import Sequence
from typing import Protocol

from idp.domain.age_token import TokenKey
from idp.domain.audit_event import AuditEvent
from idp.domain.signing_key import KeyState, StoredKey


class Audit(Protocol):
    """The audit trail. `append` stands in the transaction of what it records."""

    def append(self, event: AuditEvent) -> None: ...

    def page(self, after: bytes, limit: int) -> Sequence[AuditEvent]: ...

    def page_before(self, before: bytes | None, limit: int) -> Sequence[AuditEvent]:
        """The newest rows before an id, or of all, newest first."""
        ...

    def of_account(self, account_id: bytes) -> Sequence[AuditEvent]: ...


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


class Housekeeping(Protocol):
    """Removal of what has expired, in bounded bites."""

    def purge(self, now: int, limit: int) -> dict[str, int]:
        """Delete at most `limit` expired rows a table; table name -> rows deleted."""
        ...
