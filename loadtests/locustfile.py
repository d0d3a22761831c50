"""People, apps, devices and wallets, for locust: `python -m loadtests.run`, or locust on several machines (README.md).

Every answer is checked for what it must contain; a wrong one counts as a failure, and failures end the run with 1.
"""

from pathlib import Path
from typing import Any

from locust import constant_throughput, events
from locust.env import Environment
from locust.runners import WorkerRunner

from loadtests.mix import Mix
from loadtests.prepared import Prepared
from loadtests.scenarios.device import DevicePolling
from loadtests.scenarios.person import PersonSigningIn
from loadtests.scenarios.supplies import Supplies
from loadtests.scenarios.tokens import AppExchanging, AppReading, AppRefreshing
from loadtests.scenarios.wallet import WalletFilling, WalletSpending

USERS = (
    PersonSigningIn, AppExchanging, AppRefreshing, AppReading, DevicePolling, WalletFilling, WalletSpending
)  # fmt: skip


@events.init_command_line_parser.add_listener
def _options(parser: Any) -> None:
    parser.add_argument("--mix", default="loadtests/profiles/mixed.toml", help="the load profile (TOML)")
    parser.add_argument("--prepared", default="", help="file of `python -m loadtests.prepare`")
    parser.add_argument("--shares-of-codes", type=int, default=1, help="how many locust workers divide the codes")


@events.init.add_listener
def _load(environment: Environment, **_: Any) -> None:
    options = environment.parsed_options
    Supplies.mix = Mix.read(Path(options.mix))
    for user in USERS:
        user.weight = Supplies.mix.shares.get(user.scenario, 0)
        rate = Supplies.mix.per_second.get(user.scenario, 0)
        user.wait_time = constant_throughput(rate) if rate else lambda _self: 0  # type: ignore[method-assign]
    environment.user_classes = [user for user in environment.user_classes if user.weight]


@events.test_start.add_listener
def _share_out(environment: Environment, **_: Any) -> None:
    """Workers know their number only now."""
    runner = environment.runner
    index = runner.worker_index if isinstance(runner, WorkerRunner) else 0
    of = environment.parsed_options.shares_of_codes
    Supplies.stock(Prepared.read(Path(environment.parsed_options.prepared)).share(index % of, of))


@events.quitting.add_listener
def _judge(environment: Environment, **_: Any) -> None:
    """Thresholds decide the exit code, on the machine that has all the figures."""
    if isinstance(environment.runner, WorkerRunner):
        return
    limits, stats = Supplies.mix.thresholds, environment.stats
    missed = []
    if stats.total.num_failures > limits.failures:
        missed.append(f"{stats.total.num_failures} failures, at most {limits.failures}")
    if stats.total.total_rps < limits.requests_per_second:
        missed.append(f"{stats.total.total_rps:.0f} requests/s, at least {limits.requests_per_second:.0f}")
    seen = {entry.name: entry for entry in stats.entries.values()}
    for name, most in limits.p99_ms.items():
        if name in seen and (p99 := seen[name].get_response_time_percentile(0.99) or 0) > most:
            missed.append(f"{name}: p99 {p99:.0f} ms, at most {most:.0f}")
    for words in missed:
        print(f"missed: {words}")
    environment.process_exit_code = 1 if missed else 0
