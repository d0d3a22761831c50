"""Argon2 behind a semaphore, so that many sign-ins at once can exhaust neither memory nor processors."""

import threading
from collections.abc import Callable
from typing import TypeVar

from crypto import passwords
from idp.domain.errors import Busy

T = TypeVar("T")


class PasswordWork:
    """Hash and check passwords, `width` at a time; at most `queue` callers wait, the next gets Busy."""

    def __init__(self, width: int, queue: int, cost: passwords.PasswordCost = passwords.DEFAULT_COST) -> None:
        self._running = threading.Semaphore(width)
        self._admitted = threading.Semaphore(width + queue)
        self._cost = cost
        # Checked for unknown usernames, so that "no such account" takes as long as "wrong password".
        self._decoy = passwords.hash_password("no account has this password", cost)

    def hash(self, password: str) -> str:
        """The encoded Argon2id hash of a new password."""
        return self._work(lambda: passwords.hash_password(password, self._cost))

    def verify(self, encoded: str | None, password: str) -> bool:
        """Whether the password is right; with `encoded` None the same work is done and the answer is no."""
        matches = self._work(lambda: passwords.verify_password(encoded or self._decoy, password))
        return matches and encoded is not None

    def outdated(self, encoded: str) -> bool:
        """Whether a hash was made at another cost and should be made anew after the next sign-in."""
        return passwords.needs_rehash(encoded, self._cost)

    def _work(self, job: Callable[[], T]) -> T:
        if not self._admitted.acquire(blocking=False):
            raise Busy("too many passwords are being checked")
        try:
            with self._running:
                return job()
        finally:
            self._admitted.release()
