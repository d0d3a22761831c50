"""Policies as data: what ships, and that nothing odd, missing or misspelt is taken for a rule."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest

from idp.domain.client import Category
from idp.domain.policy import DayAttained, Policy, Rounding, Weekday
from idp.domain.policy_table import PolicyError
from tests.domain.policies import CN, FOLDER, PLAIN, document

Change = Callable[[dict[str, Any]], object]


def refused(change: Change, name: str = "cn") -> str:
    """What `Policy.parse` says about a changed document."""
    changed = deepcopy(document(name))
    change(changed)
    with pytest.raises(PolicyError) as caught:
        Policy.parse(changed)
    assert caught.value.reason == "bad_policy"
    return str(caught.value)


def put(path: str, value: object) -> Change:
    """A change that sets one key, addressed like `curfew.0.from`."""

    def change(table: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            table = table[int(step)] if isinstance(table, list) else table[step]
        table[int(last) if isinstance(table, list) else last] = value

    return change


def drop(path: str) -> Change:
    """A change that removes one key."""

    def change(table: Any) -> None:
        *way, last = path.split(".")
        for step in way:
            table = table[int(step)] if isinstance(table, list) else table[step]
        del table[int(last) if isinstance(table, list) else last]

    return change


def test_every_shipped_policy_is_read_and_named_like_its_file() -> None:
    files = sorted(FOLDER.glob("*.toml"))
    assert [file.stem for file in files] == ["cn", "plain"]
    for file in files:
        assert Policy.parse(document(file.stem)).name == file.stem


def test_the_figures_of_cn_are_those_of_the_source_documents() -> None:
    assert CN.thresholds == (3, 8, 12, 14, 16, 18)
    assert (CN.adult_age, CN.consent_age, CN.age_token_age) == (18, 14, 14)
    assert (CN.day_attained, CN.rounding) == (DayAttained.DAY_AFTER, Rounding.MONTH)
    assert (CN.time_zone.key, CN.holiday_calendar, CN.answer_working_days) == ("Asia/Shanghai", "CN", 15)
    assert CN.minor_mode.content_ages == (3, 8, 12, 16, 18)
    assert CN.minor_mode.night == (22 * 60, 6 * 60)
    assert CN.minor_mode.rest_reminder_minutes == 30
    assert CN.minor_mode.categories == {Category.GAME, Category.LIVE, Category.SOCIAL}
    (window,) = CN.windows_of(Category.GAME)
    assert window.weekdays == {Weekday.FRI, Weekday.SAT, Weekday.SUN}
    assert (window.public_holidays, window.opens, window.closes) == (True, 20 * 60, 21 * 60)
    assert all(not CN.windows_of(category) for category in Category if category is not Category.GAME)


def test_plain_has_no_curfew_and_suggests_nothing() -> None:
    assert (PLAIN.day_attained, PLAIN.curfew, PLAIN.holiday_calendar) == (DayAttained.BIRTHDAY, (), None)
    assert (PLAIN.minor_mode.daily_minutes, PLAIN.minor_mode.night) == ((), None)
    assert PLAIN.minor_mode.minutes_a_day(0) is None


@pytest.mark.parametrize(("met", "minutes"), [(0, 60), (14, 60), (16, 120), (18, None)])
def test_the_daily_suggestion_follows_the_threshold_met(met: int, minutes: int | None) -> None:
    assert CN.minor_mode.minutes_a_day(met) == minutes


@pytest.mark.parametrize("name", ["cn", "plain"])
def test_figures_that_are_recalled_say_so_beside_the_name_of_their_rule(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    figures = ("thresholds", "consent_age", "answer_working_days") + (("[[curfew]]",) if name == "cn" else ())
    for figure in figures:
        comment = text[: text.index(f"\n{figure}")].rsplit("\n\n", 1)[1]
        assert comment.startswith("#") and "(recalled)" in comment, figure


OPTIONAL = {"minor_mode.night", "minor_mode.rest_reminder_minutes"}
KEYS = [
    *document("cn"),
    *(f"minor_mode.{key}" for key in document("cn")["minor_mode"]),
    *(f"minor_mode.daily_minutes.0.{key}" for key in ("under", "minutes")),
    *(f"minor_mode.night.{key}" for key in ("from", "until")),
    *(f"curfew.0.{key}" for key in document("cn")["curfew"][0]),
]


@pytest.mark.parametrize("path", [key for key in KEYS if key not in OPTIONAL])
def test_a_missing_key_is_refused_and_named(path: str) -> None:
    assert path.rsplit(".", 1)[-1] in refused(drop(path))


@pytest.mark.parametrize("path", KEYS)
@pytest.mark.parametrize("value", [None, 1.5, b"x", object()], ids=["none", "float", "bytes", "object"])
def test_a_value_of_another_type_is_refused_and_named(path: str, value: object) -> None:
    assert path.rsplit(".", 1)[-1] in refused(put(path, value))


@pytest.mark.parametrize("path", ["", "minor_mode.", "minor_mode.night.", "minor_mode.daily_minutes.1.", "curfew.0."])
def test_an_unknown_key_is_refused_in_every_table(path: str) -> None:
    assert "unknown keys ['untl']" in refused(put(f"{path}untl", "21:00"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", ""),
        ("thresholds", []),
        ("thresholds", [3, 8, 12, 16, 14, 18]),
        ("thresholds", [3, 8, 12, 14, 14, 16, 18]),
        ("thresholds", [0, 3, 8, 12, 14, 16, 18]),
        ("thresholds", [3, 8, 12, 14, 16, 18, 150]),
        ("thresholds", [3, 8, 12, 14, 16]),
        ("thresholds", [True, 3, 8, 12, 14, 16, 18]),
        ("thresholds", [3, 8, 12, 16, 18]),
        ("thresholds", [3, 8, 14, 16, 18]),
        ("adult_age", 21),
        ("adult_age", True),
        ("consent_age", 13),
        ("consent_age", 0),
        ("age_token_age", 15),
        ("age_token_age", 19),
        ("day_attained", "eve"),
        ("rounding", "day"),
        ("rounding", ""),
        ("time_zone", "Asia/Nowhere"),
        ("time_zone", "../etc/passwd"),
        ("time_zone", ""),
        ("answer_working_days", 0),
        ("answer_working_days", "15"),
        ("curfew", {}),
        ("curfew", ["game"]),
        ("minor_mode", []),
        ("minor_mode.categories", ["gaming"]),
        ("minor_mode.categories", ["game", "game"]),
        ("minor_mode.content_ages", [3, 9, 18]),
        ("minor_mode.night.until", "22:00"),
        ("minor_mode.daily_minutes.0.under", 18),
        ("minor_mode.daily_minutes.1.under", 17),
        ("minor_mode.daily_minutes.0.under", 15),
        ("minor_mode.daily_minutes.0.minutes", 1441),
        ("minor_mode.rest_reminder_minutes", 0),
        ("curfew.0.category", "games"),
        ("curfew.0.weekdays", ["Fri"]),
        ("curfew.0.weekdays", ["fri", "fri"]),
        ("curfew.0.weekdays", [5]),
        ("curfew.0.public_holidays", 1),
        ("curfew.0.from", "20:05"),
        ("curfew.0.from", "8:00"),
        ("curfew.0.from", "2０:00"),
        ("curfew.0.from", "20-00"),
        ("curfew.0.until", "20:60"),
        ("curfew.0.until", "24:15"),
        ("curfew.0.until", "20:00"),
        ("curfew.0.until", "06:00"),
        ("curfew.0.until", "21:00\n"),
    ],
)
def test_an_odd_value_is_refused(path: str, value: object) -> None:
    key = path.rsplit(".", 1)[-1]
    message = refused(put(path, value))
    assert "policy" in message
    assert key in message or "thresholds" in message or "curfew[0]" in message or "minor_mode" in message


def test_daily_minutes_that_leave_some_minors_out_are_refused() -> None:
    assert "daily_minutes" in refused(drop("minor_mode.daily_minutes.1"))


def test_a_night_from_midnight_to_midnight_is_refused() -> None:
    assert "night" in refused(put("minor_mode.night", {"from": "00:00", "until": "24:00"}))


def test_a_window_that_opens_on_no_day_is_refused() -> None:
    def change(table: dict[str, Any]) -> None:
        table["curfew"][0].update(weekdays=[], public_holidays=False)

    assert "opens on no day" in refused(change)


def test_a_window_on_holidays_without_a_calendar_is_refused() -> None:
    assert "holiday_calendar" in refused(drop("holiday_calendar"))


def test_what_is_not_a_table_is_refused() -> None:
    not_a_table: Any = []
    with pytest.raises(PolicyError):
        Policy.parse(not_a_table)


def test_windows_of_a_category_come_in_order_of_opening() -> None:
    changed = document("cn")
    changed["curfew"].insert(0, {**changed["curfew"][0], "from": "21:30", "until": "24:00"})
    windows = Policy.parse(changed).windows_of(Category.GAME)
    assert [(window.opens, window.closes) for window in windows] == [(1200, 1260), (1290, 1440)]
