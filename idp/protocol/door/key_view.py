"""The keys whose tokens the door accepts: from its own copy of the key log, and how that copy follows the issuer's."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from crypto.blind_rsa_keys import BlindRsaPublicKey
from idp.domain.age import Band
from idp.domain.age_token import accepted_until
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.errors import FetchRefused
from idp.domain.identifiers import new_id
from idp.domain.ports import Transaction
from idp.protocol.door.key_log import (
    LOG_MAX,
    KeyLogRefused,
    KeyLogView,
    LoggedKey,
    Trust,
    admitted_keys,
    is_live,
    is_signed,
    read_document,
    verify_log,
)
from idp.protocol.provider import Provider

LOG_PATH = "/token-keys/log"

RELOAD_SECONDS = 2
"""How old the loaded copy may be: a revocation that one process has seen holds in all of them."""

FOLLOW_SECONDS = 60
"""Between two looks at the issuer's log; its answers may be cached as long."""

RETRY_SECONDS = 2
"""After a look that brought nothing."""

_log = logging.getLogger("blindage.door")

_Copy = tuple[tuple[bytes, ...], tuple[str, ...]]
"""Leaves and notes as they are kept, the newest note first."""


@dataclass(frozen=True, slots=True)
class AcceptedKey:
    """A key that counts now: what it verifies with, the band it vouches for, and until when its tokens are accepted."""

    public: BlindRsaPublicKey
    band: Band
    accepted_until: int


class KeyView:
    """The keys of the kept copy. Without a copy, or when all its keys are old, nothing is accepted."""

    def __init__(self, provider: Provider, trust: Trust) -> None:
        self._provider = provider
        self._trust = trust
        self._lock = threading.Lock()
        self._loaded: tuple[int, _Copy, dict[bytes, LoggedKey]] | None = None

    def find(self, key_id: bytes) -> AcceptedKey | None:
        """The key of this id if it is in the log, admitted and live; else None."""
        now = self._provider.now()
        key = self._keys(now).get(key_id)
        if key is None or key.public is None or not is_live(key, now):
            return None
        return AcceptedKey(key.public, key.band, accepted_until(key.epoch))

    def live_bands(self) -> frozenset[Band]:
        """The bands for which there is a key now; empty on a door that cannot accept anything."""
        now = self._provider.now()
        return frozenset(key.band for key in self._keys(now).values() if is_live(key, now))

    def _keys(self, now: int) -> dict[bytes, LoggedKey]:
        loaded = self._loaded
        if loaded is not None and 0 <= now - loaded[0] < RELOAD_SECONDS:
            return loaded[2]
        with self._lock:
            copy = self._provider.realm.store.read(kept_copy)
            known = self._loaded
            if known is not None and known[1] == copy:
                keys = known[2]
            else:
                keys = self._verified(copy)
            self._loaded = now, copy, keys
            return keys

    def _verified(self, copy: _Copy) -> dict[bytes, LoggedKey]:
        if not copy[1]:
            return {}
        try:
            return admitted_keys(verify_log(copy[0], copy[1], self._trust), self._trust)
        except KeyLogRefused as error:
            # It was believed when it was kept: the door is told to trust another key since, or the rows were changed.
            _log.error("kept key log refused", extra={"reason": error.reason})
            return {}


class KeyLogFollower:
    """Fetches the issuer's log and keeps what has been added, if all of it holds; else the copy stays as it is."""

    def __init__(self, provider: Provider, trust: Trust, account_issuer: str) -> None:
        self._provider = provider
        self._trust = trust
        self._url = account_issuer + LOG_PATH
        self._reported = b""
        self._due_at = 0

    def follow_when_due(self) -> None:
        """Follow, unless that was done a short while ago."""
        now = self._provider.now()
        if now >= self._due_at:
            self._due_at = now + (FOLLOW_SECONDS if self.follow() else RETRY_SECONDS)

    def follow(self) -> bool:
        """Fetch, verify, keep; whether the log could be believed. An unreachable issuer changes nothing."""
        try:
            body = self._provider.fetcher.get(self._url, LOG_MAX)
        except FetchRefused as error:
            _log.warning("key log not fetched", extra={"reason": error.reason})
            return False
        try:
            leaves, notes = read_document(body)
            seen, kept_notes = self._provider.realm.store.read(kept_copy)
            older = [note for note in kept_notes if note not in notes and is_signed(note, self._trust)]
            view = verify_log(leaves, [*notes, *older], self._trust, seen)
        except KeyLogRefused as error:
            _log.error("key log refused", extra={"reason": error.reason})
            self._report(error, body)
            return False
        if view.leaves != seen or {note for _, note in view.notes} != set(kept_notes):
            self._provider.realm.store.write(lambda tx: _keep(tx, view, len(seen)), b"token-log")
        return True

    def _report(self, error: KeyLogRefused, body: bytes) -> None:
        """One audit row for each log that was refused: somebody will want to know when it began."""
        digest = sha256(body).digest()
        if digest == self._reported:
            return
        self._reported = digest
        now = self._provider.now()
        event = AuditEvent(
            new_id(now), now, AuditKind.KEY_LOG_REFUSED, None, None, digest.hex(), (("reason", error.reason),)
        )
        self._provider.realm.store.write(lambda tx: tx.audit.append(event), event.id)


def kept_copy(tx: Transaction) -> _Copy:
    """The door's copy of the log; both empty before the first."""
    notes = [note for _, note in tx.token_log.notes()]
    return tuple(tx.token_log.leaves()), tuple(reversed(notes))


def _keep(tx: Transaction, view: KeyLogView, seen: int) -> None:
    present: Sequence[bytes] = tx.token_log.leaves()
    if len(present) != seen:
        # Another process of this door was faster; the next turn compares with what it kept.
        return
    for leaf in view.leaves[seen:]:
        tx.token_log.append(leaf)
    kept = dict(tx.token_log.notes())
    for size, note in view.notes:
        if kept.get(size) != note:
            tx.token_log.keep_note(size, note)
