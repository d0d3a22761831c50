"""What an app is told about a person who used it: kinds, content, and when the next try is due."""

from dataclasses import dataclass
from enum import StrEnum

RETRY_SECONDS = (1, 10, 60, 600, 3600)
"""Waits after the first, second ... failed try; the last one repeats."""

GIVE_UP_SECONDS = 3 * 86_400
TICK_SECONDS = 60


class MessageKind(StrEnum):
    """A logout token (OIDC Back-Channel Logout), or one of the events of `protocol/security_events`."""

    LOGOUT = "logout"
    SESSION_REVOKED = "session_revoked"
    CONSENT_WITHDRAWN = "consent_withdrawn"
    ACCOUNT_DELETED = "account_deleted"


class Initiator(StrEnum):
    """Who caused it (CAEP 1.0, section 2, `initiating_entity`)."""

    USER = "user"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class AppMessage:
    """One message to one app. `id` 16 random bytes: an id that told the order would join two apps' messages.

    `subject` is the person's `sub` at this app, `sid` the session's or None for all of them; `jti` stays the same at
    every try; `at` is when it happened, epoch seconds.
    """

    id: bytes
    kind: MessageKind
    client_id: str
    subject: str
    sid: str | None
    jti: str
    at: int
    initiator: Initiator


@dataclass(frozen=True, slots=True)
class WaitingMessage:
    """Delivery state of a message: failed or running `tries`, next try at `due_at` (epoch seconds; None: given up)."""

    kind: MessageKind
    tries: int
    due_at: int | None


def next_try(message: AppMessage, tries: int, now: int) -> int | None:
    """When to try again after try number `tries` (from 0) failed at `now`; None to give up after three days."""
    due_at = now + RETRY_SECONDS[min(tries, len(RETRY_SECONDS) - 1)]
    return due_at if due_at <= message.at + GIVE_UP_SECONDS else None


def next_tick(now: int) -> int:
    """The common minute on which whatever tells several apps the same leaves, for all people at once.

    Otherwise two apps could join a person's pseudonyms by the second at which they are told.
    """
    return -(-now // TICK_SECONDS) * TICK_SECONDS
