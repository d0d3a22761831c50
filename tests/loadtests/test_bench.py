"""The benchmark measures what it says, and says what it could not measure."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.need import ROOT, need


def bench(output: Path, *options: str) -> subprocess.CompletedProcess[str]:
    need("wrk")
    command = [sys.executable, "-m", "loadtests.bench", "--output", str(output), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.long
def test_a_short_run_writes_figures_of_every_round(tmp_path: Path) -> None:
    done = bench(tmp_path, "--rounds", "2", "--seconds", "1", "--servers", "blindage_sqlite", "--only",
                 "code_exchange,refresh,jwks")  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "latest.json").read_text())
    assert written["ratios"] == {}, "without a peer there is nothing to compare with"
    assert written["raw_limits"]["es256_signatures"] > 1000
    for work in ("code_exchange", "refresh", "jwks"):
        rounds = written["figures"][work]["blindage_sqlite"]
        assert len(rounds) == 2
        assert all(each["requests_per_second"] > 10 and each["cpu_microseconds"] > 1 for each in rounds)
    assert "<svg" in (tmp_path / "latest.html").read_text()
    assert not (tmp_path / "work").exists()


@pytest.mark.long
def test_age_tokens_are_issued_shown_and_verified(tmp_path: Path) -> None:
    done = bench(tmp_path, "--rounds", "1", "--seconds", "1", "--servers", "blindage_sqlite,blindage_door", "--only",
                 "blind_issuance,blind_issuance_100,door_sign_in,rp_verification")  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "latest.json").read_text())
    names = {"blind_issuance_share", "blind_issuance_100_share", "door_sign_in", "rp_verification"}
    assert written["ratios"].keys() == written["cpu_ratios"].keys() == names
    assert 0.3 < written["cpu_ratios"]["blind_issuance_share"] < 1
    assert written["cpu_ratios"]["door_sign_in"] > 100 and written["cpu_ratios"]["rp_verification"] > 1000


def test_an_unknown_server_is_refused(tmp_path: Path) -> None:
    done = bench(tmp_path, "--servers", "keycloak")
    assert done.returncode == 2
    assert "keycloak" in done.stderr
