"""The keys of age tokens, opened for use, and a bounded queue in front of the signatures."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from crypto.blind_rsa_keys import BlindRsaKey
from idp.domain.age import Band
from idp.domain.age_token import TokenKey
from idp.domain.errors import Busy
from idp.services.token_keys import acceptable_keys, signing_key_of

RELOAD_SECONDS = 5
"""How old the loaded keys may be: a revoked primary signs no longer than this on any node."""

AT_ONCE = 4
"""A worker signs at most so many batches at a time, however many cores there are."""

WAITING = 16
"""Batches that may wait for a processor, each on a thread: together with those that run fewer than a worker has."""


class TokenSigners:
    """Opened keys by band, and room for as many batches at once as there are processors, up to `AT_ONCE`."""

    def __init__(self, load: Callable[[], Sequence[TokenKey]], now: Callable[[], int], processors: int) -> None:
        self._load = load
        self._now = now
        self._lock = threading.Lock()
        self._loaded: tuple[int, tuple[TokenKey, ...]] | None = None
        self._opened: dict[bytes, BlindRsaKey] = {}
        width = min(processors, AT_ONCE)
        self._running = threading.Semaphore(width)
        self._admitted = threading.Semaphore(width + WAITING)

    def keys(self) -> tuple[TokenKey, ...]:
        """Every key there is, at most five seconds old."""
        now = self._now()
        loaded = self._loaded
        if loaded is not None and now - loaded[0] < RELOAD_SECONDS:
            return loaded[1]
        with self._lock:
            self._loaded = now, tuple(self._load())
            return self._loaded[1]

    def published(self, band: Band) -> list[TokenKey]:
        """The keys a directory lists: the one in use first."""
        return acceptable_keys(self.keys(), band, self._now())

    def current(self, band: Band) -> TokenKey | None:
        """The key that signs for a band now."""
        return signing_key_of(self.keys(), band, self._now())

    @contextmanager
    def signing_with(self, key: TokenKey) -> Iterator[BlindRsaKey]:
        """The opened key, once a processor is free; Busy when too many wait already."""
        if not self._admitted.acquire(blocking=False):
            raise Busy("too many tokens are being signed")
        try:
            with self._running:
                yield self._open(key)
        finally:
            self._admitted.release()

    def _open(self, key: TokenKey) -> BlindRsaKey:
        opened = self._opened.get(key.key_id)
        if opened is None:
            opened = self._opened.setdefault(key.key_id, BlindRsaKey.from_pkcs8(key.private_der))
        return opened
