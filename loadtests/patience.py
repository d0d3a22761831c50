"""How long answers take when a server is busy but not full: the p99 at a share of what it can do at most."""

from dataclasses import dataclass
from pathlib import Path

from loadtests.contestant import Contestant
from loadtests.rounds import Plan
from loadtests.work import Work, WrongAnswer
from loadtests.wrk import Load, run_wrk

SHARE = 0.7
_PAUSE_LEAST = 5.0
"""Milliseconds: the load generator counts pauses in whole ones."""


@dataclass(frozen=True, slots=True)
class Patience:
    """What was seen at `share` of the highest rate (wanted 0.7; the load generator may miss it)."""

    share: float
    load: Load


def measure_patience(work: Work, contestant: Contestant, rate: float, plan: Plan, directory: Path) -> Patience:
    """Load one server with `SHARE` of `rate` (requests a second) for a round; WrongAnswer as in the rounds."""
    wanted = rate * SHARE
    # With pauses that are long against the answers, the pauses alone set the rate.
    connections = max(plan.connections, round(wanted * _PAUSE_LEAST / 1000))
    pause = connections / wanted * 1000
    replay = work.prepare(contestant, int(wanted * plan.seconds * 2) + connections, directory)
    load = run_wrk(contestant.address, replay, plan.seconds, connections, pause)
    if load.exhausted or not load.clean:
        raise WrongAnswer(f"{contestant.name}: {load}")
    return Patience(load.rate / rate, load)
