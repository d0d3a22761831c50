"""A refresh token has one successor, however many use it at once, and no session is lost (threats A14)."""

from pathlib import Path

import pytest

from tests.races.apps import RacingApp, two_servers
from tests.races.barrier import race

RACERS = 8


def _one_successor_each(tmp_path: Path, postgres_url: str, count: int) -> None:
    with two_servers(tmp_path, postgres_url) as (issuer, servers):
        app = RacingApp(issuer, servers, "--auth-method", "none", "--application-type", "native")
        app.secret = None
        connections = app.connections(RACERS)
        tokens: list[str] = []
        while len(tokens) < count:
            for code in app.codes(50):
                tokens.append(app.redeem(connections[0], code).body["refresh_token"])
        answers = race(tokens, RACERS, lambda number, token: app.refresh(connections[number], token))
        for of_token in answers:
            assert {answer.status for answer in of_token} == {200}
            assert len({answer.body["refresh_token"] for answer in of_token}) == 1
        lost = 0
        for of_token in answers:
            lost += app.refresh(connections[0], of_token[0].body["refresh_token"]).status != 200
        assert lost == 0
        # The first generation is two behind now: whoever shows it has stolen it, or was stolen from.
        assert app.refresh(connections[1], tokens[0]).body["error"] == "invalid_grant"
        for connection in connections:
            connection.close()
        app.close()
        issuer.run("fsck", "--json")


@pytest.mark.timeout(240)
def test_100_refresh_tokens_have_one_successor_each_at_two_processes(tmp_path: Path, postgres_url: str) -> None:
    _one_successor_each(tmp_path, postgres_url, 100)


@pytest.mark.long
def test_500_refresh_tokens_have_one_successor_each_at_two_processes(tmp_path: Path, postgres_url: str) -> None:
    _one_successor_each(tmp_path, postgres_url, 500)
