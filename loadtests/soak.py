"""A long run of one worker: `python -m loadtests.soak --exchanges 1000000`.

Redeems real codes, each once, and watches memory and open files of the worker. Ends with 1 when a request failed, when
memory or files grow with the number of exchanges, or when the worker is larger than it may be.
"""

import argparse
import math
import shutil
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from loadtests.machine import description, resident_of
from loadtests.own_server import OWN, BlindageSqlite
from loadtests.slope import Slope, slope_of
from loadtests.work import CodeExchange
from loadtests.wrk import Load, run_wrk

SETTLED = 0.3
"""Of the exchanges, before memory is expected to stand still: pools and caches fill up."""
GROWTH_MB = 2.0
"""For a million exchanges; less than that is nothing: two bytes an exchange, where an object has 16 at least."""
LARGEST_MB = 120
_ROUND_SECONDS = 20
_FIRST_RATE = 2000.0
_SPARE = 1.2


@dataclass
class Watched:
    """Samples of a process: exchanges done before, memory (MB), open files.

    `megabytes` is what it allocated (anonymous pages): that nobody else changes. The proportional set size, which is
    what the machine gave, moves when other processes that share its libraries come and go.
    """

    done: list[int] = field(default_factory=list)
    megabytes: list[float] = field(default_factory=list)
    files: list[int] = field(default_factory=list)
    proportional: float = 0.0
    """Set size (MB) at the last sample."""

    def sample(self, pid: int, done: int) -> None:
        """Look once."""
        self.done.append(done)
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        anonymous = next(line for line in status if line.startswith("RssAnon:"))
        self.megabytes.append(int(anonymous.split()[1]) / 1024)
        self.proportional = resident_of(pid) / 2**20
        self.files.append(len(list(Path(f"/proc/{pid}/fd").iterdir())))

    def settled(self, seen: list[float] | list[int]) -> Slope:
        """The slope for a million exchanges, once the start is over."""
        first = next(index for index, done in enumerate(self.done) if done >= SETTLED * self.done[-1])
        per_exchange = slope_of(self.done[first:], seen[first:])
        return Slope(per_exchange.growth * 1e6, per_exchange.scatter)


def main() -> int:
    """0 when nothing failed and nothing grew."""
    options = _options()
    server = next(kind for kind in OWN if kind.name == f"blindage_{options.database}")()
    reason = server.missing()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    workplace = Path(tempfile.mkdtemp(prefix="soak-"))
    try:
        server.start(workplace)
        try:
            watched, loads = _soak(server, workplace, options)
        finally:
            server.stop()
    finally:
        shutil.rmtree(workplace)
    return judge(watched, loads, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.soak", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=1_000_000, help="codes to redeem (default 1,000,000)")
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite", help="default sqlite")
    parser.add_argument("--connections", type=int, default=32, help="keep-alive connections (default 32)")
    return parser.parse_args()


def _soak(server: BlindageSqlite, workplace: Path, options: argparse.Namespace) -> tuple[Watched, list[Load]]:
    watched, loads, done, rate = Watched(), list[Load](), 0, _FIRST_RATE
    work, worker = CodeExchange(), server.worker()
    while done < options.exchanges:
        seconds = max(1, min(_ROUND_SECONDS, math.ceil((options.exchanges - done) / rate)))
        # One code of each round is redeemed by hand, and its answer looked at.
        replay = work.prepare(server, int(rate * seconds * _SPARE), workplace)
        load = run_wrk(server.address, replay, seconds, options.connections)
        loads.append(load)
        done += load.requests
        rate = max(rate, load.rate)
        watched.sample(worker, done)
        _tell(
            f"{done:,} exchanges, {load.rate:,.0f}/s, p99 {load.p99:.1f} ms, {load.refused + load.broken} failed; "
            f"worker {watched.megabytes[-1]:.1f} MB ({watched.proportional:.1f} MB set size), {watched.files[-1]} files"
        )
    return watched, loads


def judge(watched: Watched, loads: list[Load], options: argparse.Namespace) -> int:
    """Print what was seen; the exit code."""
    failed = sum(load.refused + load.broken for load in loads)
    memory, files = watched.settled(watched.megabytes), watched.settled(watched.files)
    p50, p99 = (statistics.median(getattr(load, name) for load in loads) for name in ("p50", "p99"))
    print(", ".join(f"{name}: {fact}" for name, fact in description().items()))
    print(f"{watched.done[-1]:,} exchanges on {options.database}: {failed} failed; p50 {p50:.1f} ms, p99 {p99:.1f} ms")
    print(
        f"memory allocated: {watched.megabytes[0]:.1f} MB after {watched.done[0]:,}, {watched.megabytes[-1]:.1f} MB "
        f"at the end; proportional set size {watched.proportional:.1f} MB (at most {LARGEST_MB})"
    )
    print(
        f"slope after the first {SETTLED:.0%}: {memory.growth:+.2f} MB (scatter {memory.scatter:.2f} MB) and "
        f"{files.growth:+.2f} open files for a million exchanges"
    )
    grew = memory.growth > GROWTH_MB or files.growth >= 1
    return 1 if failed or grew or watched.proportional > LARGEST_MB else 0


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
