"""The system's clock: the one place that reads it (see `idp.domain.clock`)."""

import time


class SystemClock:
    """Real time."""

    def now(self) -> int:
        """Seconds since 1970-01-01T00:00:00Z, whole."""
        return int(time.time())
