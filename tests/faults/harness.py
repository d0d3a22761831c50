"""Kills under load, and the reckoning afterwards: what was acknowledged against what is there (threats F01 to F06)."""

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg

import tests.issuer
from tests.deploy.crashes import kill_postmaster, restart_postmaster
from tests.faults.ledger import Consenter, Ledger, Load
from tests.issuer import Issuer, running_issuer
from tests.postgresql import PostgresCluster
from tests.races.apps import NO_LIMITS, RacingApp
from tests.races.barrier import Connection
from tests.server_process import ServerProcess, free_port, start_server
from tests.storage.databases import Database

SESSIONS = 6
CODES = 12
LOAD_SECONDS = 0.3
SERVER_READY_SECONDS = 3.0
DATABASE_READY_SECONDS = 5.0
PUBLIC = ("--auth-method", "none", "--application-type", "native")

Fault = Callable[["Target"], float]
"""Breaks something and has it working again; the seconds from the restart until the server was ready."""


@dataclass
class Target:
    """What is hurt: a server, and on PostgreSQL a cluster of its own."""

    issuer: Issuer
    port: int
    workers: int
    cluster: PostgresCluster | None

    def ready(self) -> bool:
        """Whether /readyz answers 200."""
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_ready(self) -> None:
        """Until it does; AssertionError after 30 s."""
        deadline = time.monotonic() + 30
        while not self.ready():
            assert time.monotonic() < deadline, "the server did not become ready again"
            time.sleep(0.02)

    def start(self) -> ServerProcess:
        """Start the server again where it was."""

        def command(_: int) -> Sequence[str]:
            return [*tests.issuer.BLINDAGE, "serve", "--port", str(self.port), "--workers", str(self.workers)]

        log = self.issuer.data_dir / "server.log"
        return start_server(command, lambda _: self.ready(), log, env=dict(self.issuer.environment))


def kill_server(target: Target) -> float:
    """kill -9 of the main process; its workers go with it."""
    process = target.issuer.server.process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    begun = time.monotonic()
    target.issuer.server = target.start()
    return time.monotonic() - begun


def kill_database(target: Target) -> float:
    """kill -9 of the postmaster, which takes all of PostgreSQL with it; then a restart with recovery."""
    assert target.cluster is not None
    kill_postmaster(target.cluster)
    time.sleep(LOAD_SECONDS)
    restart_postmaster(target.cluster)
    begun = time.monotonic()
    target.wait_ready()
    return time.monotonic() - begun


def kill_backend(target: Target) -> float:
    """kill -9 of one backend that serves us: the postmaster then ends all others, and recovers."""
    assert target.cluster is not None
    with target.cluster.connect() as watching:
        found = watching.execute(
            b"SELECT pid FROM pg_stat_activity WHERE datname LIKE 'test%' AND pid <> pg_backend_pid() "
            b"ORDER BY query_start DESC LIMIT 1"
        ).fetchone()
        assert found is not None, "nobody is connected"
        os.kill(found[0], signal.SIGKILL)
        # The postmaster takes a moment to notice, and ends this one too.
        with suppress(psycopg.OperationalError):
            watching.execute(b"SELECT pg_sleep(30)")
    begun = time.monotonic()
    while True:
        try:
            target.cluster.connect().close()
            break
        except psycopg.OperationalError:
            assert time.monotonic() - begun < 30
            time.sleep(0.02)
    begun = time.monotonic()
    target.wait_ready()
    return time.monotonic() - begun


@dataclass
class Reckoning:
    """What a run came to. `unpaired`: consents without or beside an audit row, or fewer or more than acknowledged."""

    ledger: Ledger
    seconds: dict[str, list[float]] = field(default_factory=dict)
    unpaired: int = 0

    def ready_within(self, fault: str) -> float:
        """Seconds within which the server was ready after 95 of 100 faults of a kind; the machine may hiccup."""
        times = sorted(self.seconds.get(fault, [0.0]))
        return times[int(0.95 * (len(times) - 1))]

    def __str__(self) -> str:
        told = self.ledger
        faults = ", ".join(f"{len(times)} x {name}" for name, times in self.seconds.items())
        return (
            f"{faults}: {told.refreshed} refreshes ({len(told.lost)} lost), {len(told.redeemed)} codes "
            f"({len(told.doubled)} doubled), {told.consents} consents ({self.unpaired} unpaired), "
            f"{told.unavailable} x 503, {len(told.errors)} errors; ready after "
            + ", ".join(
                f"{name} {self.ready_within(name):.2f} s (at most {max(times):.2f} s)"
                for name, times in self.seconds.items()
            )
        )


class Run:
    """One server under load, and the ledger of what it has acknowledged since it began."""

    def __init__(self, target: Target, sessions: int = SESSIONS) -> None:
        self._target = target
        self._app = RacingApp(target.issuer, [target.issuer.url], *PUBLIC)
        self._app.secret = None
        connection = self._connection()
        tokens = [self._app.redeem(connection, code).body["refresh_token"] for code in self._app.codes(sessions)]
        connection.close()
        self._consenter = Consenter(self._app)
        self._consents_before = self._kept_consents()
        self._held = 0
        self.reckoning = Reckoning(Ledger(tokens))

    def suffer(self, fault: Fault, load_seconds: float = LOAD_SECONDS) -> None:
        """One fault in the middle of the load; codes that were acknowledged are tried again while they are fresh."""
        ledger, name = self.reckoning.ledger, fault.__name__
        codes = self._app.codes(CODES)
        with Load(self._app, ledger, codes, self._consenter, load_seconds):
            time.sleep(load_seconds)
            seconds = fault(self._target)
            time.sleep(load_seconds)
        self.reckoning.seconds.setdefault(name, []).append(seconds)
        connection = self._connection()
        again = ledger.redeemed[self._held :]
        ledger.doubled += [code for code in again if self._app.redeem(connection, code).status == 200]
        connection.close()
        self._held = len(ledger.redeemed)

    def reckon(self) -> Reckoning:
        """Compare with what is there: the newest refresh tokens work, and consents are as many as were acknowledged."""
        ledger = self.reckoning.ledger
        connection = self._connection()
        # Those that were refused under load are on the list already.
        alive = [token for token in ledger.tokens if token not in ledger.lost]
        ledger.lost += [token for token in alive if self._app.refresh(connection, token).status != 200]
        connection.close()
        kept = self._kept_consents() - self._consents_before
        self.reckoning.unpaired += max(ledger.consents - kept, 0) + max(kept - ledger.consents - ledger.doubtful, 0)
        self._consenter.close()
        self._app.close()
        print(self.reckoning)
        return self.reckoning

    def _connection(self) -> Connection:
        return Connection(self._app.servers[0], self._app.issuer.url)

    def _kept_consents(self) -> int:
        """Consents of the app in the database, each paired with its audit row or not counted."""
        environment = self._target.issuer.environment
        url = environment.get("BLINDAGE_DATABASE_URL", "")
        database = Database("postgresql" if url else "sqlite", url, self._target.issuer.data_dir)
        [[paired]] = database.rows(
            "SELECT count(*) FROM consents c WHERE c.client_id = ? AND (SELECT count(*) FROM audit_events e "
            f"WHERE e.kind = 'consent.given' AND e.subject = {_HEX[database.backend]}) = 1",
            self._app.client_id,
        )
        return int(paired)


_HEX = {"sqlite": "lower(hex(c.id))", "postgresql": "encode(c.id, 'hex')"}


@contextmanager
def target(directory: Path, cluster: PostgresCluster | None = None, workers: int = 1, **more: Any) -> Iterator[Target]:
    """A server on SQLite, or on a new database of `cluster`; whatever it has become is stopped at the end."""
    port = free_port()
    settings = {**NO_LIMITS, **more}
    if cluster is not None:
        settings["DATABASE_URL"] = cluster.create_database()
    with running_issuer(directory, port=port, workers=workers, **settings) as issuer:
        try:
            yield Target(issuer, port, workers, cluster)
        finally:
            issuer.server.stop()
