"""Interleaved rounds: every server in turn, again and again, so that a noisy minute hurts all of them alike."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.contestant import Contestant
from loadtests.machine import usage_of
from loadtests.work import Work, WrongAnswer
from loadtests.wrk import Load, run_wrk

_FIRST_RATE = 1500.0
"""Requests a second that a server is thought to manage before it was seen once."""
_SPARE = 1.6
_TRIES = 4


@dataclass(frozen=True, slots=True)
class Sample:
    """One round of one server. `cpu` seconds used by it and its database, `resident` bytes after it."""

    load: Load
    cpu: float
    resident: int

    @property
    def cpu_per_request(self) -> float:
        """Microseconds of processor time."""
        return self.cpu / self.load.requests * 1e6

    @property
    def core_share(self) -> float:
        """How much of its core the server had; well under 1, it waited for something or for somebody."""
        return self.cpu / self.load.seconds


@dataclass
class Series:
    """All rounds of one kind of work: a list of samples for each server, in the order of the rounds."""

    work: Work
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def rate(self, name: str) -> float:
        """Median requests a second."""
        return statistics.median(sample.load.rate for sample in self.samples[name])

    def cpu_per_request(self, name: str) -> float:
        """Median microseconds a request."""
        return statistics.median(sample.cpu_per_request for sample in self.samples[name])

    def rate_ratio(self, name: str, other: str) -> float:
        """Median over the rounds of how many times `other`'s requests a second a server manages."""
        pairs = zip(self.samples[name], self.samples[other], strict=True)
        return statistics.median(mine.load.rate / theirs.load.rate for mine, theirs in pairs)

    def cpu_ratio(self, name: str, other: str) -> float:
        """Median over the rounds of how many times its processor time a request of `other` costs."""
        pairs = zip(self.samples[name], self.samples[other], strict=True)
        return statistics.median(theirs.cpu_per_request / mine.cpu_per_request for mine, theirs in pairs)


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure: `rounds` of `seconds` for each server, over so many `connections`."""

    rounds: int
    seconds: int
    connections: int


def measure(
    work: Work, contestants: list[Contestant], plan: Plan, directory: Path, tell: Callable[[str], None]
) -> Series:
    """Warm every server up, then take the rounds. WrongAnswer when a server refuses or breaks a request."""
    series = Series(work, {each.name: [] for each in contestants})
    rates = dict.fromkeys(series.samples, _FIRST_RATE)
    for number in range(plan.rounds + 1):
        for contestant in contestants:
            sample = _sample(work, contestant, plan, rates, directory)
            rates[contestant.name] = max(rates[contestant.name] * bool(number), sample.load.rate)
            if number:
                series.samples[contestant.name].append(sample)
        seen = ", ".join(f"{name} {rates[name]:,.0f}/s" for name in rates)
        tell(f"{work.name}: warmed up: {seen}" if not number else f"{work.name}: round {number} of {plan.rounds}")
    return series


def _sample(
    work: Work, contestant: Contestant, plan: Plan, rates: dict[str, float], directory: Path
) -> Sample:
    for _ in range(_TRIES):
        count = int(rates[contestant.name] * plan.seconds * _SPARE) + plan.connections
        replay = work.prepare(contestant, count, directory)
        before = usage_of(contestant.processes())
        load = run_wrk(contestant.address, replay, plan.seconds, plan.connections)
        # What was on its way when the load ended is answered still.
        time.sleep(0.05)
        after = usage_of(contestant.processes())
        if load.exhausted:
            # Prepared requests ran out before the time did: what was seen is no rate.
            rates[contestant.name] *= 2
            continue
        if not load.clean:
            raise WrongAnswer(
                f"{contestant.name}: of {load.requests} requests {load.refused} refused, {load.broken} broken"
            )
        return Sample(load, after.cpu_seconds - before.cpu_seconds, after.resident)
    raise WrongAnswer(f"{contestant.name}: never enough requests prepared")
