"""Public dates: firsts of months or quarters on which ages change, common to all born in the same weeks.

A change that came on the birthday would tell it. So the day an age is attained is rounded up to a public
date, and counts from 12:00 UTC of that date, when the day has begun even in UTC-12: never early, in any zone.
"""

from datetime import date, timedelta

from idp.domain.policy import DayAttained, Policy, Rounding

_EPOCH_DAY = date(1970, 1, 1).toordinal()
_DAY = 86_400
_NOON = _DAY // 2
_EASTERNMOST = 14 * 3600


def day_attained(birth: date, age: int, rule: DayAttained) -> date:
    """Day on which someone born on `birth` has completed `age` years.

    Born on 29 February: by the birthday rule 29 February, in common years 1 March; by the day-after rule
    1 March in every year. ValueError past the year 9999.
    """
    year = birth.year + age
    if (birth.month, birth.day) == (2, 29):
        if rule is DayAttained.DAY_AFTER:
            return date(year, 3, 1)
        # The day after 28 February is 29 February in leap years and 1 March in the others.
        return date(year, 2, 28) + timedelta(days=1)
    return birth.replace(year=year) + timedelta(days=rule is DayAttained.DAY_AFTER)


def round_up(day: date, rounding: Rounding) -> date:
    """Public date on or next after `day`."""
    if day.day == 1 and (day.month - 1) % rounding.months == 0:
        return day
    months = ((day.month - 1) // rounding.months + 1) * rounding.months
    return date(day.year + months // 12, months % 12 + 1, 1)


def public_date(birth: date, age: int, policy: Policy) -> date:
    """Public date on which someone born on `birth` begins to count as `age` years old."""
    return round_up(day_attained(birth, age, policy.day_attained), policy.rounding)


def years_on(on: date, years: int) -> date:
    """Public date `years` after `on`, or before it if negative.

    As good as computing from the birth date again: a first of a month never meets 29 February, and whoever is
    born on that day rounds to the same public date in every year, by either rule.
    """
    return on.replace(year=on.year + years)


def takes_effect(on: date) -> int:
    """Moment, in epoch seconds, from which a public date counts: 12:00 UTC."""
    return (on.toordinal() - _EPOCH_DAY) * _DAY + _NOON


def next_public_date(now: int, rounding: Rounding) -> date:
    """First public date that has not taken effect at `now` (epoch seconds)."""
    on = round_up(date.fromordinal(now // _DAY + _EPOCH_DAY), rounding)
    return on if now < takes_effect(on) else round_up(on + timedelta(days=1), rounding)


def begins(day: date) -> int:
    """Moment, in epoch seconds, at which `day` begins first on earth, in UTC+14."""
    return (day.toordinal() - _EPOCH_DAY) * _DAY - _EASTERNMOST
