"""What apps ask for, as counts: how often each app did what, on which day, and nothing of the people concerned."""

import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

KEPT_DAYS = 90
"""How long a day's counts are kept: an inspection looks at a season."""

DAY_SECONDS = 86_400


class Use(StrEnum):
    """What is counted of an app."""

    ASKED = "asked"
    """Authorization requests."""

    SILENT = "silent"
    """Of these, with `prompt=none`: nobody sees them."""

    OTHER_SCOPES = "other_scopes"
    """Of these, with a scope that the app is not registered for."""

    OTHER_AGES = "other_ages"
    """Of these, with an age in `claims` that the app may not test."""

    REFUSED = "refused"
    """Authorization requests that were answered with an error."""

    SIGNED_IN = "signed_in"
    """Codes and device codes that were exchanged."""

    REFRESHED = "refreshed"
    """Refresh tokens that were used."""

    NOT_EXCHANGED = "not_exchanged"
    """Token requests that were refused."""


class AppUse:
    """Counts of one process, in memory until they are taken down: no request waits for a row."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, Use]] = Counter()
        self._lock = threading.Lock()

    def count(self, client_id: str, *uses: Use) -> None:
        """Count once each for a known client: ids that nobody registered must not fill this up."""
        with self._lock:
            for use in uses:
                self._counts[client_id, use] += 1

    def take(self) -> Mapping[tuple[str, Use], int]:
        """All counts since the last time; from now on they are the caller's."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return taken

    def give_back(self, counts: Mapping[tuple[str, Use], int]) -> None:
        """Counts that could not be written down."""
        with self._lock:
            self._counts.update(counts)


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """Counts of one app on one day (`day`: epoch seconds of its beginning, UTC)."""

    client_id: str
    day: int
    use: Use
    count: int
