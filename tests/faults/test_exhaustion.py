"""More clients than connections, and a table that nobody gets at: 503 soon, then all is well again (threats F17)."""

import threading
import time
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from idp.storage.sql.engine_postgresql import READERS
from tests.issuer import running_issuer
from tests.races.apps import NO_LIMITS, RacingApp
from tests.races.barrier import Connection
from tests.storage.databases import Database
from tests.storage.groups import wait_until

CLIENTS = 100
LOCKED_SECONDS = 3.0
ANSWER_SECONDS = 5.0
RECOVERY_SECONDS = 2.0


@pytest.mark.timeout(200)
def test_hundred_clients_and_a_locked_table_get_503_soon_and_nothing_leaks(tmp_path: Path, postgres_url: str) -> None:
    with running_issuer(tmp_path / "data", DATABASE_URL=postgres_url, **NO_LIMITS) as issuer:
        app = RacingApp(issuer, [issuer.url])
        first = Connection(issuer.url, issuer.url)
        token = app.redeem(first, app.codes(1)[0]).body["refresh_token"]
        answers: list[tuple[int, float]] = []
        stop = threading.Event()

        def client() -> None:
            connection = Connection(issuer.url, issuer.url)
            while not stop.is_set():
                begun = time.monotonic()
                status = app.refresh(connection, token).status
                answers.append((status, time.monotonic() - begun))
                if status == 503:
                    stop.wait(0.2)
            connection.close()

        clients = [threading.Thread(target=client) for _ in range(CLIENTS)]
        for thread in clients:
            thread.start()
        wait_until(lambda: len(answers) >= CLIENTS, 60)
        address = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with closing(psycopg.connect(address)) as holding:
            holding.execute(b"LOCK TABLE grants IN ACCESS EXCLUSIVE MODE")
            time.sleep(LOCKED_SECONDS)
        stop.set()
        for thread in clients:
            thread.join()
        released = time.monotonic()
        while app.refresh(first, token).status != 200:
            assert time.monotonic() - released < RECOVERY_SECONDS
        counted = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        [[connections]] = Database("postgresql", postgres_url, tmp_path).rows(counted)
        first.close()
        app.close()
    refused = sum(status == 503 for status, _ in answers)
    slowest = max(seconds for _, seconds in answers)
    print(f"{len(answers)} answers, {refused} x 503, slowest {slowest:.2f} s, {connections} connections")
    assert {status for status, _ in answers} == {200, 503}
    assert slowest <= ANSWER_SECONDS
    # The readers and the writer of requests, a reader and a writer of chores.
    assert connections <= READERS + 1 + 2
