"""One-time markers and counters: who inserts first has won, and no restart forgets."""

from typing import Protocol

from idp.domain.presentation import Presentation


class Spent(Protocol):
    """Markers of one-time values other than codes: `kind` is a short word (dpop, assertion, par, reset ...)."""

    def claim(self, kind: str, value: bytes, expires_at: int) -> bool:
        """Insert the SHA-256 of (kind, value); True for the first caller only."""
        ...


class Attempts(Protocol):
    """Counters of failed tries per key and window, kept in the database so that no restart forgets them."""

    def add(self, key: bytes, window_start: int, expires_at: int) -> int:
        """Count one more try in the window and return the new count, in one statement."""
        ...

    def take_back(self, key: bytes, window_start: int) -> None:
        """Uncount one try of the window: it was not a failed one."""
        ...

    def count(self, key: bytes, window_start: int) -> int: ...

    def clear(self, key: bytes) -> None: ...


class Presentations(Protocol):
    """Age tokens shown at the door. The account issuer has none."""

    def claim(self, presentation: Presentation) -> str:
        """Spend the token on the request, both once; the code to answer with: the same for the same pair again.

        Refused `token_spent` when the token was spent on another request, `request_answered` when another token
        answered this one.
        """
        ...


class Allowance(Protocol):
    """How many age tokens an account has had signed in an epoch: counts, and nothing of the tokens."""

    def charge(self, account_id: bytes, epoch: int, count: int, quota: int) -> bool:
        """Add `count` unless that would pass `quota`, in one statement; whether it was added."""
        ...

    def used(self, account_id: bytes, epoch: int) -> int: ...
