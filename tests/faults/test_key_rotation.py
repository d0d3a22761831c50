"""Signing keys change under load, and no verifier that keeps to the cache header ever meets an unknown key (F15)."""

import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

import tests.issuer
from crypto.errors import JwtError
from crypto.jwk import ClientKeySet
from crypto.jwt import verify_jwt
from tests.issuer import running_issuer
from tests.races.apps import NO_LIMITS, RacingApp
from tests.races.barrier import Connection


class CachingVerifier:
    """An app that fetches the JWKS when its copy is older than `max-age`, and at no other time."""

    def __init__(self, issuer: str) -> None:
        self._client = httpx.Client(base_url=issuer)
        self._fresh_until = 0.0
        self._keys: ClientKeySet | None = None
        self.kids: set[str] = set()
        self.failures = 0
        self.verified = 0

    def verify(self, token: str) -> None:
        """Verify one ID token with the copy at hand."""
        if self._keys is None or time.monotonic() >= self._fresh_until:
            answer = self._client.get("/jwks")
            max_age = int(answer.headers["cache-control"].partition("max-age=")[2])
            self._fresh_until = time.monotonic() + max_age
            self._keys = ClientKeySet.parse(_public(answer.json()))
        keys = self._keys
        try:
            verified = verify_jwt(
                token, lambda kid, alg: keys.find(kid, alg), algorithms=frozenset({"RS256"}), typ=frozenset({None})
            )
        except JwtError:
            self.failures += 1
            return
        self.verified += 1
        self.kids.add(str(verified.header["kid"]))

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _public(document: dict[str, Any]) -> dict[str, Any]:
    return {"keys": document["keys"]}


def _rotate_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> CachingVerifier:
    monkeypatch.setattr(tests.issuer, "BLINDAGE", (sys.executable, "-m", "tests.faults.fast_keys"))
    with running_issuer(tmp_path / "data", **NO_LIMITS) as issuer:
        app = RacingApp(issuer, [issuer.url])
        connection, verifier = Connection(issuer.url, issuer.url), CachingVerifier(issuer.url)
        token = app.redeem(connection, app.codes(1)[0]).body["refresh_token"]
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = app.refresh(connection, token)
            assert answer.status == 200
            verifier.verify(answer.body["id_token"])
        connection.close()
        verifier.close()
        app.close()
    print(f"{verifier.verified} tokens verified under {len(verifier.kids)} keys, {verifier.failures} failures")
    return verifier


@pytest.mark.long
def test_two_minutes_of_rotation_every_five_seconds_fail_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """row 8: OIDC Core, section 10.1.1, under load."""
    verifier = _rotate_under_load(tmp_path, monkeypatch, 120)
    assert verifier.failures == 0
    assert len(verifier.kids) >= 18
