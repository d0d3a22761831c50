"""Interleaved rounds: every server in turn, again and again, so that a noisy minute hurts all of them alike."""

import statistics
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.contestant import Contestant
from loadtests.machine import usage_of
from loadtests.raw_limits import measure_raw_limits
from loadtests.work import Work, WrongAnswer
from loadtests.wrk import Load, Replay, run_wrk

UNDISTURBED = 0.85
"""A saturated server has at least this share of its core; with less, requests a second say little and CPU more."""
_FIRST_RATE = 1500.0
"""Requests a second that a server is thought to manage before it was seen once."""
_SPARE = 1.6
_TRIES = 4
_KEPT_SECONDS = 100
"""How long prepared tokens are used: they live five minutes."""


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
    raw: list[float] = field(default_factory=list)
    """Where the work has one: its raw limit, measured in each round (operations a processor second)."""
    fallen: dict[str, str] = field(default_factory=dict)
    """Servers that did not do the work, and why: they have no samples."""

    def rate(self, name: str) -> float:
        """Median requests a second."""
        return statistics.median(sample.load.rate for sample in self.samples[name])

    def cpu_per_request(self, name: str) -> float:
        """Median microseconds a request."""
        return statistics.median(sample.cpu_per_request for sample in self.samples[name])

    @property
    def disturbed(self) -> set[str]:
        """Servers whose median round had not the core to itself."""
        shares = {name: statistics.median(each.core_share for each in rounds) for name, rounds in self.samples.items()}
        return {name for name, share in shares.items() if share < UNDISTURBED}

    def rate_ratio(self, name: str, other: str) -> float:
        """Median over the rounds of how many times `other`'s requests a second a server manages."""
        pairs = zip(self.samples[name], self.samples[other], strict=True)
        return statistics.median(mine.load.rate / theirs.load.rate for mine, theirs in pairs)

    def rate_share(self, name: str, operations: int) -> float:
        """Median over the rounds of how much of the raw limit a server reaches, `operations` to a request."""
        pairs = zip(self.samples[name], self.raw, strict=True)
        return statistics.median(mine.load.rate * operations / raw for mine, raw in pairs)

    def cpu_share(self, name: str, operations: int) -> float:
        """Median over the rounds of how much of its processor time goes into the raw operations."""
        pairs = zip(self.samples[name], self.raw, strict=True)
        return statistics.median(operations / raw / (mine.cpu_per_request / 1e6) for mine, raw in pairs)

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
    """Warm every server up, then take the rounds. A server that refuses or breaks a request falls out."""
    series = Series(work)
    takers = {each.name: _Taker(work, each, plan, directory) for each in contestants}
    for number in range(plan.rounds + 1):
        if number and work.raw_limit is not None:
            series.raw.append(measure_raw_limits(directory, work.raw_limit)[work.raw_limit])
        for name, taker in list(takers.items()):
            try:
                sample = taker.sample()
            except (WrongAnswer, RuntimeError, OSError, ValueError, subprocess.SubprocessError) as error:
                series.fallen[name] = f"{type(error).__name__}: {error}"
                series.samples.pop(name, None)
                del takers[name]
                tell(f"{work.name}: {name} falls out: {error}")
                continue
            if number:
                series.samples.setdefault(name, []).append(sample)
        seen = ", ".join(f"{name} {taker.rate:,.0f}/s" for name, taker in takers.items())
        tell(f"{work.name}: warmed up: {seen}" if not number else f"{work.name}: round {number} of {plan.rounds}")
    return series


class _Taker:
    """Takes the samples of one server; knows what rate to prepare for."""

    def __init__(self, work: Work, contestant: Contestant, plan: Plan, directory: Path) -> None:
        self.rate = 0.0
        self._work, self._contestant, self._plan = work, contestant, plan
        self._directory = directory / f"{work.name}-{contestant.name}"
        self._directory.mkdir(exist_ok=True)
        self._kept: tuple[Replay, float] | None = None

    def sample(self) -> Sample:
        """One round; WrongAnswer unless every request was answered as it should be."""
        expected = self.rate or _FIRST_RATE
        for _ in range(_TRIES):
            replay = self._replay(int(expected * self._plan.seconds * _SPARE) + self._plan.connections)
            before = usage_of(self._contestant.processes())
            connections = min(self._plan.connections, self._work.connections)
            load = run_wrk(self._contestant.address, replay, self._plan.seconds, connections)
            # What was on its way when the load ended is answered still.
            time.sleep(0.05)
            after = usage_of(self._contestant.processes())
            if load.exhausted:
                # Prepared requests ran out before the time did: what was seen is no rate.
                expected *= 2
                continue
            if not load.clean:
                raise WrongAnswer(f"of {load.requests} requests {load.refused} refused, {load.broken} broken")
            self.rate = max(self.rate, load.rate)
            return Sample(load, after.cpu_seconds - before.cpu_seconds, after.resident)
        raise WrongAnswer("never enough requests prepared")

    def _replay(self, count: int) -> Replay:
        if self._kept is not None and time.monotonic() < self._kept[1]:
            return self._kept[0]
        replay = self._work.prepare(self._contestant, count, self._directory)
        if not self._work.once:
            self._kept = (replay, time.monotonic() + _KEPT_SECONDS)
        return replay
