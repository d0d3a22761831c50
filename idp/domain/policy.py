"""A deployment's rules as data: thresholds, the day an age is attained, consent age, curfew, minor mode.

The figures live in `idp/policies/*.toml`, each beside the name of the rule it comes from; composition reads
the file and hands the mapping to `Policy.parse`. Every key is accounted for: missing and unknown ones are
refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from idp.domain.client import Category
from idp.domain.policy_table import MINUTES_A_DAY, PolicyError, Table

ADULT_AGE = 18
"""Years, the threshold of `age_band`: in every policy, since moving it would change what apps were told."""

OLDEST_AGE = 150
"""Years: every threshold lies below, and no birth date this far back is believed."""

QUARTER_HOUR = 15
"""Minutes: windows open and close on it, so that `session_until`, rounded down to it, is the window's end."""


class DayAttained(StrEnum):
    """The day on which a year of age is complete: the birthday itself, or the day after it."""

    BIRTHDAY = "birthday"
    DAY_AFTER = "day_after"


class Rounding(StrEnum):
    """Which days are public dates: the first of every month, or of every quarter."""

    MONTH = "month"
    QUARTER = "quarter"

    @property
    def months(self) -> int:
        """Months from one public date to the next."""
        return 1 if self is Rounding.MONTH else 3


class Weekday(StrEnum):
    """Days of the week in their order; Monday is first, as in `date.weekday`."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


@dataclass(frozen=True, slots=True)
class Window:
    """A daily span in which minors may use apps of `category`: on `weekdays`, perhaps on public holidays too.

    `opens` and `closes` are minutes after local midnight, quarter hours, `opens < closes <= 1440`.
    """

    category: Category
    weekdays: frozenset[Weekday]
    public_holidays: bool
    opens: int
    closes: int


@dataclass(frozen=True, slots=True)
class MinorModeDefaults:
    """What minor mode starts with; times are suggestions that a guardian may change.

    `categories` of apps that are told; `content_ages` divide the content tiers; `daily_minutes` are pairs
    (under this age, minutes a day), ascending; `night` is (from, until) in minutes after local midnight, and
    may span it; `rest_reminder_minutes` of use without a break. None or empty: nothing is suggested.
    """

    categories: frozenset[Category]
    content_ages: tuple[int, ...]
    daily_minutes: tuple[tuple[int, int], ...]
    night: tuple[int, int] | None
    rest_reminder_minutes: int | None

    def minutes_a_day(self, met: int) -> int | None:
        """Suggested minutes a day, the highest threshold met being `met` years; None without a limit."""
        return next((minutes for under, minutes in self.daily_minutes if met < under), None)


@dataclass(frozen=True, slots=True)
class Policy:
    """One deployment's rules. Ages in years; `thresholds` ascend and hold every age another rule asks for.

    Under `consent_age` a guardian consents for each app; under `age_token_age` there are no age tokens;
    `answer_working_days` is the time to answer data requests and complaints; `holiday_calendar` the country
    code of the calendar of public holidays; `curfew` the windows: a category without any has no curfew.
    """

    name: str
    thresholds: tuple[int, ...]
    adult_age: int
    consent_age: int
    age_token_age: int
    day_attained: DayAttained
    rounding: Rounding
    time_zone: ZoneInfo
    holiday_calendar: str | None
    answer_working_days: int
    minor_mode: MinorModeDefaults
    curfew: tuple[Window, ...]

    def windows_of(self, category: Category) -> tuple[Window, ...]:
        """The windows of `category`, by opening time; empty where minors have no curfew."""
        windows = [window for window in self.curfew if window.category is category]
        return tuple(sorted(windows, key=lambda window: window.opens))

    @classmethod
    def parse(cls, mapping: Mapping[str, object]) -> "Policy":
        """A policy from a parsed TOML document; PolicyError on anything missing, unknown or inconsistent."""
        table = Table(mapping, "policy")
        policy = cls(
            name=table.text("name"),
            thresholds=table.ascending("thresholds", 1, OLDEST_AGE - 1),
            adult_age=table.integer("adult_age", ADULT_AGE, ADULT_AGE),
            consent_age=table.integer("consent_age", 1, ADULT_AGE),
            age_token_age=table.integer("age_token_age", 1, ADULT_AGE),
            day_attained=table.one_of("day_attained", DayAttained),
            rounding=table.one_of("rounding", Rounding),
            time_zone=_zone(table.text("time_zone")),
            holiday_calendar=table.text("holiday_calendar") if table.has("holiday_calendar") else None,
            answer_working_days=table.integer("answer_working_days", 1, 365),
            minor_mode=_minor_mode(table.table("minor_mode")),
            curfew=tuple(_window(row) for row in table.tables("curfew")),
        )
        table.close()
        policy._check()
        return policy

    def _check(self) -> None:
        # An age state can answer only for thresholds of the one fixed list.
        asked = {self.adult_age, self.consent_age, self.age_token_age, *self.minor_mode.content_ages}
        asked.update(under for under, _ in self.minor_mode.daily_minutes)
        if missing := sorted(asked.difference(self.thresholds)):
            raise PolicyError(f"policy.thresholds: lacks {missing}, which other rules ask for")
        if self.holiday_calendar is None and any(window.public_holidays for window in self.curfew):
            raise PolicyError("policy.holiday_calendar: missing, and a curfew window asks for it")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise PolicyError(f"policy.time_zone: no {name!r} in the time zone database") from error


def _minor_mode(table: Table) -> MinorModeDefaults:
    defaults = MinorModeDefaults(
        categories=table.some_of("categories", Category),
        content_ages=table.ascending("content_ages", 1, ADULT_AGE),
        daily_minutes=tuple(_daily_minutes(row) for row in table.tables("daily_minutes")),
        night=_night(table.table("night")) if table.has("night") else None,
        rest_reminder_minutes=(
            table.integer("rest_reminder_minutes", 1, 240) if table.has("rest_reminder_minutes") else None
        ),
    )
    table.close()
    ages = [under for under, _ in defaults.daily_minutes]
    if ages and (ages != sorted(set(ages)) or ages[-1] != ADULT_AGE):
        raise PolicyError(f"{table.where}.daily_minutes: ages must ascend and end at {ADULT_AGE}")
    return defaults


def _daily_minutes(table: Table) -> tuple[int, int]:
    row = table.integer("under", 1, ADULT_AGE), table.integer("minutes", 0, MINUTES_A_DAY)
    table.close()
    return row


def _night(table: Table) -> tuple[int, int]:
    begins, ends = table.minutes("from"), table.minutes("until")
    table.close()
    if begins % MINUTES_A_DAY == ends % MINUTES_A_DAY:
        raise PolicyError(f"{table.where}: begins when it ends")
    return begins, ends


def _window(table: Table) -> Window:
    window = Window(
        category=table.one_of("category", Category),
        weekdays=table.some_of("weekdays", Weekday),
        public_holidays=table.flag("public_holidays"),
        opens=table.minutes("from", QUARTER_HOUR),
        closes=table.minutes("until", QUARTER_HOUR),
    )
    table.close()
    if window.opens >= window.closes:
        raise PolicyError(f"{table.where}: closes before it opens; a span over midnight is two windows")
    if not window.weekdays and not window.public_holidays:
        raise PolicyError(f"{table.where}: opens on no day")
    return window
