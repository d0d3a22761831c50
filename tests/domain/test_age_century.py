"""Every birth date of a hundred years, leaplings included: changes are never early, public, and shared by many.

The oracle counts completed years from the calendar alone: nothing of it is taken from the code under test.
"""

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from functools import cache

import pytest

from idp.domain.age import AgeState, Band
from idp.domain.policy import DayAttained, Policy, Rounding
from idp.domain.public_date import begins, public_date, takes_effect
from tests.domain.policies import CN, CN_QUARTERS, PLAIN, PLAIN_QUARTERS, utc

FIRST, DAYS = date(1926, 1, 1), 36_525
CENTURY = [FIRST + timedelta(days=i) for i in range(DAYS)]
ZONES = [timezone(timedelta(hours=hours)) for hours in range(-12, 15)]
SMALLEST_SET = {Rounding.MONTH: 28, Rounding.QUARTER: 90}
PUBLIC_MONTHS = {Rounding.MONTH: frozenset(range(1, 13)), Rounding.QUARTER: frozenset({1, 4, 7, 10})}

policies = pytest.mark.parametrize(
    "policy",
    [CN, PLAIN, CN_QUARTERS, PLAIN_QUARTERS],
    ids=["cn-month", "plain-month", "cn-quarter", "plain-quarter"],
)


def completed_years(birth: date, today: date, rule: DayAttained) -> int:
    """Years completed on `today`, as a person counts them who looks at the calendar."""
    birthday_ahead = (today.month, today.day) < (birth.month, birth.day)
    birthday_is_today = (today.month, today.day) == (birth.month, birth.day)
    waits = birthday_ahead or (rule is DayAttained.DAY_AFTER and birthday_is_today)
    return today.year - birth.year - waits


@cache
def local_dates(moment: int) -> frozenset[date]:
    """What the calendars of all zones say at one moment."""
    return frozenset(datetime.fromtimestamp(moment, UTC).astimezone(zone).date() for zone in ZONES)


@cache
def public_date_before(on: date, rounding: Rounding) -> date:
    day = on - timedelta(days=1)
    while day.day != 1 or day.month not in PUBLIC_MONTHS[rounding]:
        day -= timedelta(days=1)
    return day


def early(birth: date, age: int, policy: Policy, rule: DayAttained) -> bool:
    """Whether somewhere on earth someone counts as `age` before completing it by `rule`."""
    moment = takes_effect(public_date(birth, age, policy))
    return any(completed_years(birth, today, rule) < age for today in local_dates(moment))


def test_the_century_has_all_its_days_and_leaplings() -> None:
    assert CENTURY[-1] == date(2025, 12, 31)
    assert len(set(CENTURY)) == DAYS
    assert sum((day.month, day.day) == (2, 29) for day in CENTURY) == 25
    assert len(local_dates(utc(2026, 3, 1, 11, 59))) == 3
    assert local_dates(utc(2026, 3, 1, 12)) == {date(2026, 3, 1), date(2026, 3, 2)}


@policies
def test_no_change_is_early_in_any_zone_nor_later_than_the_next_public_date(policy: Policy) -> None:
    rule, rounding = policy.day_attained, policy.rounding
    for birth in CENTURY:
        for age in policy.thresholds:
            on = public_date(birth, age, policy)
            assert on.day == 1 and on.month in PUBLIC_MONTHS[rounding], (birth, age)
            assert not early(birth, age, policy, rule), (birth, age)
            moment_before = takes_effect(public_date_before(on, rounding))
            too_soon = min(local_dates(moment_before))
            assert completed_years(birth, too_soon, rule) < age, (birth, age)


def test_the_oracle_finds_a_rule_that_is_one_day_early() -> None:
    found = {birth.day for birth in CENTURY if early(birth, 18, PLAIN, DayAttained.DAY_AFTER)}
    assert found == {1}


@policies
def test_every_change_date_is_shared_by_enough_birth_dates(policy: Policy) -> None:
    # Neighbours on both sides, so that the sets at the edges of the century are whole.
    margin = timedelta(days=100)
    births = [FIRST - margin + timedelta(days=i) for i in range(DAYS + 200)]
    for age in policy.thresholds:
        sharing = Counter(public_date(birth, age, policy) for birth in births)
        sizes = {sharing[public_date(birth, age, policy)] for birth in CENTURY}
        assert min(sizes) == SMALLEST_SET[policy.rounding]


@policies
def test_all_thresholds_together_tell_no_more_than_one(policy: Policy) -> None:
    told_by_one: dict[date, set[tuple[date, ...]]] = defaultdict(set)
    for birth in CENTURY:
        schedule = tuple(public_date(birth, age, policy) for age in policy.thresholds)
        told_by_one[schedule[0]].add(schedule)
    assert all(len(schedules) == 1 for schedules in told_by_one.values())


@pytest.mark.parametrize("policy", [CN, PLAIN], ids=["cn", "plain"])
def test_advancing_gives_the_dates_that_the_birth_date_gives(policy: Policy) -> None:
    for number, birth in enumerate(CENTURY):
        state = AgeState.from_birthdate(birth, begins(birth), policy)
        late_evidence = number % 7 == 0 or (birth.month, birth.day) == (2, 29)
        for met, age in zip((0, *policy.thresholds), policy.thresholds, strict=False):
            on = public_date(birth, age, policy)
            assert (state.met, state.next, state.on) == (met, age, on), birth
            moment = takes_effect(on)
            assert state.at(moment - 1) is state
            state = state.at(moment)
            if late_evidence:
                assert state == AgeState.from_birthdate(birth, moment, policy), birth
        assert (state.met, state.next, state.on) == (18, None, None)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_a_daily_watcher_for_three_years_sees_changes_on_shared_public_dates_only(rounding: Rounding) -> None:
    policy = replace(CN, rounding=rounding)
    births = [date(2008, 10, 1) + timedelta(days=i) for i in range(365)]
    first_day, start = date(2024, 12, 31), utc(2024, 12, 31, 18)
    changed: Counter[date] = Counter()
    for birth in births:
        # What is kept, read from its bytes: the app gets answers from nothing else.
        state = AgeState.parse(AgeState.from_birthdate(birth, start, policy).serialize())
        before = (state.band(start), state.over(16, start))
        for day in range(1, 3 * 365 + 1):
            moment = start + day * 86_400
            answer = (state.band(moment), state.over(16, moment))
            if answer != before:
                changed[first_day + timedelta(days=day)] += 1
            before = answer
        assert before == (Band.ADULT, True)
    assert sum(changed.values()) > len(births)
    for on, births_that_changed in changed.items():
        assert on.day == 1 and on.month in PUBLIC_MONTHS[rounding]
        assert births_that_changed >= SMALLEST_SET[rounding], on
