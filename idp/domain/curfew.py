"""Curfew: when minors may use apps of a category, by the policy's windows in the policy's time zone.

It is known from band, category and clock alone, so that the account issuer and the door rule alike. Adults,
and categories without windows, have no curfew. Moments are epoch seconds; nothing here asks a clock.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from idp.domain.age import Band
from idp.domain.client import Category
from idp.domain.policy import QUARTER_HOUR, Policy, Weekday, Window
from idp.domain.policy_table import MINUTES_A_DAY

_QUARTER = QUARTER_HOUR * 60
_WEEKDAYS = tuple(Weekday)
_DAYS_AHEAD = 366
"""Days searched for the next window: public holidays come back within a year."""


@dataclass(frozen=True, slots=True)
class Curfew:
    """The curfew of one policy; `is_public_holiday` says it of a local date, by the policy's calendar."""

    policy: Policy
    is_public_holiday: Callable[[date], bool]

    def binds(self, band: Band, category: Category) -> bool:
        """Whether there is a curfew for this band and category at all."""
        return band is Band.MINOR and bool(self.policy.windows_of(category))

    def allowed_at(self, band: Band, category: Category, now: int) -> bool:
        """Whether someone of `band` may sign in to, and refresh for, an app of `category` at `now`."""
        return not self.binds(band, category) or self._open_span(category, now) is not None

    def session_until(self, band: Band, category: Category, now: int, limit: int | None = None) -> int | None:
        """The value of `session_until`, which is also the latest `exp` of a token; None where nothing limits.

        The end of the open window, tomorrow's end at the latest, or `limit` (epoch seconds) where a limit of the
        child's own ends earlier; rounded down to a quarter hour, so that it does not join one child's sessions
        at two apps. A value not after `now` means: over already; that is the answer outside the window, too.
        """
        ends = [] if limit is None else [limit]
        if self.binds(band, category):
            span = self._open_span(category, now)
            ends.append(now if span is None else span[1])
        # Zones stand whole quarter hours from UTC, so a quarter of the epoch is one on the wall.
        return min(ends) // _QUARTER * _QUARTER if ends else None

    def opens_next(self, band: Band, category: Category, now: int) -> int | None:
        """When the next window opens, if use is refused at `now`; None if allowed or none opens in a year."""
        if self.allowed_at(band, category, now):
            return None
        return next((opens for opens, _ in self._spans(category, now, _DAYS_AHEAD) if opens > now), None)

    def _open_span(self, category: Category, now: int) -> tuple[int, int] | None:
        # Tomorrow, too: a window that closes at midnight goes on in one that opens there.
        spans = self._spans(category, now, 1)
        return next(((opens, closes) for opens, closes in spans if opens <= now < closes), None)

    def _spans(self, category: Category, now: int, days_ahead: int) -> Iterator[tuple[int, int]]:
        """Open spans [opens, closes) from the local day of `now` on; those that touch or overlap are one."""
        today = datetime.fromtimestamp(now, UTC).astimezone(self.policy.time_zone).date()
        span: tuple[int, int] | None = None
        for opens, closes in self._windows(category, today, days_ahead):
            if span is None:
                span = opens, closes
            elif opens <= span[1]:
                span = span[0], max(span[1], closes)
            else:
                yield span
                span = opens, closes
        if span is not None:
            yield span

    def _windows(self, category: Category, first: date, days_ahead: int) -> Iterator[tuple[int, int]]:
        for days in range(days_ahead + 1):
            day = first + timedelta(days=days)
            for window in self.policy.windows_of(category):
                if self._opens_on(window, day):
                    opens, closes = self._moment(day, window.opens), self._moment(day, window.closes)
                    # A clock put forward can swallow the beginning of a window and leave nothing.
                    if opens < closes:
                        yield opens, closes

    def _opens_on(self, window: Window, day: date) -> bool:
        return _WEEKDAYS[day.weekday()] in window.weekdays or (window.public_holidays and self.is_public_holiday(day))

    def _moment(self, day: date, minutes: int) -> int:
        days, minutes = divmod(minutes, MINUTES_A_DAY)
        clock = time(minutes // 60, minutes % 60)
        return int(datetime.combine(day + timedelta(days=days), clock, self.policy.time_zone).timestamp())
