"""The curfew: minors and games, Friday to Sunday and public holidays, and nothing for anybody else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.age import Band
from idp.domain.client import Category
from idp.domain.curfew import Curfew
from idp.domain.policy import Policy, Weekday, Window
from tests.domain.policies import CN, PLAIN

SHANGHAI = ZoneInfo("Asia/Shanghai")
HOUR, DAY = 3600, 86_400
MINOR, ADULT, GAME = Band.MINOR, Band.ADULT, Category.GAME


def shanghai(day: int, hour: int, minute: int = 0, second: int = 0, month: int = 6) -> int:
    """Epoch seconds of a wall clock in Shanghai in 2026; 5 June is a Friday."""
    return int(datetime(2026, month, day, hour, minute, second, tzinfo=SHANGHAI).timestamp())


def no_holiday(_day: date) -> bool:
    return False


CURFEW = Curfew(CN, no_holiday)


def window(opens: int, closes: int, days: str = "mon tue wed thu fri sat sun", *, on_holidays: bool = False) -> Window:
    """A window for games, in minutes after midnight."""
    return Window(GAME, frozenset(Weekday(day) for day in days.split()), on_holidays, opens, closes)


def with_windows(*windows: Window, zone: str = "Asia/Shanghai") -> Policy:
    return replace(CN, curfew=windows, time_zone=ZoneInfo(zone))


# --- the notice ---


@pytest.mark.parametrize("day", [5, 6, 7], ids=["fri", "sat", "sun"])
def test_minors_play_from_eight_to_nine_on_fridays_saturdays_and_sundays(day: int) -> None:
    opens, closes = shanghai(day, 20), shanghai(day, 21)
    assert not CURFEW.allowed_at(MINOR, GAME, opens - 1)
    assert CURFEW.allowed_at(MINOR, GAME, opens)
    assert CURFEW.allowed_at(MINOR, GAME, closes - 1)
    assert not CURFEW.allowed_at(MINOR, GAME, closes)


@pytest.mark.parametrize("day", [1, 2, 3, 4], ids=["mon", "tue", "wed", "thu"])
def test_minors_do_not_play_at_any_hour_of_other_days(day: int) -> None:
    midnight = shanghai(day, 0)
    assert not any(CURFEW.allowed_at(MINOR, GAME, midnight + s) for s in range(0, DAY, 900))


def test_a_public_holiday_opens_the_same_hour() -> None:
    on_the_19th = Curfew(CN, lambda day: day == date(2026, 8, 19))  # a Wednesday
    assert on_the_19th.allowed_at(MINOR, GAME, shanghai(19, 20, month=8))
    assert not on_the_19th.allowed_at(MINOR, GAME, shanghai(19, 21, month=8))
    assert not on_the_19th.allowed_at(MINOR, GAME, shanghai(18, 20, month=8))
    assert not on_the_19th.allowed_at(MINOR, GAME, shanghai(20, 20, month=8))


def test_the_library_of_public_holidays_fits_the_port() -> None:
    chinese = holidays.country_holidays("CN")
    curfew = Curfew(CN, chinese.__contains__)
    new_year = shanghai(1, 20, month=1)  # a Thursday
    assert curfew.allowed_at(MINOR, GAME, new_year)
    assert not curfew.allowed_at(MINOR, GAME, new_year + 7 * DAY)


def test_the_day_is_that_of_the_policy_and_not_of_utc() -> None:
    # Friday 00:30 in Shanghai is still Thursday in UTC, and the other way round Monday 00:30 is Sunday.
    early = Curfew(with_windows(window(0, 60, "fri sun")), no_holiday)
    assert early.allowed_at(MINOR, GAME, shanghai(5, 0, 30))
    assert not early.allowed_at(MINOR, GAME, shanghai(8, 0, 30))


@pytest.mark.parametrize("category", [category for category in Category if category is not GAME])
def test_other_categories_have_no_curfew(category: Category) -> None:
    now = shanghai(1, 3)
    assert CURFEW.allowed_at(MINOR, category, now)
    assert CURFEW.session_until(MINOR, category, now) is None
    assert CURFEW.opens_next(MINOR, category, now) is None


@pytest.mark.parametrize("category", list(Category))
def test_adults_have_no_curfew(category: Category) -> None:
    now = shanghai(1, 3)
    assert CURFEW.allowed_at(ADULT, category, now)
    assert CURFEW.session_until(ADULT, category, now) is None
    assert CURFEW.opens_next(ADULT, category, now) is None


@pytest.mark.parametrize("category", list(Category))
def test_a_policy_without_windows_has_no_curfew(category: Category) -> None:
    curfew = Curfew(PLAIN, no_holiday)
    assert curfew.allowed_at(MINOR, category, shanghai(1, 3))
    assert curfew.session_until(MINOR, category, shanghai(1, 3)) is None


# --- when a session ends ---


def test_a_session_ends_with_the_window() -> None:
    assert CURFEW.session_until(MINOR, GAME, shanghai(5, 20)) == shanghai(5, 21)
    assert CURFEW.session_until(MINOR, GAME, shanghai(5, 20, 59, 59)) == shanghai(5, 21)


@pytest.mark.parametrize("now", [shanghai(5, 21), shanghai(5, 19, 59, 59), shanghai(1, 20, 7)])
def test_outside_the_window_a_session_is_over(now: int) -> None:
    until = CURFEW.session_until(MINOR, GAME, now)
    assert until is not None and now - 15 * 60 < until <= now


def test_a_limit_of_the_childs_own_is_rounded_down_to_a_quarter_hour() -> None:
    now = shanghai(5, 20)
    assert CURFEW.session_until(MINOR, GAME, now, now + 44 * 60) == shanghai(5, 20, 30)
    assert CURFEW.session_until(MINOR, GAME, now, now + 45 * 60) == shanghai(5, 20, 45)
    assert CURFEW.session_until(MINOR, GAME, now, now + 3 * HOUR) == shanghai(5, 21)


def test_a_limit_counts_where_no_curfew_does() -> None:
    now = shanghai(1, 12)
    assert CURFEW.session_until(MINOR, Category.SOCIAL, now, now + 50 * 60) == shanghai(1, 12, 45)


def test_a_window_goes_on_over_midnight_in_one_that_opens_there() -> None:
    night = Curfew(with_windows(window(22 * 60, 1440, "fri"), window(0, 120, "sat")), no_holiday)
    assert night.session_until(MINOR, GAME, shanghai(5, 22)) == shanghai(6, 2)
    assert night.allowed_at(MINOR, GAME, shanghai(6, 0))
    assert not night.allowed_at(MINOR, GAME, shanghai(7, 0))


def test_windows_that_overlap_are_one() -> None:
    both = Curfew(with_windows(window(600, 720), window(660, 690), window(705, 780)), no_holiday)
    assert both.session_until(MINOR, GAME, shanghai(1, 11, 10)) == shanghai(1, 13)


# --- when it opens ---


def test_a_refusal_says_when_the_next_window_opens() -> None:
    friday = shanghai(5, 20)
    assert CURFEW.opens_next(MINOR, GAME, shanghai(1, 9)) == friday
    assert CURFEW.opens_next(MINOR, GAME, friday - 1) == friday
    assert CURFEW.opens_next(MINOR, GAME, friday) is None
    assert CURFEW.opens_next(MINOR, GAME, shanghai(5, 21)) == shanghai(6, 20)
    assert CURFEW.opens_next(MINOR, GAME, shanghai(7, 21)) == shanghai(12, 20)


def test_a_holiday_may_be_the_next_opening() -> None:
    curfew = Curfew(CN, lambda day: day == date(2026, 6, 10))
    assert curfew.opens_next(MINOR, GAME, shanghai(8, 9)) == shanghai(10, 20)


def test_holidays_alone_open_once_a_year_or_never() -> None:
    policy = with_windows(replace(window(1200, 1260, on_holidays=True), weekdays=frozenset()))
    yearly = Curfew(policy, lambda day: (day.month, day.day) == (6, 1))
    assert yearly.opens_next(MINOR, GAME, shanghai(1, 21)) == shanghai(1, 20) + 365 * DAY
    assert Curfew(policy, no_holiday).opens_next(MINOR, GAME, shanghai(1, 21)) is None


# --- clocks that are put forward and back ---


def berlin(month: int, day: int, hour: int, minute: int = 0) -> int:
    return int(datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo("Europe/Berlin")).timestamp())


def test_a_window_follows_the_wall_clock_through_summer_time() -> None:
    curfew = Curfew(with_windows(window(1200, 1260), zone="Europe/Berlin"), no_holiday)
    for month, day in [(3, 28), (3, 29), (10, 24), (10, 25)]:
        assert curfew.allowed_at(MINOR, GAME, berlin(month, day, 20))
        assert not curfew.allowed_at(MINOR, GAME, berlin(month, day, 21))
    assert curfew.opens_next(MINOR, GAME, berlin(3, 28, 21)) == berlin(3, 28, 20) + 23 * HOUR


def test_a_window_in_the_hour_that_is_skipped_does_not_exist_that_night() -> None:
    curfew = Curfew(with_windows(window(150, 180), zone="Europe/Berlin"), no_holiday)
    assert curfew.opens_next(MINOR, GAME, berlin(3, 28, 12)) == berlin(3, 30, 2, 30)
    night = range(berlin(3, 29, 0), berlin(3, 29, 12), 300)
    assert not any(curfew.allowed_at(MINOR, GAME, now) for now in night)


# --- all three answers agree, and agree with the wall clock ---


def says_the_wall_clock(policy: Policy, now: int, is_holiday: Callable[[date], bool]) -> bool:
    local = datetime.fromtimestamp(now, UTC).astimezone(policy.time_zone)
    minute = local.hour * 60 + local.minute
    return any(
        w.opens <= minute < w.closes
        and (list(Weekday)[local.weekday()] in w.weekdays or (w.public_holidays and is_holiday(local.date())))
        for w in policy.curfew
    )


@st.composite
def some_windows(draw: st.DrawFn) -> Window:
    opens = draw(st.integers(0, 95))
    closes = draw(st.integers(opens + 1, 96))
    days = draw(st.frozensets(st.sampled_from(Weekday), min_size=1))
    return Window(GAME, days, draw(st.booleans()), opens * 15, closes * 15)


@given(
    st.lists(some_windows(), min_size=1, max_size=4),
    st.sets(st.integers(1, 28)),
    st.integers(shanghai(1, 0), shanghai(28, 0)),
    st.sampled_from(["Asia/Shanghai", "UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Kiritimati"]),
)
def test_the_answers_agree_with_the_wall_clock(
    windows: list[Window], holidays_in_june: set[int], now: int, zone: str
) -> None:
    def is_holiday(day: date) -> bool:
        return day.month == 6 and day.day in holidays_in_june

    policy = with_windows(*windows, zone=zone)
    curfew = Curfew(policy, is_holiday)
    allowed = curfew.allowed_at(MINOR, GAME, now)
    assert allowed is says_the_wall_clock(policy, now, is_holiday)
    until, opens = curfew.session_until(MINOR, GAME, now), curfew.opens_next(MINOR, GAME, now)
    assert until is not None
    if allowed:
        assert opens is None and until > now
        assert all(says_the_wall_clock(policy, t, is_holiday) for t in range(now, min(until, now + DAY), 900))
        assert until >= now + DAY or not says_the_wall_clock(policy, until, is_holiday)
    else:
        assert until <= now and opens is not None and opens > now
        assert says_the_wall_clock(policy, opens, is_holiday)
        assert not any(says_the_wall_clock(policy, t, is_holiday) for t in range(now, opens, 900))
