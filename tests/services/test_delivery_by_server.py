"""Delivery by `blindage serve` itself: within seconds, and by the next server when one is killed."""

import json
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from tests.issuer import FormBrowser, Issuer, running_issuer
from tests.listening_app import ListeningApp, listening_app
from tests.server_process import free_port

CALLBACK = "http://127.0.0.1:1/callback"
CHALLENGE, VERIFIER = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.fixture
def server() -> Iterator[ListeningApp]:
    with listening_app() as app:
        yield app


@pytest.mark.timeout(300)
def test_a_killed_servers_messages_are_delivered_by_the_next_one(tmp_path: Path, server: ListeningApp) -> None:
    port = free_port()
    server.answers["/logout"], server.answers["/events"] = (503, {}, b""), (202, {}, b"")
    with running_issuer(tmp_path, port=port) as issuer:
        client = issuer.register(
            CALLBACK, "--backchannel-logout-uri", server.url("/logout"), "--security-event-endpoint",
            server.url("/events"),
        )  # fmt: skip
        issuer.person("ada", "1990-05-17")
        sign_in_and_out(issuer, client)
        soon(lambda: len(server.at("/events")) == 1, "the event is delivered")
        soon(lambda: len(server.at("/logout")) >= 2, "the logout token is tried again")
        [waiting] = undelivered(issuer, client)
        assert waiting["kind"] == "logout" and waiting["tries"] >= 1 and waiting["next_try_at"] > 0
        issuer.server.stop(signal.SIGKILL)
    tried = len(server.at("/logout"))
    server.answers["/logout"] = (200, {}, b"")
    with running_issuer(tmp_path, port=port) as issuer:
        soon(lambda: len(server.at("/logout")) == tried + 1, "the next server delivers it")
        soon(lambda: undelivered(issuer, client) == [], "settled")
        sign_in_and_out(issuer, client)
        soon(lambda: len(server.at("/logout")) == tried + 2, "a new one arrives within seconds", 5)
        deleted = issuer.run("account", "delete", "--username", "ada", "--yes", "--json")
        assert deleted["apps_told"] == 1
        assert issuer.run("account", "list", "--json") == []
        assert issuer.attempt("account", "delete", "--username", "ada", "--yes").returncode == 1
        metrics = httpx.get(f"{issuer.url}/metrics").text
        assert 'blindage_outbound_requests_total{method="POST",outcome="ok"}' in metrics


def test_deletion_without_yes_asks_and_does_nothing_unless_told(tmp_path: Path) -> None:
    with running_issuer(tmp_path) as issuer:
        issuer.person("ada", None)
        assert issuer.attempt("account", "delete", "--username", "ada", stdin="n\n").returncode == 1
        assert len(issuer.run("account", "list", "--json")) == 1
        assert issuer.attempt("account", "delete", "--username", "ada", stdin="y\n").returncode == 0
        assert issuer.run("account", "list", "--json") == []


def sign_in_and_out(issuer: Issuer, client: dict[str, str]) -> None:
    """A person signs in to the app, the app redeems its code, the person signs out again."""
    with httpx.Client(timeout=30) as connection:
        browser = FormBrowser(issuer.url, connection)
        hint = id_token(issuer, client, browser)
        assert browser.get(f"{issuer.url}/logout?{urlencode({'id_token_hint': hint})}").status_code == 200


def id_token(issuer: Issuer, client: dict[str, str], browser: FormBrowser) -> str:
    """The ID token of a sign-in."""
    request = {
        "client_id": client["client_id"], "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid age",
        "state": secrets.token_urlsafe(8), "code_challenge": CHALLENGE, "code_challenge_method": "S256",
    }  # fmt: skip
    returned = browser.sign_in(f"{issuer.url}/authorize?{urlencode(request)}", "ada")
    form = {
        "grant_type": "authorization_code", "code": returned["code"], "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }  # fmt: skip
    answer = httpx.post(f"{issuer.url}/token", data=form, auth=(client["client_id"], client["client_secret"]))
    assert answer.status_code == 200, answer.text
    return str(json.loads(answer.content)["id_token"])


def undelivered(issuer: Issuer, client: dict[str, str]) -> list[dict[str, Any]]:
    """What `blindage client show` says of the app's messages."""
    messages: list[dict[str, Any]] = issuer.run("client", "show", client["client_id"], "--json")["undelivered_messages"]
    return messages


def soon(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until something holds; fail with `what` when it does not in time."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)
