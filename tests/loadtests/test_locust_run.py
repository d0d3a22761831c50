"""A headless run ends with 0 when every threshold held, and with 1 when one did not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.own_door import OwnDoor
from loadtests.own_server import BlindageSqlite
from loadtests.prepare import Wanted, prepare
from loadtests.process import free_port
from tests.need import ROOT

pytestmark = pytest.mark.long

MIX = """
users = 10
spawn_rate = 10
seconds = 12
[shares]
sign_in = 1
exchange = 1
refresh = 2
read = 2
device = 2
fill = 1
spend = 1
[per_second]
device = 0.2
fill = 1
spend = 1
sign_in = 1
exchange = 5
refresh = 5
read = 5
[thresholds]
failures = 0
requests_per_second = 2
[thresholds.p99_ms]
"POST /token code" = 15000
"""

WITHOUT_DOOR = MIX.replace("fill = 1\nspend = 1\n[", "[")


@pytest.fixture(scope="module")
def door() -> Iterator[OwnDoor]:
    chosen = OwnDoor()
    yield chosen
    chosen.stop()


@pytest.fixture(scope="module")
def server(door: OwnDoor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlindageSqlite]:
    started = BlindageSqlite()
    started.settings = {"BLINDAGE_DOOR_ISSUER": door.issuer}
    started.start(tmp_path_factory.mktemp("own"))
    door.start(started, tmp_path_factory.mktemp("door"))
    yield started
    started.stop()


def prepared_for(
    server: BlindageSqlite, door: OwnDoor | None, tmp_path: Path, mix: str
) -> tuple[Path, Path]:
    prepared, profile = tmp_path / "prepared.json", tmp_path / "mix.toml"
    wanted = Wanted(people=1, codes=400, refreshers=10, wallets=4 if door else 0)
    prepare(server.command, wanted, door.prepared() if door else None).write(prepared)
    profile.write_text(mix)
    return prepared, profile


def run(server: BlindageSqlite, door: OwnDoor | None, tmp_path: Path, mix: str) -> subprocess.CompletedProcess[str]:
    prepared, profile = prepared_for(server, door, tmp_path, mix)
    command = [
        sys.executable, "-m", "loadtests.run", "--host", server.address, "--prepared", str(prepared),
        "--mix", str(profile), "--output", str(tmp_path),
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_all_scenarios_pass_and_are_reported(server: BlindageSqlite, door: OwnDoor, tmp_path: Path) -> None:
    done = run(server, door, tmp_path, MIX)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in (
        "GET /authorize", "POST /sign-in", "POST /consent", "POST /token code", "POST /token refresh", "GET /userinfo",
        "POST /device_authorization", "POST /token authorization_pending", "POST /token slow_down",
        "POST /token device",
        "POST /token-request 30", "GET door/authorize", "POST door/present", "POST door/token",
    ):  # fmt: skip
        assert name in done.stdout
    assert "<html" in (tmp_path / "locust.html").read_text()[:2000]


def test_a_missed_threshold_ends_the_run_with_1(server: BlindageSqlite, tmp_path: Path) -> None:
    mix = WITHOUT_DOOR.replace("requests_per_second = 2", "requests_per_second = 100000")
    done = run(server, None, tmp_path, mix.replace("seconds = 12", "seconds = 3"))
    assert done.returncode == 1
    assert "missed" in done.stdout


def test_a_failure_ends_the_run_with_1(server: BlindageSqlite, tmp_path: Path) -> None:
    profile = WITHOUT_DOOR.replace("read = 2\n", "read = 0\n", 1)
    prepared, mix = tmp_path / "prepared.json", tmp_path / "mix.toml"
    made = prepare(server.command, Wanted(people=1, codes=20, refreshers=10))
    # The same code twice: the second exchange is refused.
    made.exchange.codes.extend(made.exchange.codes[:])
    made.write(prepared)
    mix.write_text(profile)
    command = [
        sys.executable, "-m", "loadtests.run", "--host", server.address, "--prepared", str(prepared),
        "--mix", str(mix), "--seconds", "8", "--output", str(tmp_path),
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "failures" in done.stdout


def test_a_master_judges_what_two_workers_did(server: BlindageSqlite, door: OwnDoor, tmp_path: Path) -> None:
    """The commands of README.md, on loopback. A code or a wallet used by both workers would be a failure."""
    prepared, profile = prepared_for(server, door, tmp_path, MIX)
    report, port = tmp_path / "report.html", str(free_port())
    locust = [sys.executable, "-m", "locust", "-f", "loadtests/locustfile.py"]
    same = ["--mix", str(profile), "--prepared", str(prepared), "--shares-of-codes", "2"]
    workers = [
        subprocess.Popen(
            [*locust, "--worker", "--master-host", "127.0.0.1", "--master-port", port, *same],
            cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    try:
        master = subprocess.run(
            [*locust, "--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--headless",
             "--expect-workers", "2", "--users", "10", "--spawn-rate", "10", "--run-time", "12s",
             "--host", server.address, "--html", str(report), *same],
            cwd=ROOT, capture_output=True, text=True, timeout=100,
        )  # fmt: skip
        words = [worker.communicate(timeout=30)[1] for worker in workers]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    assert master.returncode == 0, master.stdout + master.stderr + "".join(words)
    assert [worker.returncode for worker in workers] == [0, 0]
    for name in ("POST /token code", "POST /token device", "POST door/token"):
        assert name in master.stderr
    assert "<html" in report.read_text()[:2000]
