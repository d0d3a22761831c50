"""kill -9 of the server under load: nothing acknowledged is lost, nothing happens twice (threats F01, A14)."""

import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

import tests.issuer
from tests.faults.ledger import Ledger, Load
from tests.issuer import Issuer, running_issuer
from tests.races.apps import NO_LIMITS, RacingApp
from tests.races.barrier import Connection
from tests.server_process import ServerProcess, free_port, start_server

SESSIONS = 6
CODES = 40
LOAD_SECONDS = 0.5


def _start(issuer: Issuer, port: int) -> ServerProcess:
    def command(_: int) -> Sequence[str]:
        return [*tests.issuer.BLINDAGE, "serve", "--port", str(port)]

    def ready(_: int) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=1).status_code == 200
        except httpx.HTTPError:
            return False

    return start_server(command, ready, issuer.data_dir / "server.log", env=dict(issuer.environment))


def _sessions(app: RacingApp) -> list[str]:
    connection = Connection(app.servers[0], app.issuer.url)
    tokens = [app.redeem(connection, code).body["refresh_token"] for code in app.codes(SESSIONS)]
    connection.close()
    return tokens


def _survives(directory: Path, kills: int, **settings: str) -> Ledger:
    port = free_port()
    with running_issuer(directory, port=port, **settings, **NO_LIMITS) as issuer:
        app = RacingApp(issuer, [issuer.url], "--auth-method", "none", "--application-type", "native")
        app.secret = None
        ledger = Ledger(_sessions(app))
        server = issuer.server
        slowest = 0.0
        for _ in range(kills):
            with Load(app, ledger, app.codes(CODES)):
                time.sleep(LOAD_SECONDS)
                os.kill(server.process.pid, signal.SIGKILL)
                server.process.wait()
                begun = time.monotonic()
                server = _start(issuer, port)
                slowest = max(slowest, time.monotonic() - begun)
                time.sleep(LOAD_SECONDS)
            assert ledger.errors == []
        issuer.server = server
        _hold_to_its_word(app, ledger)
        app.close()
        issuer.run("fsck", "--json")
        issuer.run("audit", "verify", "--json")
        server.stop()
    assert ledger.refreshed > kills * SESSIONS
    print(f"{kills} kills, {ledger.refreshed} refreshes, {len(ledger.redeemed)} codes, slowest start {slowest:.2f} s")
    return ledger


def _hold_to_its_word(app: RacingApp, ledger: Ledger) -> None:
    connection = Connection(app.servers[0], app.issuer.url)
    lost = [token for token in ledger.tokens if app.refresh(connection, token).status != 200]
    assert lost == []
    # Old codes are refused for their age; the fresh ones show whether one can be had twice.
    doubled = [code for code in ledger.redeemed if app.redeem(connection, code).status == 200]
    assert doubled == []
    connection.close()


@pytest.mark.timeout(200)
def test_sqlite_keeps_its_word_through_kills(tmp_path: Path) -> None:
    _survives(tmp_path / "data", kills=4)


@pytest.mark.timeout(200)
def test_postgresql_keeps_its_word_through_kills(tmp_path: Path, postgres_url: str) -> None:
    _survives(tmp_path / "data", kills=4, DATABASE_URL=postgres_url)


@pytest.mark.long
def test_sqlite_keeps_its_word_through_60_kills(tmp_path: Path) -> None:
    _survives(tmp_path / "data", kills=60)


@pytest.mark.long
def test_postgresql_keeps_its_word_through_60_kills(tmp_path: Path, postgres_url: str) -> None:
    _survives(tmp_path / "data", kills=60, DATABASE_URL=postgres_url)
