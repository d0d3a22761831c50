"""A load profile from a TOML file: who does what how often, and what must hold at the end."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCENARIOS = ("sign_in", "exchange", "refresh", "read", "device", "fill", "spend")
WALLETS = ("fill", "spend")
"""Those that need a door beside the account issuer."""


class BadProfile(ValueError):
    """The file says something that no run can follow; the text names it."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a run must reach; `p99_ms` by the name that a request has in the report."""

    failures: int
    requests_per_second: float
    p99_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Mix:
    """One load profile. `shares` of the users by scenario; `per_second` 0 is without pause."""

    users: int
    spawn_rate: float
    seconds: int
    shares: dict[str, int]
    per_second: dict[str, float]
    thresholds: Thresholds

    @property
    def wallets(self) -> int:
        """How many of the users are wallets."""
        share = sum(self.shares.get(name, 0) for name in WALLETS)
        return -(-self.users * share // sum(self.shares.values()))

    @classmethod
    def read(cls, file: Path) -> "Mix":
        """Read a file whole; BadProfile for a name that is unknown, a table that is missing, a number below 0."""
        try:
            document = tomllib.loads(file.read_text("utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise BadProfile(f"{file}: {error}") from error
        limits = _table(document, "thresholds", {"failures", "requests_per_second", "p99_ms"})
        top = _table({"profile": document}, "profile", {*cls.__slots__})
        mix = cls(
            users=int(_number(top, "users", 1)),
            spawn_rate=_number(top, "spawn_rate", 0.001),
            seconds=int(_number(top, "seconds", 1)),
            shares={name: int(value) for name, value in _numbers(document, "shares").items()},
            per_second=_numbers(document, "per_second"),
            thresholds=Thresholds(
                int(_number(limits, "failures", 0)),
                _number(limits, "requests_per_second", 0),
                {name: _number(limits.get("p99_ms", {}), name, 0) for name in limits.get("p99_ms", {})},
            ),
        )
        if not any(mix.shares.values()):
            raise BadProfile("shares: nobody does anything")
        return mix


def _numbers(document: dict[str, Any], name: str) -> dict[str, float]:
    table = _table(document, name, set(SCENARIOS))
    return {key: _number(table, key, 0) for key in table}


def _table(document: dict[str, Any], name: str, known: set[str]) -> dict[str, Any]:
    table = document.get(name)
    if not isinstance(table, dict):
        raise BadProfile(f"{name}: missing, or not a table")
    if unknown := table.keys() - known:
        raise BadProfile(f"{name}: unknown: {', '.join(sorted(unknown))}")
    return table


def _number(table: dict[str, Any], name: str, least: float) -> float:
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < least:
        raise BadProfile(f"{name}: a number of at least {least}")
    return float(value)
