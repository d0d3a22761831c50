"""The policies that are shipped, and variations of them."""

import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from idp.domain.policy import DayAttained, Policy, Rounding
from tests.need import ROOT

FOLDER = ROOT / "idp" / "policies"


def document(name: str) -> dict[str, Any]:
    """The TOML document of a shipped policy, parsed."""
    with (FOLDER / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


CN = Policy.parse(document("cn"))
PLAIN = Policy.parse(document("plain"))
CN_QUARTERS = replace(CN, rounding=Rounding.QUARTER)
PLAIN_QUARTERS = replace(PLAIN, rounding=Rounding.QUARTER)

assert CN.day_attained is DayAttained.DAY_AFTER
assert PLAIN.day_attained is DayAttained.BIRTHDAY


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    """Epoch seconds of a moment in UTC."""
    return int(datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp())
