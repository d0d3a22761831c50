"""The shipped nginx and haproxy templates in front of two nodes: what passes, what does not, restarts (F12, G09)."""

import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.deploy.stack import PROXIES, Stack
from tests.deploy.traffic import BrowsedApp, Traffic
from tests.races.apps import Code
from tests.races.barrier import Connection

WRONG = Code("wrong", "w" * 43)


@pytest.fixture(scope="module")
def app(stack: Stack) -> Iterator[BrowsedApp]:
    """A confidential app with one person who signed in through nginx."""
    with stack.behind("nginx"):
        app = BrowsedApp(stack.issuer, [stack.issuer.url])
    yield app
    app.close()


@pytest.mark.parametrize("proxy", PROXIES)
def test_person_signs_in_and_app_redeems_the_code_through_the_proxy(
    stack: Stack, app: BrowsedApp, proxy: str
) -> None:
    with stack.behind(proxy) as url:
        connection = Connection(url, url)
        answer = app.redeem(connection, app.sign_in_anew())
        assert answer.status == 200
        assert {"access_token", "id_token", "refresh_token"} <= answer.body.keys()
        document = httpx.get(f"{url}/.well-known/openid-configuration").json()
        assert document["issuer"] == url
        connection.close()


@pytest.mark.parametrize("proxy", PROXIES)
def test_limits_count_the_address_the_proxy_saw_and_no_claimed_one(stack: Stack, app: BrowsedApp, proxy: str) -> None:
    network = PROXIES.index(proxy) + 3
    with stack.behind(proxy):
        guesser, neighbour = f"127.{network}.0.1", f"127.{network}.0.2"
        statuses = []
        with _client(guesser) as client:
            for number in range(130):
                headers = {"X-Forwarded-For": f"203.0.113.{number}", "Forwarded": f"for=203.0.113.{number}"}
                statuses.append(_guess(client, app, headers))
        # Both nodes count in Redis: together they bear 60 a minute, and each learns of the end by one try of its own.
        # On the edge of a minute as many again.
        assert set(statuses) == {401, 429}
        assert statuses.count(401) <= 122
        with _client(neighbour) as client:
            assert _guess(client, app, {}) == 401


@pytest.mark.parametrize("proxy", PROXIES)
def test_paths_for_the_operator_are_closed_to_the_outside(stack: Stack, proxy: str) -> None:
    with stack.behind(proxy) as url:
        assert {path: httpx.get(url + path).status_code for path in ("/readyz", "/healthz", "/metrics")} == {
            "/readyz": 404, "/healthz": 404, "/metrics": 404,
        }  # fmt: skip


@pytest.mark.parametrize("proxy", PROXIES)
def test_too_large_requests_are_refused_and_never_a_5xx(stack: Stack, app: BrowsedApp, proxy: str) -> None:
    with stack.behind(proxy) as url:
        for size in (1_000, 6_000, 13_000, 15_000, 16_000, 40_000):
            statuses = {
                "one line": httpx.get(f"{url}/jwks", headers={"X-Large": "x" * size}).status_code,
                "many lines": httpx.get(
                    f"{url}/jwks", headers={f"X-{n}": "x" * (size // 10) for n in range(10)}
                ).status_code,
            }
            assert set(statuses.values()) <= ({200} if size <= 13_000 else {200, 400, 414, 431}), (size, statuses)
        # Read by a node, which misses the client's credentials in it.
        assert _post(url, b"x" * 60_000).status_code == 401
        assert _post(url, b"x" * 70_000).status_code == 413
        chunked = httpx.post(f"{url}/token", content=iter([b"x" * 10_000] * 10), headers=_FORM)
        assert chunked.status_code == 413


@pytest.mark.parametrize("proxy", PROXIES)
def test_half_sent_requests_hold_no_thread_of_a_node(stack: Stack, app: BrowsedApp, proxy: str) -> None:
    """80 senders that stop half-way: more than both nodes have threads (32 each)."""
    with stack.behind(proxy) as url:
        head = f"POST /token HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n".encode()
        typed = head + b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 60000\r\n\r\n"
        slow = [_open(url, head) for _ in range(40)] + [_open(url, typed + b"x" * 30_000) for _ in range(40)]
        try:
            begun = time.monotonic()
            connection = Connection(url, url, "127.9.0.1")
            for _ in range(20):
                assert app.redeem(connection, WRONG).status == 400
            connection.close()
            assert time.monotonic() - begun < 5
        finally:
            for sender in slow:
                sender.close()


@pytest.mark.long
@pytest.mark.parametrize("proxy", PROXIES)
def test_slow_headers_are_cut_off(stack: Stack, proxy: str) -> None:
    with stack.behind(proxy) as url:
        sender = _open(url, b"GET / HTTP/1.1\r\nX-Slow: ")
        sender.settimeout(15)
        begun = time.monotonic()
        try:
            while sender.recv(4096):
                pass
        except ConnectionError:
            pass
        assert 8 < time.monotonic() - begun < 14
        sender.close()


def _roll(stack: Stack, app: BrowsedApp, proxy: str, restarts: int, least: int, clients: int = 8) -> None:
    """Restart nodes by the shipped script under traffic; every request must end as if nothing happened."""
    before = [node.starts for node in stack.nodes]
    with stack.behind(proxy), Traffic(app, clients, pause=0.02) as traffic:
        time.sleep(1)
        for _ in range(restarts // 2):
            stack.rolling_restart(proxy)
        deadline = time.monotonic() + 1800
        while len(traffic.requests) < least and time.monotonic() < deadline:
            time.sleep(0.2)
        # Later requests must find both nodes back.
        time.sleep(0.5)
    print(f"{proxy}, {restarts} restarts: {traffic.summary()}")
    assert traffic.failed() == [], traffic.broken
    assert len(traffic.requests) >= least
    assert sum(node.starts for node in stack.nodes) - sum(before) == restarts


@pytest.mark.long
@pytest.mark.parametrize("proxy", PROXIES)
def test_killed_nodes_are_seen_by_the_traffic(stack: Stack, app: BrowsedApp, proxy: str) -> None:
    """The control: without a drain requests do fail, and the traffic says so."""
    with stack.behind(proxy), Traffic(app, 16) as traffic:
        for node in (*stack.nodes, *stack.nodes):
            time.sleep(1)
            os.kill(int(node.pid_file.read_text()), signal.SIGKILL)
            time.sleep(1)
            stack.wait_ready()
    print(f"{proxy}, 4 kills: {traffic.summary()}")
    assert traffic.failed() != []


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("proxy", PROXIES)
def test_eight_restarts_under_30_000_requests_fail_none(stack: Stack, app: BrowsedApp, proxy: str) -> None:
    _roll(stack, app, proxy, restarts=8, least=30_000, clients=16)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("proxy", PROXIES)
def test_no_tls_session_is_resumed_by_which_a_browser_would_be_known_again(
    stack: Stack, proxy: str, version: ssl.TLSVersion
) -> None:
    with stack.behind(proxy) as url:
        context = ssl.create_default_context()
        context.minimum_version = context.maximum_version = version
        parts = urlsplit(url)
        session = None
        for _ in range(3):
            plain = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
            with context.wrap_socket(plain, server_hostname=parts.hostname, session=session) as secured:
                # In TLS 1.3 tickets come after the handshake, with the first answer.
                secured.sendall(f"GET /jwks HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
                assert secured.recv(12) == b"HTTP/1.1 200"
                assert not secured.session_reused
                session = secured.session


_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def _guess(client: httpx.Client, app: BrowsedApp, headers: dict[str, str]) -> int:
    form = {"grant_type": "refresh_token", "refresh_token": "guessed"}
    guessed = (app.client_id, "not the secret")
    return client.post(f"{app.issuer.url}/token", data=form, auth=guessed, headers=headers).status_code


def _client(address: str) -> httpx.Client:
    return httpx.Client(transport=httpx.HTTPTransport(local_address=address, verify=ssl.create_default_context()))


def _post(url: str, body: bytes) -> httpx.Response:
    return httpx.post(f"{url}/token", content=body, headers=_FORM)


def _open(url: str, sent: bytes) -> ssl.SSLSocket:
    parts = urlsplit(url)
    connection = socket.create_connection((parts.hostname or "", parts.port or 0), timeout=10)
    secured = ssl.create_default_context().wrap_socket(connection, server_hostname=parts.hostname)
    secured.sendall(sent)
    return secured
