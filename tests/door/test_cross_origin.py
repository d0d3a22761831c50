"""The wallet's page, of the door's origin, asks the account issuer: what a browser's preflight wants to see (Fetch)."""

import pytest

from tests.veiled import Veiled

PATHS = ("/token", "/token-keys/current", "/token-keys/log", "/token-request")


@pytest.mark.parametrize("path", PATHS)
def test_preflight_allows_any_origin_once_and_without_cookies(veiled: Veiled, path: str) -> None:
    asked = {
        "Origin": "https://door.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    for answer in (
        veiled.account.send("OPTIONS", path, headers=asked),
        veiled.account.send("GET", path, headers={"Origin": "https://door.example"}),
    ):
        names = [name for name, _ in answer.headers]
        assert len(names) == len(set(names)), names
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Credentials" not in answer.headers
    preflight = veiled.account.send("OPTIONS", path, headers=asked)
    assert preflight.status_code == 204
    assert {"Authorization", "Content-Type", "Accept"} <= set(
        preflight.headers["Access-Control-Allow-Headers"].split(", ")
    )
    assert {"GET", "POST"} <= set(preflight.headers["Access-Control-Allow-Methods"].split(", "))


def test_nothing_of_the_door_but_its_public_documents_is_read_by_others(veiled: Veiled) -> None:
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    for path in ("/present", "/wallet", "/wallet/config.json", "/authorize", "/logout"):
        for method in ("GET", "OPTIONS", "POST"):
            answer = veiled.door.send(method, path, headers=asked)
            named = [name for name, _ in answer.headers if name.startswith("Access-Control-")]
            assert named == [] and answer.status_code < 500, path
