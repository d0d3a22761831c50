"""kill -9 of the server and of the database under load: nothing acknowledged is lost, nothing happens twice (threats
F01 to F03, A14), and `blindage fsck` finds all invariants in force afterwards.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.harness import (
    DATABASE_READY_SECONDS,
    SERVER_READY_SECONDS,
    Fault,
    Run,
    kill_backend,
    kill_database,
    kill_server,
    target,
)
from tests.need import need
from tests.postgresql import PostgresCluster, running_postgresql

# The server in PostgreSQL's case has two processes: a race inside one writer could not happen.
WORKERS = 2


@pytest.fixture
def cluster() -> Iterator[PostgresCluster]:
    """A PostgreSQL that only this test kills."""
    with running_postgresql(need("postgresql")) as running:
        yield running


def _survives(
    directory: Path, faults: Sequence[Fault], cluster: PostgresCluster | None = None, patience: float = 1.0
) -> None:
    """`patience`: how many times slower a start may be than on a machine that has nothing else to do."""
    with target(directory, cluster, workers=1 if cluster is None else WORKERS) as hurt:
        run = Run(hurt)
        for fault in faults:
            run.suffer(fault)
        found = run.reckon()
        invariants = hurt.issuer.run("fsck", "--json")
        hurt.issuer.run("audit", "verify", "--json")
    assert {item["invariant"]: item["violations"] for item in invariants} == {f"I{n}": 0 for n in range(1, 13)}
    ledger = found.ledger
    assert (ledger.lost, ledger.doubled, ledger.errors, found.unpaired) == ([], [], [], 0)
    # The load was there, and met what happened.
    assert ledger.refreshed > 5 * len(faults) and len(ledger.redeemed) > len(faults) and ledger.consents > len(faults)
    assert found.ready_within("kill_server") <= SERVER_READY_SECONDS * patience
    assert found.ready_within("kill_database") <= DATABASE_READY_SECONDS * patience
    assert found.ready_within("kill_backend") <= DATABASE_READY_SECONDS * patience


@pytest.mark.long
def test_sqlite_keeps_its_word_through_100_kills_of_the_server(tmp_path: Path) -> None:
    _survives(tmp_path / "data", [kill_server] * 100)


@pytest.mark.long
def test_postgresql_keeps_its_word_through_100_kills_of_the_server_and_100_of_the_database(
    tmp_path: Path, cluster: PostgresCluster
) -> None:
    rounds = [kill_server, kill_database, kill_server, kill_backend]
    _survives(tmp_path / "data", rounds * 50, cluster)
