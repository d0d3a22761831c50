"""Clients' public keys, by value or by `jwks_uri` (OIDC Core, section 10.1.1; RFC 7517).

A fetched set is used for five minutes. A `kid` it lacks fetches it again, at most once a minute for each client,
whatever is asked and however it ends. When the client's server does not answer, the last set it gave goes on for
four hours. A fetch takes three seconds at most, and at most eight requests of a process wait for one.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from crypto.errors import CryptoError
from crypto.jwk import ClientKeySet, PublicKey
from crypto.jwt import KeyFinder
from idp.domain.client import Client, ClientState
from idp.domain.errors import Busy, FetchRefused
from idp.domain.ports import Fetcher

FRESH_SECONDS = 300
"""How long a key that its client has withdrawn may still be believed."""

REFETCH_SECONDS = 60
"""The floor: nobody can have us fetch a client's keys more often by naming keys it does not have."""

STALE_SECONDS = 4 * 3600
WAITING = 8
"""Requests that may wait for keys at once: a client whose server is slow must not hold every thread."""

HELD = 10_000


@dataclass(slots=True)
class _Held:
    """The keys of one client at one address. `tried_at` and `fetched_at` in epoch seconds."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    keys: ClientKeySet | None = None
    fetched_at: int = 0
    tried_at: int | None = None


class ClientKeySets:
    """The key sets of all clients, as one process knows them."""

    def __init__(self, fetcher: Fetcher, now: Callable[[], int]) -> None:
        self._fetcher = fetcher
        self._now = now
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str, str], _Held] = OrderedDict()
        self._waiting = threading.BoundedSemaphore(WAITING)

    def finder(self, client: Client) -> KeyFinder:
        """The client's keys, as `crypto.jwt.verify_jwt` asks for them; none when it has none or cannot be asked.

        Busy when too many requests wait for keys already.
        """

        def find(kid: str | None, alg: str) -> Sequence[PublicKey]:
            if client.jwks is not None:
                return self._by_value(client).find(kid, alg)
            # Nothing that an app names is fetched before an operator has seen it (threats A22).
            if client.jwks_uri is not None and client.state is not ClientState.PENDING:
                return self._by_address(client, client.jwks_uri, kid, alg)
            return []

        return find

    def _by_value(self, client: Client) -> ClientKeySet:
        # The version grows with every change of the client, so that a kept set cannot be an old one.
        held = self._slot(client.id, f"version {client.version}")
        if held.keys is None:
            held.keys = ClientKeySet.parse(client.jwks or {})
        return held.keys

    def _by_address(self, client: Client, uri: str, kid: str | None, alg: str) -> Sequence[PublicKey]:
        held = self._slot(client.id, uri)
        found = self._usable(held, kid, alg)
        if (not found or self._aged(held)) and self._due(held):
            # Who has a key already does not wait for a newer set that another request is fetching.
            self._refresh(held, uri, wait=not found)
            found = self._usable(held, kid, alg)
        return found

    def _refresh(self, held: _Held, uri: str, wait: bool) -> None:
        if not self._waiting.acquire(blocking=False):
            raise Busy("too many requests wait for keys of clients")
        try:
            if held.lock.acquire(blocking=wait):
                try:
                    self._fetch(held, uri)
                finally:
                    held.lock.release()
        finally:
            self._waiting.release()

    def _fetch(self, held: _Held, uri: str) -> None:
        if not self._due(held):
            # Fetched, or tried in vain, by the request that was waited for.
            return
        now = self._now()
        try:
            held.keys = ClientKeySet.parse(self._fetcher.get(uri))
            held.fetched_at = now
        except (FetchRefused, CryptoError):
            # What was fetched before goes on for a while.
            pass
        finally:
            held.tried_at = now

    def _usable(self, held: _Held, kid: str | None, alg: str) -> Sequence[PublicKey]:
        keys = held.keys
        if keys is None or self._now() - held.fetched_at > STALE_SECONDS:
            return []
        return keys.find(kid, alg)

    def _aged(self, held: _Held) -> bool:
        return self._now() - held.fetched_at >= FRESH_SECONDS

    def _due(self, held: _Held) -> bool:
        return held.tried_at is None or self._now() - held.tried_at >= REFETCH_SECONDS

    def _slot(self, client_id: str, source: str) -> _Held:
        with self._lock:
            held = self._held.get((client_id, source))
            if held is None:
                held = self._held[client_id, source] = _Held()
                if len(self._held) > HELD:
                    self._held.popitem(last=False)
            return held
