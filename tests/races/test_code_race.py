"""A code is redeemed once, whoever races for it (RFC 6749, section 4.1.2; threats A04)."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import tests.issuer
from tests.issuer import running_issuer
from tests.races.apps import NO_LIMITS, RacingApp, two_servers
from tests.races.barrier import Answer, race

RACERS = 8


def _race(app: RacingApp, count: int) -> list[list[Answer]]:
    connections = app.connections(RACERS)
    try:
        return race(app.codes(count), RACERS, lambda number, code: app.redeem(connections[number], code))
    finally:
        for connection in connections:
            connection.close()


def _wins(answers: Sequence[Sequence[Answer]]) -> list[int]:
    return [sum(answer.status == 200 for answer in of_code) for of_code in answers]


def _statuses(answers: Sequence[Sequence[Answer]]) -> set[int]:
    return {answer.status for of_code in answers for answer in of_code}


def _codes_are_redeemed_once(tmp_path: Path, postgres_url: str, rounds: int, count: int) -> None:
    with two_servers(tmp_path, postgres_url) as (issuer, servers):
        app = RacingApp(issuer, servers)
        for _ in range(rounds):
            answers = _race(app, count)
            assert _wins(answers) == [1] * count
            assert _statuses(answers) == {200, 400}
            refused = {a.body["error"] for of_code in answers for a in of_code if a.status == 400}
            assert refused == {"invalid_grant"}
        app.close()
        issuer.run("fsck", "--json")


@pytest.mark.timeout(240)
def test_200_codes_are_redeemed_once_by_eight_clients_racing_at_two_processes(
    tmp_path: Path, postgres_url: str
) -> None:
    _codes_are_redeemed_once(tmp_path, postgres_url, rounds=2, count=100)


@pytest.mark.long
def test_1000_codes_are_redeemed_once_by_eight_clients_racing_at_two_processes(
    tmp_path: Path, postgres_url: str
) -> None:
    _codes_are_redeemed_once(tmp_path, postgres_url, rounds=10, count=100)


def test_the_race_finds_a_store_that_checks_and_then_acts(
    tmp_path: Path, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    naive = (sys.executable, "-m", "tests.races.check_then_act")
    monkeypatch.setattr(tests.issuer, "BLINDAGE", naive)
    with two_servers(tmp_path, postgres_url) as (issuer, servers):
        app = RacingApp(issuer, servers)
        doubled = sum(wins > 1 for wins in _wins(_race(app, 40)))
        app.close()
    assert doubled > 0


def test_codes_are_redeemed_once_on_sqlite_without_server_errors(tmp_path: Path) -> None:
    with running_issuer(tmp_path / "data", **NO_LIMITS) as issuer:
        app = RacingApp(issuer, [issuer.url])
        answers = _race(app, 50)
        app.close()
    assert _wins(answers) == [1] * 50
    assert _statuses(answers) == {200, 400}
