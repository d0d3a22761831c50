"""Codes for load tests are real codes, and are made on loopback only."""

import http.client
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from loadtests.contestant import Codes
from loadtests.own_server import BlindageSqlite


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlindageSqlite]:
    started = BlindageSqlite()
    started.start(tmp_path_factory.mktemp("own"))
    yield started
    started.stop()


def post(server: BlindageSqlite, codes: Codes, body: str) -> tuple[int, dict[str, object]]:
    connection = http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=20)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": codes.authorization}
    connection.request("POST", "/token", body, headers)
    response = connection.getresponse()
    answer = json.loads(response.read())
    connection.close()
    return response.status, answer


def test_each_minted_code_is_redeemed_once(server: BlindageSqlite) -> None:
    codes = server.mint(5, "exchange")
    assert len({code for code, _ in codes.codes}) == 5
    for body in codes.exchanges():
        status, answer = post(server, codes, body)
        assert status == 200
        assert {"access_token", "id_token"} <= answer.keys()
        assert "refresh_token" not in answer
        assert post(server, codes, body)[1]["error"] == "invalid_grant"


def test_codes_for_refreshing_lead_to_a_refresh_token(server: BlindageSqlite) -> None:
    codes = server.mint(1, "refresh")
    assert "refresh_token" in post(server, codes, codes.exchanges()[0])[1]


def test_minted_codes_need_their_own_verifier(server: BlindageSqlite) -> None:
    codes = server.mint(2, "exchange")
    (first, _), (_, other) = codes.codes
    mixed = Codes(codes.client_id, codes.client_secret, codes.redirect_uri, [(first, other)])
    assert post(server, mixed, mixed.exchanges()[0])[1]["error"] == "invalid_grant"


def test_minted_codes_expire(server: BlindageSqlite) -> None:
    codes = Codes.parse(server.command("mint-codes", "--count", "1", "--valid-for", "1"))
    time.sleep(2.1)
    assert post(server, codes, codes.exchanges()[0])[1]["error"] == "invalid_grant"


def test_under_a_public_issuer_no_code_is_minted(tmp_path: Path) -> None:
    environ = {"BLINDAGE_ISSUER": "https://id.example", "BLINDAGE_DATA_DIR": str(tmp_path)}
    command = [sys.executable, "-c", "from idp.cli import main; main()", "mint-codes", "--count", "1"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert "loopback" in done.stderr
