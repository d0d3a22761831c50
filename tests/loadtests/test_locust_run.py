"""A headless run ends with 0 when every threshold held, and with 1 when one did not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.own_server import BlindageSqlite
from loadtests.prepare import prepare
from tests.need import ROOT

pytestmark = pytest.mark.long

MIX = """
users = 6
spawn_rate = 6
seconds = 4
[shares]
sign_in = 1
exchange = 1
refresh = 2
read = 2
[per_second]
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


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlindageSqlite]:
    started = BlindageSqlite()
    started.start(tmp_path_factory.mktemp("own"))
    yield started
    started.stop()


def run(server: BlindageSqlite, tmp_path: Path, mix: str) -> subprocess.CompletedProcess[str]:
    prepared, profile = tmp_path / "prepared.json", tmp_path / "mix.toml"
    prepare(server.command, people=2, codes=200, refreshers=10).write(prepared)
    profile.write_text(mix)
    command = [
        sys.executable, "-m", "loadtests.run", "--host", server.address, "--prepared", str(prepared),
        "--mix", str(profile), "--output", str(tmp_path),
    ]  # fmt: skip
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_all_scenarios_pass_and_are_reported(server: BlindageSqlite, tmp_path: Path) -> None:
    done = run(server, tmp_path, MIX)
    assert done.returncode == 0, done.stdout + done.stderr
    for name in (
        "GET /authorize", "POST /sign-in", "POST /consent", "POST /token code", "POST /token refresh", "GET /userinfo",
    ):  # fmt: skip
        assert name in done.stdout
    assert "<html" in (tmp_path / "locust.html").read_text()[:2000]


def test_a_missed_threshold_ends_the_run_with_1(server: BlindageSqlite, tmp_path: Path) -> None:
    done = run(server, tmp_path, MIX.replace("requests_per_second = 2", "requests_per_second = 100000"))
    assert done.returncode == 1
    assert "missed" in done.stdout


def test_a_failure_ends_the_run_with_1(server: BlindageSqlite, tmp_path: Path) -> None:
    profile = MIX.replace("read = 2\n", "read = 0\n", 1)
    prepared, mix = tmp_path / "prepared.json", tmp_path / "mix.toml"
    made = prepare(server.command, people=1, codes=20, refreshers=10)
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
