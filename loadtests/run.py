"""A headless locust run: `python -m loadtests.run`. Starts a server of its own unless `--host` names one.

Prints requests a second, p50, p99 and failures by kind of request, writes locust's HTML report, and exits with 1 on
any failure or missed threshold of the profile.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from loadtests.mix import Mix
from loadtests.own_door import OwnDoor
from loadtests.own_server import OWN, BlindageSqlite
from loadtests.prepare import Wanted, prepare

_HERE = Path(__file__).parent
_OUTPUT = _HERE.parent / "var" / "loadtests"
_SPARE = 1.3
_PEOPLE_A_WALLET = 3
"""A wallet that has spent what its person may get goes on as another person."""


def main() -> int:
    """0 when every threshold held, 1 when not, 2 when there was nothing to run."""
    options, for_locust = _options()
    mix = Mix.read(options.mix)
    seconds = options.seconds or mix.seconds
    options.output.mkdir(parents=True, exist_ok=True)
    if options.host:
        if not options.prepared:
            print("--host needs --prepared, a file of `python -m loadtests.prepare`", file=sys.stderr)
            return 2
        return _locust(mix, options, options.host, options.prepared, seconds, for_locust)
    workplace = Path(tempfile.mkdtemp(prefix="run-", dir=options.output))
    server = next(kind for kind in OWN if kind.name == f"blindage_{options.database}")()
    reason = server.missing()
    if reason is not None:
        print(reason, file=sys.stderr)
        return 2
    try:
        return _on_own(server, mix, options, workplace, seconds, for_locust)
    finally:
        shutil.rmtree(workplace)


def _on_own(
    server: BlindageSqlite, mix: Mix, options: argparse.Namespace, workplace: Path, seconds: int, others: list[str]
) -> int:
    """On a server of our own, with a door where the profile has wallets."""
    door = OwnDoor() if mix.wallets else None
    if door is not None:
        server.settings = {"BLINDAGE_DOOR_ISSUER": door.issuer}
    server.start(workplace)
    try:
        if door is not None:
            directory = workplace / "door"
            directory.mkdir()
            door.start(server, directory)
        prepared = workplace / "prepared.json"
        wanted = Wanted(options.people, _codes_for(mix, seconds), mix.users, mix.wallets * _PEOPLE_A_WALLET)
        prepare(server.command, wanted, door.prepared() if door else None).write(prepared)
        return _locust(mix, options, server.address, prepared, seconds, others)
    finally:
        if door is not None:
            door.stop()
        server.stop()


def _options() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m loadtests.run", description=__doc__)
    parser.add_argument("--host", help="address of a running server; without it one is started on loopback")
    parser.add_argument("--prepared", type=Path, help="with --host: file of `python -m loadtests.prepare`")
    parser.add_argument(
        "--database", choices=["sqlite", "postgresql"], default="sqlite",
        help="without --host: of the server that is started (default sqlite)",
    )  # fmt: skip
    parser.add_argument("--mix", type=Path, default=_HERE / "profiles" / "mixed.toml", help="the load profile (TOML)")
    parser.add_argument("--seconds", type=int, help="instead of the profile's")
    parser.add_argument("--people", type=int, default=10, help="accounts that sign in (default 10)")
    parser.add_argument("--output", type=Path, default=_OUTPUT, help="folder of the HTML report")
    return parser.parse_known_args()


def _codes_for(mix: Mix, seconds: int) -> int:
    """As many codes as the profile's exchanging users can use up; a fixed many where they do not pause."""
    rate = mix.per_second.get("exchange", 0)
    users = mix.users * mix.shares.get("exchange", 0) / sum(mix.shares.values())
    return int(users * (rate or 300) * seconds * _SPARE) + mix.users


def _locust(
    mix: Mix, options: argparse.Namespace, host: str, prepared: Path, seconds: int, others: list[str]
) -> int:
    report, figures = options.output / "locust.html", options.output / "locust"
    command = [
        sys.executable, "-m", "locust", "--locustfile", str(_HERE / "locustfile.py"), "--headless", "--host", host,
        "--users", str(mix.users), "--spawn-rate", str(mix.spawn_rate), "--run-time", f"{seconds}s",
        "--mix", str(options.mix), "--prepared", str(prepared), "--html", str(report),
        "--json-file", str(figures), "--only-summary", *others,
    ]  # fmt: skip
    environ = {**os.environ, "PYTHONPATH": str(_HERE.parent)}
    ended = subprocess.run(command, env=environ, timeout=seconds + 300, stdout=subprocess.PIPE, text=True)
    print("\n".join(line for line in ended.stdout.splitlines() if line.startswith("missed")))
    file = figures.with_suffix(".json")
    if file.exists():
        _show(json.loads(file.read_text()), seconds)
    print(f"report: {report}")
    return ended.returncode


def _show(entries: list[dict[str, Any]], seconds: int) -> None:
    print(f"{'request':32}{'requests/s':>12}{'p50 ms':>10}{'p99 ms':>10}{'failures':>10}")
    for entry in entries:
        times = {float(time): count for time, count in entry["response_times"].items()}
        print(
            f"{entry['name']:32}{entry['num_requests'] / seconds:>12.1f}{_percentile(times, 0.5):>10.0f}"
            f"{_percentile(times, 0.99):>10.0f}{entry['num_failures']:>10}"
        )


def _percentile(times: dict[float, int], share: float) -> float:
    """The response time (milliseconds) that `share` of the requests did not exceed; 0 without requests."""
    wanted = share * sum(times.values())
    seen = 0
    for time in sorted(times):
        seen += times[time]
        if seen >= wanted:
            return time
    return 0.0


if __name__ == "__main__":
    sys.exit(main())
