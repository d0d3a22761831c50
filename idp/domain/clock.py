"""Where time comes from: every rule takes a `Clock` or an integer `now`, never the system's clock."""

from typing import Protocol


class Clock(Protocol):
    """A source of the present time."""

    def now(self) -> int:
        """Seconds since 1970-01-01T00:00:00Z, whole."""
        ...
