"""What an exchange costs when the tables are long: `python -m loadtests.growth`.

Two servers with a PostgreSQL of their own each, one nearly empty, one filled with grants and accounts, take turns on
the same core. Compared is processor time per exchange, of server and database together. Ends with 1 above the goal.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from loadtests.contestant import Codes, Kind
from loadtests.filling import Filling, fill_accounts, fill_grants
from loadtests.own_server import BlindagePostgresql
from loadtests.rounds import Plan, measure
from loadtests.work import CodeExchange

GOAL = 1.2
_DAY = 86_400
_PEOPLE = "100"
"""Whose codes are exchanged, spread over the filler accounts: more than fit into a few pages by chance."""


class Filled(BlindagePostgresql):
    """A server whose database holds so many grants and accounts before it is measured."""

    database_settings = {"max_wal_size": "8GB", "shared_buffers": "512MB"}

    def __init__(self, name: str, grants: int, accounts: int) -> None:
        self.name = name
        self.label = f"{grants:,} grants, {accounts:,} accounts"
        self._grants, self._accounts = grants, accounts

    def fill(self) -> None:
        """A real exchange makes the rows that are copied."""
        CodeExchange().prepare(self, 1, self.data)
        filling = Filling(self.conninfo, _tell)
        fill_accounts(filling, self._accounts)
        fill_grants(filling, self._grants, self._accounts, f"t.created_at + {90 * _DAY}", age=30 * _DAY)
        filling.settle("accounts", "account_keys", "sessions", "consents", "grants")
        (size,) = filling.one("SELECT pg_size_pretty(pg_database_size(current_database()))")
        _tell(f"{self.name}: {size}")
        filling.close()

    def mint(self, count: int, kind: Kind) -> Codes:
        """For more people than the benchmark has."""
        return Codes.parse(
            self.command("mint-codes", "--count", str(count), "--valid-for", "3600", "--people", _PEOPLE)
        )


def main() -> int:
    """0 when the goal is reached."""
    options = _options()
    few = Filled("few", options.few, options.few)
    many = Filled("many", options.grants, options.accounts)
    reason = few.missing()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    workplace = Path(tempfile.mkdtemp(prefix="growth-"))
    started: list[Filled] = []
    try:
        for server in (few, many):
            directory = workplace / server.name
            directory.mkdir()
            server.start(directory)
            started.append(server)
            server.fill()
        plan = Plan(options.rounds, options.seconds, 32)
        before = time.time()
        series = measure(CodeExchange(), list(started), plan, workplace, _tell)
        _tell(f"measured for {time.time() - before:.0f} s")
    finally:
        for server in started:
            server.stop()
        shutil.rmtree(workplace)
    if len(series.samples) < len(started):
        print(f"not measured: {series.fallen}", file=sys.stderr)
        return 2
    ratio = series.cpu_ratio("few", "many")
    for server in started:
        print(
            f"{server.label}: {series.cpu_per_request(server.name):.0f} us of CPU an exchange, "
            f"{series.rate(server.name):,.0f} exchanges/s"
        )
    print(f"cost of an exchange, many / few: {ratio:.2f} (median of {plan.rounds} paired rounds; goal: {GOAL} at most)")
    return 0 if ratio <= GOAL else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtests.growth", description=__doc__)
    parser.add_argument("--few", type=int, default=10_000, help="grants and accounts at first (default 10,000)")
    parser.add_argument("--grants", type=int, default=10_000_000, help="grants then (default 10,000,000)")
    parser.add_argument("--accounts", type=int, default=1_000_000, help="accounts then (default 1,000,000)")
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each (default 7)")
    parser.add_argument("--seconds", type=int, default=3, help="length of a round (default 3)")
    return parser.parse_args()


def _tell(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
