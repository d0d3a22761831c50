"""From rounds to ratios: ours against the peers, and the goals they are held against."""

from dataclasses import dataclass

from loadtests.door_sign_in import DOOR_SIGN_IN, REQUESTS_OF_SIGN_IN
from loadtests.rounds import Series
from loadtests.rp_verification import RP_VERIFICATION
from loadtests.work import BlindIssuance

OURS = "blindage_sqlite"
OURS_ON_POSTGRESQL = "blindage_postgresql"
OUR_DOOR = "blindage_door"
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
    "blind_issuance_100_share": 0.85,
    DOOR_SIGN_IN: 1_000,
    RP_VERIFICATION: 10_000,
    "two_workers": 1.7,
}
"""What each ratio is meant to reach at least."""

PER_CORE = (DOOR_SIGN_IN, RP_VERIFICATION)
"""No ratios, but so many a second and core: judged by processor time, which a busy machine does not spoil."""


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
        """Whether the goal is reached, in requests a second unless it is one for a core; None without a goal."""
        return None if self.goal is None else (self.cpu if self.name in PER_CORE else self.rate) >= self.goal


def ratios_of(series: list[Series]) -> list[Ratio]:
    """Every ratio that was measured; what is missing has none."""
    found = []
    for each in series:
        for name, ours, peer in _pairs(each):
            found.append(Ratio(name, each.rate_ratio(ours, peer), each.cpu_ratio(ours, peer)))
        if isinstance(each.work, BlindIssuance) and OURS in each.samples:
            share, cpu = each.rate_share(OURS, each.work.batch), each.cpu_share(OURS, each.work.batch)
            found.append(Ratio(f"{each.work.name}_share", share, cpu))
        if each.work.name == DOOR_SIGN_IN and OUR_DOOR in each.samples:
            rate = each.rate(OUR_DOOR) / REQUESTS_OF_SIGN_IN
            found.append(Ratio(DOOR_SIGN_IN, rate, 1e6 / (each.cpu_per_request(OUR_DOOR) * REQUESTS_OF_SIGN_IN)))
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
