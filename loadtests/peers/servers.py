"""The peers as contestants: how each is started and how its authorization codes are prepared."""

import base64
import json
import os
import subprocess
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from loadtests.contestant import Codes, Contestant, Kind, Paths
from loadtests.machine import LOAD_CORE, SERVER_CORE, pinned
from loadtests.peers.installation import NotInstalled, node_peer, python_peer
from loadtests.process import Program, answers, free_port

_HERE = Path(__file__).parent
_GUNICORN_THREADS = 8
"""Of 2, 4, 8 and 32 the best, or near it, for both servers on one core (measured)."""


class _Peer(Contestant):
    _environ: dict[str, str]

    def missing(self) -> str | None:
        """Installs the peer at first use."""
        try:
            self._install()
        except NotInstalled as error:
            return str(error)
        return None

    def _install(self) -> None:
        raise NotImplementedError

    def _settle(self, directory: Path, key: bytes, database: str) -> int:
        """Choose a port and write down what the peer is told through its environment."""
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        (directory / "key").write_bytes(key)
        self._environ = {
            **_environ(), "PEER_ISSUER": self.address, "PEER_PORT": str(port), "PEER_KEY": str(directory / "key"),
            "PEER_DATABASE": database,
        }  # fmt: skip
        return port


class _PythonPeer(_Peer):
    """A WSGI application under gunicorn, one worker with threads and keep-alive."""

    folder: str
    application: str
    _python: Path

    def _install(self) -> None:
        self._python = python_peer(self.folder)

    def _key(self) -> bytes:
        return json.dumps(_p256_jwk()).encode()

    def start(self, directory: Path) -> None:
        """The tables are made by minting nothing, before the server starts."""
        port = self._settle(directory, self._key(), str(directory / "peer.sqlite"))
        self.mint(0, "exchange")
        gunicorn = [
            str(self._python), "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--workers", "1",
            "--worker-class", "gthread", "--threads", str(_GUNICORN_THREADS), "--keep-alive", "75",
            "--no-control-socket", self.application,
        ]  # fmt: skip
        self.program = Program(
            pinned(SERVER_CORE, gunicorn), self._environ, _HERE / self.folder, log=directory / "log"
        )
        self.program.wait_until(lambda: answers(port, self.paths.jwks))

    def mint(self, count: int, kind: Kind) -> Codes:
        """Rows in the peer's own tables, written beside the running server."""
        command = pinned(LOAD_CORE, [str(self._python), "mint.py", str(count), kind])
        done = subprocess.run(
            command, cwd=_HERE / self.folder, env=self._environ, capture_output=True, text=True, timeout=300
        )
        if done.returncode:
            raise RuntimeError(done.stderr[-2000:])
        return Codes.parse(done.stdout)


class Textbook(_PythonPeer):
    """Flask, Authlib's stock grants, SQLAlchemy's ORM."""

    name = "textbook"
    label = "textbook: Flask + Authlib + SQLAlchemy ORM, SQLite FULL, gunicorn"
    folder = "textbook"
    application = "provider:create_app()"
    paths = Paths(discovery="")


class DjangoToolkit(_PythonPeer):
    """django-oauth-toolkit as its documentation sets it up."""

    name = "django"
    label = "django-oauth-toolkit, SQLite FULL, gunicorn (RS256: it has no ES256)"
    folder = "django"
    application = "provider:application"
    algorithm = "RS256"
    works = ("code_exchange", "refresh")
    paths = Paths(token="/token/", userinfo="/userinfo/", introspection="/introspect/", jwks="/.well-known/jwks.json")

    def _key(self) -> bytes:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class _Node(_Peer):
    paths = Paths(token="/token", userinfo="/me", introspection="/token/introspection")
    on_disk: bool
    _directory: Path

    def _install(self) -> None:
        self._node, self._home = node_peer()

    def start(self, directory: Path) -> None:
        """One process, as Node serves."""
        self._directory = directory
        database = str(directory / "peer.sqlite") if self.on_disk else ""
        port = self._settle(directory, json.dumps(_p256_jwk()).encode(), database)
        command = pinned(SERVER_CORE, [str(self._node), "provider.mjs"])
        self.program = Program(
            command, {**self._environ, "NODE_ENV": "production"}, self._home, log=directory / "log", talks=True
        )
        self.program.wait_until(lambda: answers(port, self.paths.jwks))

    def mint(self, count: int, kind: Kind) -> Codes:
        """Made by the server process itself: its memory is where codes live."""
        file = self._directory / "codes"
        answer = self.program.ask(f"{count} {kind} {file}")
        if answer != "ready":
            raise RuntimeError(f"{answer!r}, {self.program.state()}: {self.program.log.read_text()[-2000:]}")
        return Codes.parse(file.read_text())


class NodeMemory(_Node):
    """node-oidc-provider with its own in-memory adapter: nothing is durable."""

    name = "node_memory"
    label = "node-oidc-provider on Node 24, in memory (not durable)"
    on_disk = False


class NodeSqlite(_Node):
    """node-oidc-provider with an adapter of ours on node:sqlite."""

    name = "node_sqlite"
    label = "node-oidc-provider on Node 24, node:sqlite FULL"
    works = ("code_exchange", "refresh")
    on_disk = True


PEERS: tuple[type[Contestant], ...] = (NodeMemory, NodeSqlite, Textbook, DjangoToolkit)


def _environ() -> dict[str, str]:
    # Nothing of the calling environment that would change how the peers' interpreters behave.
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}


def _p256_jwk() -> dict[str, str]:
    """A fresh private P-256 key as a JWK (RFC 7518, section 6.2)."""
    numbers = ec.generate_private_key(ec.SECP256R1()).private_numbers()
    point = numbers.public_numbers
    values = {"x": point.x, "y": point.y, "d": numbers.private_value}
    encoded = {
        name: base64.urlsafe_b64encode(value.to_bytes(32, "big")).rstrip(b"=").decode()
        for name, value in values.items()
    }
    return {"kty": "EC", "crv": "P-256", "kid": "bench", "alg": "ES256", "use": "sig", **encoded}
