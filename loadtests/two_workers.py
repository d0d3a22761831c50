"""Two workers against one on PostgreSQL: `python -m loadtests.two_workers`, and a part of the benchmark.

Server, database and load generator use every core there is. Where they do not fit on the cores, the rate says little:
then the processor shares show who had them, and the cost of an exchange whether the workers were in each other's way.
"""

import argparse
import resource
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from loadtests.machine import CORES, busy_seconds, usage_of
from loadtests.own_server import BlindagePostgresql
from loadtests.rounds import Plan
from loadtests.work import CodeExchange, WrongAnswer
from loadtests.wrk import Load, run_wrk

GOAL = 1.7
FULL = 0.9
"""Of all cores in use: then there was nothing left that a second worker could have used."""
_FIRST_RATE = 1500.0
_SPARE = 1.7


class Workers(BlindagePostgresql):
    """A server with so many workers, and its database, on all cores."""

    core = None
    database_core = None

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.name = f"workers-{workers}"


@dataclass(frozen=True, slots=True)
class Shares:
    """Cores that each used on average during a round."""

    load: Load
    server: float
    database: float
    generator: float
    machine: float
    """By anybody, these three included."""

    @property
    def cost(self) -> float:
        """Microseconds of processor time an exchange, of server and database."""
        return (self.server + self.database) / self.load.rate * 1e6


@dataclass(frozen=True, slots=True)
class ScaleOut:
    """Rounds of one worker and of two, in pairs."""

    one: list[Shares]
    two: list[Shares]

    @property
    def rate(self) -> float:
        """How many times one worker's exchanges two do."""
        return statistics.median(two.load.rate / one.load.rate for one, two in zip(self.one, self.two, strict=True))

    @property
    def by_cost(self) -> float:
        """How many times it would be with a core for each: 2, less what an exchange costs more with two."""
        return 2 * statistics.median(one.cost / two.cost for one, two in zip(self.one, self.two, strict=True))

    @property
    def full(self) -> bool:
        """Whether nothing was left of the machine when two workers ran."""
        return statistics.median(each.machine for each in self.two) >= FULL * CORES

    def words(self) -> list[str]:
        """What to print."""
        lines = []
        for name, rounds in (("one worker", self.one), ("two workers", self.two)):
            rate = statistics.median(each.load.rate for each in rounds)
            cost, server, database, generator, machine = (
                statistics.median(getattr(each, part) for each in rounds)
                for part in ("cost", "server", "database", "generator", "machine")
            )
            lines.append(
                f"{name}: {rate:,.0f} exchanges/s, {cost:.0f} us of CPU each; cores used: workers {server:.2f}, "
                f"database {database:.2f}, load generator {generator:.2f}, others "
                f"{max(0.0, machine - server - database - generator):.2f} of {CORES}"
            )
        lines.append(
            f"two / one: {self.rate:.2f} by exchanges/s, {self.by_cost:.2f} by processor time (goal: {GOAL})"
            + ("; the machine was full" if self.full else "")
        )
        return lines


def measure_two_workers(plan: Plan, directory: Path, tell: Callable[[str], None]) -> ScaleOut:
    """Start both servers and load them in turn, after a round each to warm up; WrongAnswer, NotStarted."""
    servers = [Workers(1), Workers(2)]
    started: list[Workers] = []
    seen: dict[str, list[Shares]] = {server.name: [] for server in servers}
    rates = dict.fromkeys(seen, _FIRST_RATE)
    try:
        for server in servers:
            place = directory / server.name
            place.mkdir()
            server.start(place)
            started.append(server)
        for number in range(plan.rounds + 1):
            for server in servers:
                shares = _round(server, plan, rates[server.name], directory / server.name)
                rates[server.name] = max(rates[server.name], shares.load.rate)
                if number:
                    seen[server.name].append(shares)
            tell(f"two workers: round {number} of {plan.rounds}" if number else "two workers: warmed up")
    finally:
        for server in started:
            server.stop()
    return ScaleOut(seen["workers-1"], seen["workers-2"])


def _round(server: Workers, plan: Plan, rate: float, directory: Path) -> Shares:
    for _ in range(4):
        replay = CodeExchange().prepare(server, int(rate * plan.seconds * _SPARE) + plan.connections, directory)
        roots, before = ([server.program.pid], [server.database_pid]), resource.getrusage(resource.RUSAGE_CHILDREN)
        used, machine = [usage_of(root).cpu_seconds for root in roots], busy_seconds()
        load = run_wrk(server.address, replay, plan.seconds, plan.connections, core=None)
        used = [usage_of(root).cpu_seconds - earlier for root, earlier in zip(roots, used, strict=True)]
        after, machine = resource.getrusage(resource.RUSAGE_CHILDREN), busy_seconds() - machine
        generator = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        if load.exhausted:
            rate *= 2
            continue
        if not load.clean:
            raise WrongAnswer(f"of {load.requests} requests {load.refused} refused, {load.broken} broken")
        return Shares(load, *(seconds / load.seconds for seconds in (*used, generator, machine)))
    raise WrongAnswer("never enough requests prepared")


def main() -> int:
    """0 when the goal is reached: in exchanges, or, where the machine was full, by processor time."""
    parser = argparse.ArgumentParser(prog="python -m loadtests.two_workers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="pairs of rounds (default 7)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a round (default 3)")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections (default 32)")
    options = parser.parse_args()
    reason = Workers(2).missing()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    directory = Path(tempfile.mkdtemp(prefix="two-workers-"))
    try:
        plan = Plan(options.rounds, options.seconds, options.connections)
        found = measure_two_workers(plan, directory, lambda words: print(words, file=sys.stderr, flush=True))
    finally:
        shutil.rmtree(directory)
    print("\n".join(found.words()))
    return 0 if found.rate >= GOAL or (found.full and found.by_cost >= GOAL) else 1


if __name__ == "__main__":
    sys.exit(main())
