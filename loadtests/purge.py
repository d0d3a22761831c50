"""Expired rows go while requests come: `python -m loadtests.purge --database postgresql --rows 10000000`.

Two servers with a database each are loaded with code exchanges at the same steady rate, in turn. One of them has grants
and one-time markers to remove that have expired; it stands still (SIGSTOP) while the other is measured. Compared is the
slowest hundredth of the answers, in pairs, so that a noisy machine weighs on both. Ends with 1 when requests failed,
the p99 suffered, or rows were left when the time was up.
"""

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import psycopg

from loadtests import filling_sqlite
from loadtests.contestant import Codes
from loadtests.filling import Filling, fill_grants, fill_markers
from loadtests.machine import LOAD_CORE, standing_still
from loadtests.own_server import BlindagePostgresql, BlindageSqlite
from loadtests.wrk import Load, Replay, run_wrk

GRACE_SECONDS = 600
"""How long an expired grant is kept: what makes its code work once."""
MARKER_GRACE_SECONDS = 61
"""How long a one-time marker outlives its value: the clocks of two nodes may differ by as much."""
UNHARMED = 1.25
"""Times the p99 without removing that the p99 may be,"""
LEAST_MS = 3.0
"""or milliseconds more, where it is small: what one bite takes."""
BUSY_ROUNDS = 5
"""For one of the quiet server: removing takes long enough."""
_SLACK = 15
_FILLED_A_SECOND = 10_000
_EXPIRE_A_SECOND = 1000
_CONNECTIONS = 16
_ACCOUNTS = 100_000


class Filled(Protocol):
    """A running server whose database can be filled and watched."""

    server: BlindageSqlite

    def fill(self, rows: int) -> None:
        """Half grants, half markers; the server begins to remove them within a minute after this."""
        ...

    def left(self) -> int:
        """Rows of those that are still there."""
        ...


class FilledPostgresql:
    """The database has a core of its own, which it shares with the load generator."""

    def __init__(self) -> None:
        self.server = BlindagePostgresql()
        self.server.database_core = LOAD_CORE
        self.server.database_settings = {"max_wal_size": "8GB", "shared_buffers": "512MB"}

    def fill(self, rows: int) -> None:
        """Housekeeping is told that another process is at it until all rows are there."""
        at = int(time.time()) - 5
        with psycopg.connect(self.server.conninfo) as other:
            held = other.execute("SELECT value FROM meta WHERE name = 'housekeeping/grants' FOR UPDATE").fetchone()
            if held is None:
                raise RuntimeError("housekeeping has not begun yet")
            self._fill(rows, at)

    def _fill(self, rows: int, at: int) -> None:
        filling, span = Filling(self.server.conninfo, _tell), rows // _EXPIRE_A_SECOND
        fill_grants(filling, rows // 2, _ACCOUNTS, f"{at - GRACE_SECONDS} - (random() * {span})::int", age=span)
        fill_markers(filling, rows // 2, f"{at - MARKER_GRACE_SECONDS} - (random() * {span})::int")
        filling.settle("grants", "spent")
        filling.close()
        self._rows, self._at, self._before = rows, at, self._removed()

    def left(self) -> int:
        """By the database's count of deletions, which does not read the tables, and by looking once that says none."""
        left = self._rows - (self._removed() - self._before)
        return left if left > 0 else self._counted()

    def _removed(self) -> int:
        # A bite that was rolled back counts twice.
        return self._number("SELECT sum(n_tup_del)::int8 FROM pg_stat_user_tables WHERE relname IN ('grants', 'spent')")

    def _counted(self) -> int:
        grants = self._number("SELECT count(*) FROM grants WHERE expires_at <= %s", self._at - GRACE_SECONDS)
        before = self._at - MARKER_GRACE_SECONDS
        return grants + self._number("SELECT count(*) FROM spent WHERE expires_at <= %s", before)

    def _number(self, query: str, *parameters: object) -> int:
        filling = Filling(self.server.conninfo, _tell)
        (number,) = filling.one(query, *parameters)
        filling.close()
        assert isinstance(number, int)
        return number


class FilledSqlite:
    """Server and database are one process."""

    def __init__(self) -> None:
        self.server = BlindageSqlite()

    def fill(self, rows: int) -> None:
        """All expire at once, some time after they are there."""
        self._at = at = int(time.time() + rows / _FILLED_A_SECOND + _SLACK)
        filling_sqlite.fill(self.server.data / "blindage.db", rows, at - GRACE_SECONDS, at - MARKER_GRACE_SECONDS)
        if time.time() > at:
            raise RuntimeError("filling took too long: the rows had expired already")
        time.sleep(at - time.time())

    def left(self) -> int:
        """Counted."""
        connection = filling_sqlite.connect(self.server.data / "blindage.db")
        try:
            grants = connection.execute(
                "SELECT count(*) FROM grants WHERE expires_at <= ?", [self._at - GRACE_SECONDS]
            ).fetchone()[0]
            markers = connection.execute(
                "SELECT count(*) FROM spent WHERE expires_at <= ?", [self._at - MARKER_GRACE_SECONDS]
            ).fetchone()[0]
        finally:
            connection.close()
        return int(grants + markers)


@dataclass
class Pair:
    """What was seen of the server that removes rows, and of the one that has none."""

    busy: list[Load] = field(default_factory=list)
    quiet: list[Load] = field(default_factory=list)

    @property
    def pairs(self) -> list[tuple[Load, Load]]:
        """Each round of the busy one with the round of the quiet one that stands nearest to it."""
        return [(busy, self.quiet[index // BUSY_ROUNDS]) for index, busy in enumerate(self.busy)]

    @property
    def failed(self) -> int:
        """Requests that were refused or not answered."""
        return sum(load.refused + load.broken for load in (*self.busy, *self.quiet))

    def ratio(self, name: str) -> float:
        """Median over the pairs of a percentile of the busy one over that of the quiet one."""
        return statistics.median(getattr(busy, name) / getattr(quiet, name) for busy, quiet in self.pairs)

    def excess(self, name: str) -> float:
        """Median over the pairs of how many milliseconds more it is."""
        return statistics.median(getattr(busy, name) - getattr(quiet, name) for busy, quiet in self.pairs)


def main() -> int:
    """0 when all rows went and no request suffered."""
    options = _options()
    kind = FilledPostgresql if options.database == "postgresql" else FilledSqlite
    busy, quiet = kind(), kind()
    reason = busy.server.missing()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    workplace = Path(tempfile.mkdtemp(prefix="purge-"))
    started: list[Filled] = []
    try:
        for name, filled in (("busy", busy), ("quiet", quiet)):
            directory = workplace / name
            directory.mkdir()
            filled.server.start(directory)
            started.append(filled)
        return _measure(busy, quiet, workplace, options)
    finally:
        for filled in started:
            filled.server.stop()
        shutil.rmtree(workplace)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.purge", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="postgresql")
    parser.add_argument("--rows", type=int, default=10_000_000, help="rows that expire (default 10,000,000)")
    parser.add_argument("--rate", type=int, default=400, help="code exchanges a second (default 400)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a round (default 5)")
    parser.add_argument("--limit", type=int, default=1800, help="seconds that removing may take (default 1800)")
    parser.add_argument("--times", type=float, default=UNHARMED, help=f"what counts as unharmed (default {UNHARMED})")
    return parser.parse_args()


def _measure(busy: Filled, quiet: Filled, workplace: Path, options: argparse.Namespace) -> int:
    busy_replays, quiet_replays = (
        _replays(filled.server, workplace / name, options) for name, filled in (("busy", busy), ("quiet", quiet))
    )
    # The first round makes the row that is copied, and warms the server up.
    _round(busy.server, next(busy_replays), options)
    _round(quiet.server, next(quiet_replays), options)
    started = time.time()
    busy.fill(options.rows)
    filled = time.time()
    _tell(f"filled in {filled - started:.0f} s")
    # Housekeeping looks once a minute.
    while (left := busy.left()) == options.rows and time.time() < filled + 90:
        time.sleep(0.2)
    began, pair = time.time(), Pair()
    _tell("rows are being removed")
    while left > 0 and time.time() < began + options.limit:
        if len(pair.busy) % BUSY_ROUNDS == 0:
            with standing_still(busy.server.processes()):
                pair.quiet.append(_round(quiet.server, next(quiet_replays), options))
        pair.busy.append(_round(busy.server, next(busy_replays), options))
        left = busy.left()
        _tell(f"{left:,} left; p99 {pair.busy[-1].p99:.1f} ms, without removing {pair.quiet[-1].p99:.1f} ms")
    return judge(pair, left, time.time() - began, options)


def judge(pair: Pair, left: int, took: float, options: argparse.Namespace) -> int:
    """Print what was seen; the exit code."""
    requests = sum(load.requests for load in pair.busy)
    print(f"{options.database}: {options.rows - left:,} of {options.rows:,} expired rows removed in {took:.0f} s")
    print(f"requests meanwhile: {requests:,}; failed: {pair.failed}")
    for name, loads in (("while rows are removed", pair.busy), ("without", pair.quiet)):
        p50, p99 = (statistics.median(getattr(load, each) for load in loads) for each in ("p50", "p99"))
        print(f"{name}: {len(loads)} rounds, p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    ratio, excess = pair.ratio("p99"), pair.excess("p99")
    print(f"p99, median of the pairs: {ratio:.2f} x, {excess:+.1f} ms (unharmed: {options.times} x, or +{LEAST_MS} ms)")
    unharmed = ratio <= options.times or excess <= LEAST_MS
    return 0 if not pair.failed and left <= 0 and unharmed else 1


def _replays(server: BlindageSqlite, workplace: Path, options: argparse.Namespace) -> Iterator[Replay]:
    """Prepared codes for round after round, minted many rounds ahead: minting uses the load's core."""
    a_round, number = int(options.rate * options.seconds * 1.3) + _CONNECTIONS, 0
    rounds = 4
    while True:
        minted = server.command("mint-codes", "--count", str(a_round * rounds), "--valid-for", "3600")
        codes = Codes.parse(minted)
        bodies = codes.exchanges()
        for start in range(0, len(bodies), a_round):
            file = workplace / f"requests-{number % 2}"
            file.write_text("\n".join(bodies[start : start + a_round]) + "\n")
            number += 1
            yield Replay("POST", "/token", "once", file, codes.authorization)
        rounds = 20


def _round(server: BlindageSqlite, replay: Replay, options: argparse.Namespace) -> Load:
    pause = _CONNECTIONS / options.rate * 1000
    return run_wrk(server.address, replay, options.seconds, _CONNECTIONS, pause)


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
