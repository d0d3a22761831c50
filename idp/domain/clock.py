"""Where time comes from: every rule takes a `Clock` or an integer `now`, never the system's clock."""

from typing import Protocol

SKEW_SECONDS = 30
"""How far a node's clock may be from the database's: half the life of a code. A node further off is not ready."""


class Clock(Protocol):
    """A source of the present time."""

    def now(self) -> int:
        """Seconds since 1970-01-01T00:00:00Z, whole."""
        ...
