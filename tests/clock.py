"""A clock that stands still until a test moves it."""

START = 1_767_225_600  # 2026-01-01T00:00:00Z


class FixedClock:
    """An `idp.domain.clock.Clock` for tests; whole seconds since 1970-01-01T00:00:00Z."""

    def __init__(self, start: int = START) -> None:
        self._now = start

    def now(self) -> int:
        """The time the test has set."""
        return self._now

    def advance(self, seconds: int) -> int:
        """Move the clock by `seconds` (back, if negative); returns the new time."""
        self._now += seconds
        return self._now
