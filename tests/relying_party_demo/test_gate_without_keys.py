"""The PrivateToken gate before it has ever seen a key: nobody who knocks makes it ask the issuer again and again."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from relying_party_demo.private_token_gate import RETRY_SECONDS, PrivateTokenGate

KNOCK = "PrivateToken token=" + "AAKA".ljust(472, "A")


@contextmanager
def _issuer(body: bytes, hold: threading.Event) -> Iterator[tuple[str, list[str]]]:
    """Its address, and the requests that came; each is answered once `hold` is set."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            hold.wait(10)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, args=(0.05,))
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        hold.set()
        server.shutdown()
        serving.join()
        server.server_close()


def _gate(issuer: str, moment: list[float]) -> PrivateTokenGate:
    return PrivateTokenGate(issuer, "issuer.example", "app.example", lambda nonce, until: True, lambda: moment[0])


@pytest.mark.parametrize("body", [b'{"token-keys": []}', b"gone", b"[]", b'{"token-keys": [{"token-type": 2}]}'])
def test_without_keys_the_issuer_is_asked_once_in_a_while(body: bytes) -> None:
    moment, free = [1000.0], threading.Event()
    free.set()
    with _issuer(body, free) as (issuer, asked):
        gate = _gate(issuer, moment)
        for _ in range(20):
            assert not gate.admits(KNOCK) and gate.www_authenticate() is None
        assert len(asked) == 1
        moment[0] += RETRY_SECONDS
        assert gate.www_authenticate() is None
        assert len(asked) == 2


def test_while_one_waits_for_the_issuer_the_others_are_answered_at_once() -> None:
    free = threading.Event()
    with _issuer(b"gone", free) as (issuer, asked), ThreadPoolExecutor(8) as threads:
        gate = _gate(issuer, [1000.0])
        knocks = [threads.submit(gate.www_authenticate) for _ in range(8)]
        # All but the one who asked, or two who came in the same instant, before the issuer has said a word.
        for _ in range(4000):
            if sum(knock.done() for knock in knocks) >= 6:
                break
            threading.Event().wait(0.005)
        assert sum(knock.done() for knock in knocks) >= 6
        free.set()
        assert [knock.result(10) for knock in knocks] == [None] * 8
        assert 1 <= len(asked) <= 2
