"""The harness finds what it looks for: three builds with a classical mistake each are caught (threats F04 to F06).

Each runs until the mistake has shown itself, and fails when it has not after many more faults than it should take.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import tests.issuer
from tests.faults.harness import Fault, Reckoning, Run, kill_database, kill_server, target
from tests.need import need
from tests.postgresql import PostgresCluster, running_postgresql

SESSIONS = 12
FAULTS_AT_MOST = 25

pytestmark = [
    pytest.mark.timeout(300),
    # Caught once in `make test`, and five times in all in `make test-long`.
    pytest.mark.parametrize("time", range(3)),
    pytest.mark.long,
]


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL that only this test kills and misconfigures."""
    with running_postgresql(need("postgresql")) as running:
        yield running


def _nothing(_: object) -> float:
    """No fault: the mistake shows under load alone."""
    return 0.0


def _until(
    caught: Callable[[Reckoning], object], build: str, monkeypatch: pytest.MonkeyPatch, directory: Path, fault: Fault,
    cluster: PostgresCluster | None,
) -> Reckoning:
    monkeypatch.setattr(tests.issuer, "BLINDAGE", (sys.executable, "-m", build))
    with target(directory, cluster, workers=1 if cluster is None else 2) as hurt:
        run = Run(hurt, SESSIONS)
        for _ in range(FAULTS_AT_MOST):
            run.suffer(fault)
            if caught(run.reckoning):
                break
        return run.reckon()


def test_a_build_that_checks_and_then_acts_is_caught_by_the_load_alone(
    tmp_path: Path, cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch, time: int
) -> None:
    found = _until(
        lambda now: now.ledger.doubled, "tests.races.check_then_act", monkeypatch, tmp_path / "data", _nothing, cluster
    )
    assert found.ledger.doubled


def test_a_build_that_rotates_strictly_is_caught_by_kills_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, time: int
) -> None:
    found = _until(
        lambda now: now.ledger.lost, "tests.faults.strict_rotation", monkeypatch, tmp_path / "data", kill_server, None
    )
    assert found.ledger.lost


def test_a_database_that_commits_asynchronously_is_caught_by_kills_of_the_database(
    tmp_path: Path, cluster: PostgresCluster, monkeypatch: pytest.MonkeyPatch, time: int
) -> None:
    cluster.execute("ALTER SYSTEM SET synchronous_commit = off")
    cluster.execute("SELECT pg_reload_conf()")
    found = _until(
        lambda now: now.ledger.lost or now.ledger.doubled, "tests.faults.asynchronous_commit", monkeypatch,
        tmp_path / "data", kill_database, cluster,
    )
    assert found.ledger.lost or found.ledger.doubled or found.unpaired

