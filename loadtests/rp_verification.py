"""What it costs an app to check an age token off line: the demo app's gate, copied as its reader would copy it.

Run as a program (`python -m loadtests.rp_verification GATE`) it prints how many whole checks a second one core makes:
header parsed, challenge compared, key found, signature verified, nonce noted in memory. Keeping nonces is the app's own
affair, and as dear as its database.
"""

import importlib.util
import json
import shutil
import statistics
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from crypto.blind_rsa_keys import BlindRsaKey
from crypto.encoding import b64_padded_url_encode
from crypto.privacy_pass import TOKEN_TYPE_BLIND_RSA, Token
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import create_token_request, finalize_token
from crypto.privacy_pass_directory import IssuerDirectory, TokenKey
from crypto.privacy_pass_issuer import issue
from loadtests.machine import SERVER_CORE, pinned

RP_VERIFICATION = "rp_verification"
_GATE = Path(__file__).parent.parent / "relying_party_demo" / "private_token_gate.py"
_TOKENS = 500
_SECONDS = 1.0
_NAMES = ("id.example", "app.example")


def measure_rp_verification(directory: Path, rounds: int) -> tuple[float, float]:
    """Checks a second of the server core, by the clock and by processor time: medians of `rounds`."""
    copy = directory / "gate.py"
    shutil.copy(_GATE, copy)
    command = pinned(SERVER_CORE, [sys.executable, "-m", "loadtests.rp_verification", str(copy)])
    found = []
    for _ in range(rounds):
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
        found.append(json.loads(done.stdout))
    by_clock, by_processor = zip(*found, strict=True)
    return statistics.median(by_clock), statistics.median(by_processor)


def _headers(key: BlindRsaKey) -> list[str]:
    """`Authorization` headers with good tokens, each once."""
    challenge = TokenChallenge(TOKEN_TYPE_BLIND_RSA, _NAMES[0], b"", _NAMES[1])
    return [f'PrivateToken token="{_encoded(_token(challenge, key))}"' for _ in range(_TOKENS)]


def _token(challenge: TokenChallenge, key: BlindRsaKey) -> Token:
    request, pending = create_token_request(challenge, key.public)
    return finalize_token(pending, issue(request, {key.public.truncated_token_key_id: key}))


def _encoded(token: Token) -> str:
    return b64_padded_url_encode(token.to_bytes())


def _rates(gate_file: Path) -> tuple[float, float]:
    key = BlindRsaKey.generate()
    headers = _headers(key)
    spent: set[bytes] = set()

    def spend(nonce: bytes, until: int) -> bool:
        known = nonce in spent
        spent.add(nonce)
        return not known

    with _directory_server(key) as address:
        gate = _load(gate_file).PrivateTokenGate(address, *_NAMES, spend)
        assert gate.admits(headers[0]) and not gate.admits(headers[0])
    checked, wall, processor = 0, time.perf_counter(), time.process_time()
    while time.process_time() - processor < _SECONDS:
        spent.clear()
        # A check that refuses costs less, so each must be a good one.
        assert all(gate.admits(header) for header in headers)
        checked += len(headers)
    return checked / (time.perf_counter() - wall), checked / (time.process_time() - processor)


def _load(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location("copied_gate", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class _directory_server:
    """The issuer's directory on loopback, for the one time that the gate asks."""

    def __init__(self, key: BlindRsaKey) -> None:
        listed = TokenKey(TOKEN_TYPE_BLIND_RSA, key.public.to_spki(), int(time.time()) - 60)
        document = IssuerDirectory("/token-request", (listed,)).to_json()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(document)))
                self.end_headers()
                self.wfile.write(document)

            def log_message(self, *_: object) -> None:
                """Nothing to the terminal."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


if __name__ == "__main__":
    print(json.dumps(_rates(Path(sys.argv[1]))))
