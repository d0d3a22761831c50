"""Expired rows are removed while requests come, and the slowest hundredth of the answers does not suffer."""

import argparse
import subprocess
import sys

import pytest

from loadtests.purge import Pair, judge
from loadtests.wrk import Load
from tests.need import ROOT, need

OPTIONS = argparse.Namespace(database="postgresql", rows=100, times=1.25)


def load(p99: float, refused: int = 0) -> Load:
    return Load(requests=100, seconds=1.0, refused=refused, broken=0, p50=1.0, p99=p99, exhausted=False)


@pytest.mark.parametrize(
    ("busy", "quiet", "left", "verdict"),
    [
        ([load(10.0)] * 3, [load(10.0)], 0, 0),
        ([load(12.9)] * 3, [load(10.0)], 0, 0),
        ([load(25.0)] * 10, [load(20.0), load(20.0)], 0, 0),
        ([load(14.0)] * 3, [load(10.0)], 0, 1),
        ([load(10.0)] * 3, [load(10.0)], 1, 1),
        ([load(10.0), load(10.0), load(10.0, refused=1)], [load(10.0)], 0, 1),
    ],
    ids=["the same", "a bite more", "a quarter more", "harmed", "rows left", "a request failed"],
)
def test_the_verdict(busy: list[Load], quiet: list[Load], left: int, verdict: int) -> None:
    assert judge(Pair(busy, quiet), left, 1.0, OPTIONS) == verdict


@pytest.mark.long
@pytest.mark.parametrize(("database", "rows"), [("postgresql", 40_000), ("sqlite", 10_000)])
def test_removing_rows_harms_no_request(database: str, rows: int) -> None:
    """In small; README.md has the figures of ten million. The machine may be busy, so that only a stall counts."""
    for thing in ("wrk", "taskset", *([database] if database == "postgresql" else [])):
        need(thing)
    command = [
        sys.executable, "-m", "loadtests.purge", "--database", database, "--rows", str(rows), "--rate", "200",
        "--seconds", "2", "--times", "3", "--limit", "60",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "failed: 0" in done.stdout
