"""What is asked outside the database."""

from typing import Protocol


class KnownPasswords(Protocol):
    """Passwords that are widely known, or were published after a breach (SP 800-63B-4, section 3.1.1.2)."""

    def holds(self, password: str) -> bool:
        """Whether a password, as it was typed, is among them."""
        ...


class Fetcher(Protocol):
    """Requests to addresses that apps gave us; the implementation guards them (threats A24). Never inside `write`."""

    def get(self, url: str, limit: int = 64 * 1024) -> bytes:
        """The body of a 200 answer, at most `limit` bytes, within three seconds; else FetchRefused."""
        ...

    def post(self, url: str, body: bytes, content_type: str) -> int:
        """The status of the answer, redirects not followed, within three seconds; FetchRefused when there is none."""
        ...
