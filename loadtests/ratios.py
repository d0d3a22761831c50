"""From rounds to ratios: ours against the peers, and the goals they are held against."""

from dataclasses import dataclass

from loadtests.rounds import Series
from loadtests.work import BATCH

OURS = "blindage_sqlite"
OURS_ON_POSTGRESQL = "blindage_postgresql"
REFERENCE = "node_memory"
"""The fastest peer that could be found; it keeps nothing on disk."""

GOALS = {
    "code_exchange_sqlite": 2.0,
    "code_exchange_postgresql": 1.5,
    "code_exchange_vs_node_sqlite": 7.0,
    "code_exchange_vs_textbook": 10.0,
    "refresh": 1.8,
    "userinfo": 1.8,
    "introspection": 1.8,
    "jwks": 2.0,
    "discovery": 2.0,
    "blind_issuance_share": 0.85,
    "two_workers": 1.7,
}
"""What each ratio is meant to reach at least."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times a peer's work one of our servers does: by requests a second, and by processor time."""

    name: str
    rate: float
    cpu: float

    @property
    def goal(self) -> float | None:
        """What it should reach, where that was said."""
        return GOALS.get(self.name)

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached in requests a second; None without a goal."""
        return None if self.goal is None else self.rate >= self.goal


def ratios_of(series: list[Series]) -> list[Ratio]:
    """Every ratio that was measured; what is missing has none."""
    found = []
    for each in series:
        for name, ours, peer in _pairs(each):
            found.append(Ratio(name, each.rate_ratio(ours, peer), each.cpu_ratio(ours, peer)))
        if each.work.name == "blind_issuance" and OURS in each.samples:
            share, cpu = each.rate_share(OURS, BATCH), each.cpu_share(OURS, BATCH)
            found.append(Ratio("blind_issuance_share", share, cpu))
    return found


def _pairs(series: Series) -> list[tuple[str, str, str]]:
    """(name of the ratio, our server, the peer)."""
    work, there = series.work.name, series.samples
    # The exchange is named by database, everything else by what it is: most of it is read from memory.
    plain = "code_exchange_sqlite" if work == "code_exchange" else work
    pairs = [(plain, OURS, REFERENCE), (f"{work}_postgresql", OURS_ON_POSTGRESQL, REFERENCE)]
    others = [name for name in there if name not in (OURS, OURS_ON_POSTGRESQL, REFERENCE)]
    pairs += [(f"{work}_vs_{peer}", OURS, peer) for peer in others]
    return [(name, ours, peer) for name, ours, peer in pairs if ours in there and peer in there]
