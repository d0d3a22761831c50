"""The age state: what is kept, how it answers, how it changes and is corrected."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from idp.domain.age import AgeError, AgeState, Assurance, Band, corrected
from idp.domain.policy import DayAttained, Policy, Rounding
from idp.domain.public_date import begins, day_attained, next_public_date, public_date, round_up, takes_effect
from tests.clock import START
from tests.domain.policies import CN, CN_QUARTERS, PLAIN, PLAIN_QUARTERS, utc

ALL_POLICIES = [CN, PLAIN, CN_QUARTERS, PLAIN_QUARTERS]

moments = st.integers(utc(1990, 1, 1), utc(2090, 1, 1))
births = st.dates(date(1880, 1, 1), date(2080, 1, 1))
policies = st.sampled_from(ALL_POLICIES)


def state_of(birth: date, policy: Policy = CN, now: int = START) -> AgeState:
    return AgeState.from_birthdate(birth, now, policy)


def refusal(birth: date, now: int = START) -> str:
    with pytest.raises(AgeError) as caught:
        AgeState.from_birthdate(birth, now, CN)
    return caught.value.reason


# --- public dates ---


@pytest.mark.parametrize(
    ("birth", "age", "rule", "day"),
    [
        (date(2010, 5, 17), 16, DayAttained.BIRTHDAY, date(2026, 5, 17)),
        (date(2010, 5, 17), 16, DayAttained.DAY_AFTER, date(2026, 5, 18)),
        (date(2010, 5, 31), 16, DayAttained.DAY_AFTER, date(2026, 6, 1)),
        (date(2009, 12, 31), 16, DayAttained.DAY_AFTER, date(2026, 1, 1)),
        (date(2008, 2, 29), 16, DayAttained.BIRTHDAY, date(2024, 2, 29)),
        (date(2008, 2, 29), 18, DayAttained.BIRTHDAY, date(2026, 3, 1)),
        (date(2008, 2, 29), 16, DayAttained.DAY_AFTER, date(2024, 3, 1)),
        (date(2008, 2, 29), 18, DayAttained.DAY_AFTER, date(2026, 3, 1)),
        (date(2006, 2, 28), 18, DayAttained.DAY_AFTER, date(2024, 2, 29)),
        (date(2006, 2, 28), 20, DayAttained.DAY_AFTER, date(2026, 3, 1)),
    ],
)
def test_an_age_is_attained_on_the_birthday_or_the_day_after(
    birth: date, age: int, rule: DayAttained, day: date
) -> None:
    assert day_attained(birth, age, rule) == day


def test_a_day_is_rounded_up_to_the_first_of_a_month_or_quarter() -> None:
    assert round_up(date(2026, 5, 1), Rounding.MONTH) == date(2026, 5, 1)
    assert round_up(date(2026, 5, 2), Rounding.MONTH) == date(2026, 6, 1)
    assert round_up(date(2026, 12, 2), Rounding.MONTH) == date(2027, 1, 1)
    assert round_up(date(2026, 4, 1), Rounding.QUARTER) == date(2026, 4, 1)
    assert round_up(date(2026, 2, 1), Rounding.QUARTER) == date(2026, 4, 1)
    assert round_up(date(2026, 10, 2), Rounding.QUARTER) == date(2027, 1, 1)


def test_a_public_date_counts_from_noon_in_utc() -> None:
    assert takes_effect(date(2026, 6, 1)) == utc(2026, 6, 1, 12)
    assert next_public_date(utc(2026, 6, 1, 11, 59, 59), Rounding.MONTH) == date(2026, 6, 1)
    assert next_public_date(utc(2026, 6, 1, 12), Rounding.MONTH) == date(2026, 7, 1)
    assert next_public_date(utc(2026, 6, 1, 12), Rounding.QUARTER) == date(2026, 7, 1)
    assert next_public_date(utc(2026, 12, 31, 23, 59), Rounding.QUARTER) == date(2027, 1, 1)


# --- from evidence ---


def test_of_a_minor_only_the_threshold_met_the_next_and_its_public_date_are_kept() -> None:
    state = state_of(date(2010, 5, 17))
    assert (state.met, state.next, state.on) == (14, 16, date(2026, 6, 1))
    assert state.changes_on == date(2026, 6, 1)
    assert state.band_changes_on(START) == date(2028, 6, 1)


@given(births, policies, moments)
def test_what_is_kept_is_the_same_for_all_who_come_of_age_on_one_date(birth: date, policy: Policy, now: int) -> None:
    around = [birth + timedelta(days=days) for days in range(-92, 93)]
    same = [day for day in around if public_date(day, 18, policy) == public_date(birth, 18, policy)]
    assert len(same) >= (28 if policy.rounding is Rounding.MONTH else 90)
    assume(begins(same[-1]) <= now < takes_effect(public_date(same[0], 150, policy)))
    assert len({AgeState.from_birthdate(day, now, policy).serialize() for day in same}) == 1


def test_of_an_adult_no_date_is_kept() -> None:
    ages = [date(1930, 1, 1), date(1985, 7, 23), date(2007, 11, 29)]
    assert {state_of(birth).serialize() for birth in ages} == {state_of(date(2000, 2, 29)).serialize()}
    state = state_of(ages[0])
    assert (state.met, state.next, state.on, state.changes_on) == (18, None, None, None)
    assert state.band_changes_on(START) is None


def test_a_newborn_has_met_nothing_and_waits_for_the_first_threshold() -> None:
    state = state_of(date(2026, 1, 1))
    assert (state.met, state.next, state.on) == (0, 3, date(2029, 2, 1))
    assert state.band(START) is Band.MINOR


def test_a_birth_date_is_refused_until_it_has_begun_somewhere_on_earth() -> None:
    birth = date(2026, 1, 2)
    assert begins(birth) == utc(2026, 1, 1, 10)
    assert refusal(birth, utc(2026, 1, 1, 9, 59, 59)) == "birth_in_future"
    assert state_of(birth, now=utc(2026, 1, 1, 10)).met == 0
    assert refusal(date(9999, 12, 31)) == "birth_in_future"


def test_a_birth_date_150_years_back_is_refused() -> None:
    assert refusal(date(1875, 11, 30)) == "birth_too_long_ago"
    assert refusal(date(1, 1, 1)) == "birth_too_long_ago"
    assert state_of(date(1875, 12, 1)).met == 18


# --- answers over time ---


def test_the_band_changes_at_noon_utc_of_the_public_date_and_not_a_second_before() -> None:
    state = state_of(date(2008, 5, 17))
    moment = utc(2026, 6, 1, 12)
    assert state.band(moment - 1) is Band.MINOR
    assert state.band(moment) is Band.ADULT
    assert state.band_changes_on(moment - 1) == date(2026, 6, 1)
    assert state.band_changes_on(moment) is None


def test_several_thresholds_passed_at_once_are_all_met() -> None:
    state = state_of(date(2010, 5, 17)).at(utc(2040, 1, 1))
    assert (state.met, state.next, state.on) == (18, None, None)


@given(births, policies, moments, moments)
def test_the_state_only_grows_and_steps_do_not_matter(birth: date, policy: Policy, first: int, second: int) -> None:
    first, second = sorted((first, second))
    assume(begins(birth) <= first and second < takes_effect(public_date(birth, 150, policy)))
    state = AgeState.from_birthdate(birth, first, policy)
    assert state.at(second).met >= state.met
    assert state.at(second) == AgeState.from_birthdate(birth, second, policy)
    assert state.at(second).at(first) == state.at(second)


@given(births, policies, moments, moments, st.integers(1, 149))
def test_an_answer_is_right_or_unknown_for_any_threshold_in_the_list_or_not(
    birth: date, policy: Policy, first: int, second: int, threshold: int
) -> None:
    first, second = sorted((first, second))
    assume(begins(birth) <= first and second < takes_effect(public_date(birth, 150, policy)))
    state = AgeState.from_birthdate(birth, first, policy)
    answer = state.over(threshold, second)
    if answer is None:
        assert threshold > policy.thresholds[-1] and state.at(second).next is None
    else:
        assert answer is (takes_effect(public_date(birth, threshold, policy)) <= second)


def test_a_threshold_above_the_top_is_unknown_never_false() -> None:
    state = state_of(date(1990, 1, 1))
    assert state.over(18, START) is True
    assert state.over(16, START) is True
    assert state.over(21, START) is None


def test_a_threshold_added_later_is_known_for_those_whose_change_was_still_to_come() -> None:
    longer = (*CN.thresholds, 21)
    minor = state_of(date(2008, 5, 17)).under(longer, START)
    grown = minor.at(utc(2026, 6, 1, 12))
    assert (grown.met, grown.next, grown.on) == (18, 21, date(2029, 6, 1))
    adult = state_of(date(1990, 1, 1)).under(longer, START)
    assert adult.over(21, START) is None
    assert adult.at(utc(2040, 1, 1)).over(21, utc(2040, 1, 1)) is None


def test_a_threshold_added_below_the_next_is_met_by_its_own_public_date() -> None:
    state = state_of(date(2009, 5, 17), PLAIN)
    assert (state.met, state.next) == (16, 18)
    added = state.under((14, 16, 17, 18), utc(2026, 7, 1))
    assert (added.met, added.next, added.on) == (17, 18, date(2027, 6, 1))


def test_what_is_met_stays_met_when_its_threshold_leaves_the_list() -> None:
    state = state_of(date(2009, 5, 17)).under((12, 18), START)
    assert (state.met, state.next, state.on) == (16, 18, date(2027, 6, 1))
    assert state.over(16, START) is True
    assert AgeState.parse(state.serialize()) == state


@given(births, policies, moments, st.sets(st.integers(1, 149), max_size=6))
def test_another_list_gives_the_state_that_the_birth_date_would_give(
    birth: date, policy: Policy, now: int, ages: set[int]
) -> None:
    assume(begins(birth) <= now < takes_effect(public_date(birth, 150, policy)))
    other = replace(policy, thresholds=tuple(sorted(ages | {18})))
    moved = AgeState.from_birthdate(birth, now, policy).under(other.thresholds, now)
    direct = AgeState.from_birthdate(birth, now, other)
    if direct.next is not None and moved.next is not None:
        assert (moved.next, moved.on) == (direct.next, direct.on)
    assert moved.met <= max(direct.met, *policy.thresholds)
    for age in other.thresholds:
        assert moved.over(age, now) in (direct.over(age, now), None)


# --- corrections ---


def test_a_correction_waits_for_the_next_public_date_and_may_make_younger() -> None:
    now = utc(2026, 3, 10)
    claimed, proven = state_of(date(2000, 1, 1), now=now), state_of(date(2012, 8, 9), now=now)
    state = corrected(claimed, proven, Assurance.STRICT, now, CN)
    moment = utc(2026, 4, 1, 12)
    assert state.band(moment - 1) is Band.ADULT
    assert state.band(moment) is Band.MINOR
    assert state.at(moment) == proven
    assert state.changes_on == date(2026, 4, 1)
    assert state.band_changes_on(now) == date(2026, 4, 1)
    assert state.band_changes_on(moment) == date(2030, 9, 1)


def test_a_correction_waits_for_the_quarter_where_quarters_are_public() -> None:
    now = utc(2026, 4, 10)
    claimed, proven = (state_of(birth, CN_QUARTERS, now) for birth in (date(2000, 1, 1), date(2012, 8, 9)))
    state = corrected(claimed, proven, Assurance.STRICT, now, CN_QUARTERS)
    assert state.band(utc(2026, 7, 1, 11, 59, 59)) is Band.ADULT
    assert state.band(utc(2026, 7, 1, 12)) is Band.MINOR


def test_the_assurance_of_a_correction_begins_with_its_state() -> None:
    now = utc(2026, 3, 10)
    claimed, proven = state_of(date(2012, 1, 1), now=now), state_of(date(2000, 8, 9), now=now)
    state = corrected(claimed, proven, Assurance.ENHANCED, now, CN)
    moment = utc(2026, 4, 1, 12)
    assert state.assurance_at(moment - 1, Assurance.ASSERTED) is Assurance.ASSERTED
    assert state.assurance_at(moment, Assurance.ASSERTED) is Assurance.ENHANCED
    assert state.at(moment).assurance_at(moment, Assurance.ENHANCED) is Assurance.ENHANCED


def test_the_band_that_a_correction_does_not_touch_changes_when_the_corrected_state_says() -> None:
    now = utc(2026, 3, 10)
    claimed, proven = state_of(date(2009, 1, 20), now=now), state_of(date(2010, 8, 9), now=now)
    state = corrected(claimed, proven, Assurance.STRICT, now, CN)
    assert claimed.band_changes_on(now) == date(2027, 2, 1)
    assert state.band_changes_on(now) == date(2028, 9, 1)


def test_a_change_of_ones_own_before_the_correction_still_happens() -> None:
    now = utc(2026, 1, 10)
    claimed, proven = (state_of(birth, CN_QUARTERS, now) for birth in (date(2008, 1, 20), date(2010, 8, 9)))
    state = corrected(claimed, proven, Assurance.STRICT, now, CN_QUARTERS)
    # Both on 1 April: the correction wins, and nobody ever sees `adult`.
    assert claimed.band_changes_on(now) == date(2026, 4, 1)
    assert state.band(utc(2026, 4, 1, 12)) is Band.MINOR
    assert state.band_changes_on(now) == date(2028, 10, 1)
    # Two months of monthly dates within one quarter: the own change comes first.
    slow = corrected(state_of(date(2008, 1, 20), CN, now), proven, Assurance.STRICT, now, CN_QUARTERS)
    assert slow.band_changes_on(now) == date(2026, 2, 1)
    assert [slow.band(utc(2026, m, 1, 12)) for m in (2, 3, 4)] == [Band.ADULT, Band.ADULT, Band.MINOR]


def test_a_newer_correction_replaces_one_that_still_waits() -> None:
    now = utc(2026, 3, 10)
    first = corrected(state_of(date(2000, 1, 1)), state_of(date(2012, 1, 1)), Assurance.STANDARD, now, CN)
    second = corrected(first, state_of(date(2000, 1, 1)), Assurance.STRICT, now, CN)
    assert second.band(utc(2026, 4, 1, 12)) is Band.ADULT


def test_a_correction_has_no_correction_of_its_own() -> None:
    waiting = corrected(state_of(date(2000, 1, 1)), state_of(date(2012, 1, 1)), Assurance.STANDARD, START, CN)
    with pytest.raises(AgeError) as caught:
        corrected(state_of(date(1999, 1, 1)), waiting, Assurance.STRICT, START, CN)
    assert caught.value.reason == "bad_age_state"


def test_a_list_of_thresholds_reaches_the_correction_too() -> None:
    now = utc(2026, 3, 10)
    state = corrected(state_of(date(1990, 1, 1)), state_of(date(2008, 8, 9)), Assurance.STRICT, now, CN)
    longer = (*CN.thresholds, 21)
    moved = state.under(longer, now)
    later = utc(2027, 1, 1)
    assert moved.over(21, now) is None
    assert moved.at(later).thresholds == longer
    assert moved.at(later).next == 21
    assert state.under(longer, utc(2026, 5, 1)).correction is None


# --- at rest ---


# Half of all births lie after half of all moments: many drawn pairs are of no use.
@settings(suppress_health_check=[HealthCheck.filter_too_much])
@given(births, births, policies, moments, st.sampled_from(Assurance), st.booleans())
def test_serialized_states_come_back_the_same(
    birth: date, other: date, policy: Policy, now: int, assurance: Assurance, correct: bool
) -> None:
    assume(max(begins(birth), begins(other)) <= now < utc(2030, 1, 1))
    state = AgeState.from_birthdate(birth, now, policy)
    if correct:
        state = corrected(state, AgeState.from_birthdate(other, now, policy), assurance, now, policy)
    data = state.serialize()
    assert AgeState.parse(data) == state
    assert len(data) <= 40


def test_the_bytes_of_a_state_are_these() -> None:
    state = state_of(date(2010, 5, 17))
    plain = bytes([1, 14, 16]) + (2026).to_bytes(2, "big") + bytes([6, 6, 3, 8, 12, 14, 16, 18])
    assert state.serialize() == plain + b"\0"
    now = utc(2026, 3, 10)
    by_adult = corrected(state, state_of(date(1990, 1, 1)), Assurance.STRICT, now, CN)
    adult = bytes([18, 0, 0, 0, 0, 6, 3, 8, 12, 14, 16, 18])
    assert by_adult.serialize() == plain + bytes([1, 7, 0xEA, 4, 4]) + adult


def assert_refused_or_means_itself(data: bytes) -> None:
    try:
        state = AgeState.parse(data)
    except AgeError as error:
        assert error.reason == "bad_age_state"
    else:
        assert state.serialize() == data


@settings(max_examples=400)
@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\x01" + tail))
def test_foreign_bytes_are_refused_or_mean_exactly_themselves(data: bytes) -> None:
    assert_refused_or_means_itself(data)


@given(st.data(), births, st.booleans())
def test_changed_bytes_are_refused_or_mean_exactly_themselves(data: st.DataObject, birth: date, correct: bool) -> None:
    now = takes_effect(birth) + 10 * 365 * 86_400
    state = AgeState.from_birthdate(birth, now, CN)
    kept = bytearray((corrected(state, state, Assurance.STRICT, now, CN) if correct else state).serialize())
    kept[data.draw(st.integers(0, len(kept) - 1))] = data.draw(st.integers(0, 255))
    assert_refused_or_means_itself(bytes(kept))


@pytest.mark.parametrize("cut", range(31))
def test_a_state_that_is_cut_off_or_followed_by_more_is_refused(cut: int) -> None:
    state = corrected(state_of(date(2010, 5, 17)), state_of(date(1990, 1, 1)), Assurance.STRICT, START, CN)
    data = state.serialize()
    assert len(data) == 30
    shorter = data[:cut] if cut < len(data) else data + b"\0"
    with pytest.raises(AgeError):
        AgeState.parse(shorter)


@pytest.mark.parametrize(
    ("met", "upcoming", "on", "thresholds"),
    [
        (14, 18, date(2026, 6, 1), CN.thresholds),
        (14, 16, date(2026, 6, 2), CN.thresholds),
        (14, 16, None, CN.thresholds),
        (14, None, None, CN.thresholds),
        (18, None, date(2026, 6, 1), CN.thresholds),
        (-1, 3, date(2026, 6, 1), CN.thresholds),
        (150, None, None, CN.thresholds),
        (14, 16, date(2026, 6, 1), (14, 16)),
        (14, 16, date(2026, 6, 1), (14, 18, 16)),
        (14, 16, date(2026, 6, 1), (14, 16, 16, 18)),
        (14, 16, date(2026, 6, 1), (0, 14, 16, 18)),
        (14, 16, date(2026, 6, 1), (14, 16, 18, 150)),
        (14, 16, date(150, 6, 1), CN.thresholds),
        (14, 16, date(9999, 6, 1), CN.thresholds),
        (14, 16, date(2026, 6, 1), ()),
    ],
)
def test_a_state_that_contradicts_itself_cannot_be_made(
    met: int, upcoming: int | None, on: date | None, thresholds: tuple[int, ...]
) -> None:
    with pytest.raises(AgeError) as caught:
        AgeState(met, upcoming, on, thresholds)
    assert caught.value.reason == "bad_age_state"


# --- assurance ---


def test_assurance_is_ordered_by_strength_and_not_by_the_alphabet() -> None:
    order = [Assurance.ASSERTED, Assurance.STANDARD, Assurance.ENHANCED, Assurance.STRICT]
    assert sorted(reversed(order)) == order
    for i, one in enumerate(order):
        for j, other in enumerate(order):
            assert one.meets(other) is (i >= j)
            assert (one < other, one <= other, one > other, one >= other) == (i < j, i <= j, i > j, i >= j)


def test_assurance_does_not_compare_with_other_words() -> None:
    with pytest.raises(ValueError, match="gold"):
        assert Assurance.STRICT >= "gold"
