"""`blindage demo` sets itself up once, says what is wrong, and leaves no process behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from idp.cli.demo_data import PEOPLE, birth_date
from tests.clock import START
from tests.journeys.running_demo import BLINDAGE, free_port_base, in_use, running_demo


def command(data_dir: Path, *arguments: str) -> Any:
    """A command beside the demo's account issuer."""
    settings = {
        "BLINDAGE_DATA_DIR": str(data_dir / "account"),
        "BLINDAGE_ISSUER": json.loads((data_dir / "demo.json").read_text())["issuer"],
    }
    answer = subprocess.check_output([*BLINDAGE, *arguments, "--json"], env={**os.environ, **settings}, timeout=60)
    return json.loads(answer)


def ports_free(port_base: int) -> bool:
    return not any(in_use(port_base + offset) for offset in range(4))


def eventually(true: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not true() and time.monotonic() < deadline:
        time.sleep(0.05)
    return true()


def test_second_start_is_quick_and_makes_nothing_anew(tmp_path: Path) -> None:
    data_dir = tmp_path / "demo"
    with running_demo(data_dir) as demo:
        first_output, port_base = demo.printed, demo.port_base
        kept = (data_dir / "demo.json").read_bytes()
        people, apps = command(data_dir, "account", "list"), command(data_dir, "client", "list")
        assert demo.stop(signal.SIGINT) == 0
    assert ports_free(port_base)
    assert {person["username"]: person["band"] for person in people} == {
        "demo-adult": "adult", "demo-minor": "minor", "demo-child": "minor",
    }  # fmt: skip
    names = ["Age token client", "Age wallet", "Harbour Cinema", "Lantern Cinema", "Lantern Cinema TV"]
    assert sorted(app["name"] for app in apps) == names
    with running_demo(data_dir, port_base) as demo:
        # The design allows 5 s; the tests' machine may be busy with others.
        assert demo.seconds_to_ready < 15
        assert demo.printed == first_output
        assert (data_dir / "demo.json").read_bytes() == kept
        assert command(data_dir, "account", "list") == people
        assert command(data_dir, "client", "list") == apps
        guardians = command(data_dir, "guardian", "list", "--username", "demo-adult")
        assert {row["username"] for row in guardians} == {"demo-minor", "demo-child"}
        assert demo.stop() == 0
    assert (data_dir / "demo.json").stat().st_mode & 0o777 == 0o600
    assert data_dir.stat().st_mode & 0o777 == 0o700


def test_taken_port_is_named_and_nothing_is_started(tmp_path: Path) -> None:
    port_base = free_port_base()
    with socket.create_server(("127.0.0.1", port_base + 2)):
        result = subprocess.run(
            [*BLINDAGE, "demo", "--port-base", str(port_base), "--data-dir", str(tmp_path / "demo")],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert result.returncode == 1
    assert f"port {port_base + 2} is taken" in result.stderr
    assert not (tmp_path / "demo").exists()
    assert ports_free(port_base)


def test_data_of_a_demo_at_other_ports_is_left_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "demo"
    data_dir.mkdir()
    saved = {"issuer": "http://127.0.0.1:1", "clients": {}}
    (data_dir / "demo.json").write_text(json.dumps(saved))
    result = subprocess.run(
        [*BLINDAGE, "demo", "--port-base", str(free_port_base()), "--data-dir", str(data_dir)],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert result.returncode == 1
    assert "http://127.0.0.1:1" in result.stderr and "--data-dir" in result.stderr
    assert [path.name for path in data_dir.iterdir()] == ["demo.json"]


@pytest.mark.skipif(sys.platform != "linux", reason="a killed parent ends its children on Linux only")
def test_servers_die_with_a_killed_demo(tmp_path: Path) -> None:
    with running_demo(tmp_path / "demo") as demo:
        assert not ports_free(demo.port_base)
        assert demo.stop(signal.SIGKILL) == -signal.SIGKILL
        assert eventually(lambda: ports_free(demo.port_base))


def test_demo_ends_with_a_server_that_ended_and_says_which(tmp_path: Path) -> None:
    with running_demo(tmp_path / "demo") as demo:
        children = Path(f"/proc/{demo.process.pid}/task/{demo.process.pid}/children").read_text().split()
        assert len(children) == 4
        os.kill(int(children[-1]), signal.SIGKILL)
        assert demo.process.wait(30) == 1
        assert eventually(lambda: ports_free(demo.port_base))
    assert "Harbour Cinema ended" in demo.data_dir.with_suffix(".out").read_text()


def test_settings_of_a_real_server_do_not_reach_the_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BLINDAGE_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/production")
    monkeypatch.setenv("BLINDAGE_ISSUER", "https://id.example")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with running_demo(tmp_path / "demo") as demo:
        assert "id.example" not in demo.printed


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2028, 2, 29), date(2027, 12, 31)])
def test_people_have_their_ages_on_any_day(today: date) -> None:
    now = int(datetime(today.year, today.month, today.day, 12, tzinfo=UTC).timestamp())
    ages = []
    for person in PEOPLE:
        born = birth_date(person.age, now)
        ages.append(today.year - born.year - ((today.month, today.day) < (born.month, born.day)))
    assert ages == [34, 15, 10]
    assert birth_date(10.5, START) < date(2015, 12, 1)
