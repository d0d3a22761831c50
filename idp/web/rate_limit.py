"""Limits on failed tries and on costly requests, by address (limits; memory, or Redis with a short leash).

Nothing here is the only defence: passwords are counted in the database too, codes and secrets have 128 bits and more.
So limits may fail open: when Redis is away the process counts for itself.
"""

import hashlib
import logging
import threading
from dataclasses import dataclass

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter

from idp.domain.clock import Clock
from idp.domain.network import network

FAILURES = RateLimitItemPerMinute(60)
"""Refused credentials (secrets, codes, refresh tokens) one network may collect in a minute for one client."""

SIGN_INS = RateLimitItemPerMinute(30)
"""Wrong passwords one network may collect in a minute, over all accounts."""

STAFF_SIGN_INS = RateLimitItemPerMinute(10)
"""Refused sign-ins of staff one network may collect in a minute: passwords, codes and passkeys."""

SIGN_UPS = RateLimitItemPerMinute(10)
"""Accounts one network may make in a minute."""

RESETS = RateLimitItemPerMinute(10)
"""Wrong recovery codes one network may collect in a minute, over all accounts."""

REGISTRATIONS = RateLimitItemPerMinute(20)
"""Apps one network may register in a minute without an initial access token (RFC 7591, section 5)."""

REDIS_TIMEOUT_SECONDS = 0.2
REDIS_PAUSE_SECONDS = 5
_REMEMBERED = 10_000

_log = logging.getLogger("blindage.limits")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a try may go on; else in how many seconds to come back."""

    allowed: bool
    retry_after: int = 0


_ALLOWED = Verdict(allowed=True)


class RateLimits:
    """Counts failures. A success costs one dictionary look-up; only failures reach the shared storage."""

    def __init__(self, clock: Clock, redis_url: str | None, enabled: bool = True) -> None:
        self._clock = clock
        self._enabled = enabled
        self._local = FixedWindowRateLimiter(MemoryStorage())
        self._shared = FixedWindowRateLimiter(_redis(redis_url)) if redis_url else None
        self._shared_rests_until = 0
        self._blocked: dict[bytes, int] = {}
        self._lock = threading.Lock()

    def check(self, item: RateLimitItem, kind: str, peer: str, what: str = "") -> Verdict:
        """Whether `peer` (an address) may try `what` again."""
        until = self._blocked.get(_key(kind, peer, what)) if self._enabled and self._blocked else None
        if until is None:
            return _ALLOWED
        now = self._clock.now()
        if until <= now:
            return _ALLOWED
        return Verdict(allowed=False, retry_after=until - now)

    def failed(self, item: RateLimitItem, kind: str, peer: str, what: str = "") -> None:
        """Count a refused try; past the limit the key is blocked until the window is over."""
        if not self._enabled:
            return
        key = _key(kind, peer, what)
        if self._hit(item, key):
            return
        now = self._clock.now()
        with self._lock:
            if len(self._blocked) >= _REMEMBERED:
                self._blocked = {k: until for k, until in self._blocked.items() if until > now}
            if len(self._blocked) < _REMEMBERED:
                self._blocked[key] = now + item.get_expiry()

    def _hit(self, item: RateLimitItem, key: bytes) -> bool:
        name = key.hex()
        if self._shared is not None and self._clock.now() >= self._shared_rests_until:
            try:
                return self._shared.hit(item, name)
            except StorageError:
                # One slow answer is enough: the next seconds are counted here, so that no request waits again.
                self._shared_rests_until = self._clock.now() + REDIS_PAUSE_SECONDS
                _log.warning("shared limits are away, counting here")
        return self._local.hit(item, name)


def _redis(url: str) -> RedisStorage:
    return RedisStorage(
        url,
        wrap_exceptions=True,
        socket_timeout=REDIS_TIMEOUT_SECONDS,
        socket_connect_timeout=REDIS_TIMEOUT_SECONDS,
    )


def _key(kind: str, peer: str, what: str) -> bytes:
    """A digest, so that neither Redis nor a dump of this process lists addresses."""
    return hashlib.blake2b(f"{kind}|{network(peer)}|{what}".encode(), digest_size=16).digest()
