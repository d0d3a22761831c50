"""What is ended on one node is ended on all soon: five seconds elsewhere, one second where it happened (A15)."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.races.apps import RacingApp, two_servers
from tests.races.barrier import Connection
from tests.storage.databases import Database

HERE_SECONDS = 1.0
ELSEWHERE_SECONDS = 5.0
_FORM = re.compile(r'<form method="post" action="(/account/withdraw)">(.*?)</form>', re.DOTALL)
_FIELD = re.compile(r'<input type="hidden" name="(\w+)" value="([^"]*)">')

pytestmark = pytest.mark.timeout(200)


class _Node:
    """One node as an app uses it, again and again, so that whatever it caches is in its cache."""

    def __init__(self, app: RacingApp, server: str) -> None:
        self._server = server
        self._app = app
        self.connection = Connection(server, app.issuer.url)
        self.tokens = app.redeem(self.connection, app.codes(1)[0]).body

    def refreshes(self) -> bool:
        """Whether the app's refresh token works here."""
        return self._app.refresh(self.connection, self.tokens["refresh_token"]).status == 200

    def holds(self) -> bool:
        """Whether the person's access token works here."""
        host = urlsplit(self._app.issuer.url).netloc
        headers = {"Authorization": f"Bearer {self.tokens['access_token']}", "Host": host}
        return httpx.get(f"{self._server}/userinfo", headers=headers).status_code == 200

    def seconds_until_refused(self, since: float, works: Callable[[], bool]) -> float:
        """Seconds from `since` until something no longer works, asked all the time."""
        while works():
            assert time.monotonic() - since < 20, "it goes on working"
            time.sleep(0.02)
        return time.monotonic() - since


def _nodes(tmp_path: Path, postgres_url: str, end: Callable[[RacingApp, Any], float]) -> dict[str, float]:
    """Ends something through the first node or a command; how long each way to use it went on working."""
    with two_servers(tmp_path, postgres_url) as (issuer, servers):
        app = RacingApp(issuer, servers)
        first, second = _Node(app, servers[0]), _Node(app, servers[1])
        for node in (first, second, first, second):
            assert node.refreshes() and node.holds()
        since = end(app, issuer)
        took = {
            f"{name}, {way}": node.seconds_until_refused(since, getattr(node, way))
            for name, node in (("first", first), ("second", second))
            for way in ("refreshes", "holds")
        }
        assert not any(node.refreshes() or node.holds() for node in (first, second))
        for node in (first, second):
            node.connection.close()
        app.close()
    print({way: f"{seconds:.2f} s" for way, seconds in took.items()})
    return took


def test_a_suspended_app_is_refused_on_every_node_within_five_seconds(tmp_path: Path, postgres_url: str) -> None:
    def suspend(app: RacingApp, issuer: Any) -> float:
        # What the command does to the app, without what it does to its grants: nothing but the caches is in the way.
        suspended = "UPDATE clients SET state = 'suspended', version = version + 1 WHERE id = ?"
        Database("postgresql", postgres_url, tmp_path).execute(suspended, app.client_id)
        return time.monotonic()

    took = _nodes(tmp_path, postgres_url, suspend)
    assert max(took.values()) <= ELSEWHERE_SECONDS


def test_a_withdrawn_consent_is_over_within_a_second_here_and_five_elsewhere(tmp_path: Path, postgres_url: str) -> None:
    def withdraw(app: RacingApp, issuer: Any) -> float:
        page = app.browser.get(f"{issuer.url}/account")
        [(action, form)] = _FORM.findall(page.text)
        answer = app.browser.client.post(f"{issuer.url}{action}", data=dict(_FIELD.findall(form)))
        assert answer.headers["location"] == "/account?done=withdrawn"
        return time.monotonic()

    took = _nodes(tmp_path, postgres_url, withdraw)
    assert max(seconds for way, seconds in took.items() if way.startswith("first")) <= HERE_SECONDS
    assert max(took.values()) <= ELSEWHERE_SECONDS
