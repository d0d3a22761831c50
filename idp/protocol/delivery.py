"""Delivery of messages to apps: claimed by lease, sent in parallel, tried again for three days.

Any number of processes may deliver from one database: a lease belongs to one of them, and the messages of a process
that dies come up again when it ends. So a message is delivered at least once; its `jti` lets an app see a second time.
"""

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

from crypto.errors import CryptoError
from idp.domain.app_message import AppMessage, MessageKind, next_try
from idp.domain.client import Client
from idp.domain.errors import FetchRefused
from idp.domain.ports import Transaction
from idp.protocol.backchannel_logout import post_logout
from idp.protocol.provider import Provider
from idp.protocol.security_events import push_event
from idp.services.outbox import open_message

LEASE_SECONDS = 60
WORK_SECONDS = 30
"""A round ends long before its leases do, so that nobody else has begun with a message we still hold."""

BATCH = 64
WIDTH = 8
"""Apps told at once; the next ones wait for these, three seconds at most each."""


Claimed = tuple[AppMessage, int]
"""A message and the tries it has had before."""


class Deliverer:
    """Delivers what is due, for one process."""

    def __init__(self, provider: Provider, width: int = WIDTH) -> None:
        self._provider = provider
        self._pool = ThreadPoolExecutor(width, "blindage-delivery")

    def deliver_due(self) -> int:
        """Send everything that is due; how many messages were delivered. Unavailable when the database is away."""
        delivered = 0
        while batch := self._claim():
            by_endpoint: dict[tuple[str, bool], list[Claimed]] = {}
            for claimed in batch:
                message = claimed[0]
                by_endpoint.setdefault((message.client_id, message.kind is MessageKind.LOGOUT), []).append(claimed)
            round_ends = self._provider.now() + WORK_SECONDS
            delivered += sum(self._pool.map(self._tell, by_endpoint.values(), repeat(round_ends)))
            if len(batch) < BATCH:
                break
        return delivered

    def close(self) -> None:
        """End the threads; what was not sent keeps its lease and comes up again."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _claim(self) -> list[Claimed]:
        store, now = self._provider.realm.store, self._provider.now()
        rows = store.write(lambda tx: tx.outbox.claim_due(now, now + LEASE_SECONDS, BATCH), b"outbox")
        batch = [(open_message(*row[:4]), row[4]) for row in rows]
        # On a tick many people's messages leave together: their order must not join what two apps receive.
        secrets.SystemRandom().shuffle(batch)
        return batch

    def _tell(self, group: Sequence[Claimed], round_ends: int) -> int:
        """One endpoint's messages, one after the other; once it does not answer, the rest waits with the failed one.

        An app whose logout endpoint is broken still hears its events, and the other way round.
        """
        provider = self._provider
        client = provider.realm.store.read(lambda tx: tx.clients.get(group[0][0].client_id))
        delivered: list[AppMessage] = []
        failed: list[Claimed] = []
        for message, tries in group:
            if failed or provider.now() > round_ends or not self._send(client, message):
                failed.append((message, tries))
            else:
                delivered.append(message)
        now = provider.now()

        def settle(tx: Transaction) -> None:
            for message in delivered:
                tx.outbox.delivered(message.id)
            for message, tries in failed:
                due_at = next_try(message, tries, now)
                if due_at is None:
                    tx.outbox.give_up(message.id, now)
                else:
                    tx.outbox.failed(message.id, due_at)

        provider.realm.store.write(settle, group[0][0].id)
        return len(delivered)

    def _send(self, client: Client | None, message: AppMessage) -> bool:
        """Whether nothing is left to do: delivered, or the app or its endpoint is gone."""
        if client is None:
            return True
        send = post_logout if message.kind is MessageKind.LOGOUT else push_event
        try:
            return send(self._provider, client, message)
        except (FetchRefused, CryptoError, LookupError):
            # No answer, or no key of the app's algorithm just now.
            return False
