"""ID tokens kept for signing out at the issuer, too; on the server, so that the cookie holds a pseudonym and a band."""

import time
from collections import OrderedDict
from threading import Lock

MOST = 10_000


class KeptIdTokens:
    """The last ID token of each `sub`, for `seconds`, in this process's memory; at most 10,000, the oldest go first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._kept: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._lock = Lock()

    def keep(self, sub: str, id_token: str) -> None:
        """Keep a token; an earlier one of the same `sub` is forgotten."""
        with self._lock:
            self._kept.pop(sub, None)
            self._kept[sub] = (time.monotonic(), id_token)
            self._forget_old()

    def take(self, sub: str) -> str | None:
        """The token of a `sub`, if it is still kept; it is forgotten here."""
        with self._lock:
            self._forget_old()
            kept = self._kept.pop(sub, None)
        return kept[1] if kept is not None else None

    def _forget_old(self) -> None:
        oldest_allowed = time.monotonic() - self._seconds
        while self._kept:
            since, _ = next(iter(self._kept.values()))
            if since > oldest_allowed and len(self._kept) <= MOST:
                return
            self._kept.popitem(last=False)
