"""Blindage as a contestant, on its embedded database or on PostgreSQL, with everything that belongs to production."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from loadtests.contestant import Codes, Contestant, Kind, Paths
from loadtests.interpreter import PYTHON, ROOT
from loadtests.machine import LOAD_CORE, SERVER_CORE, children_of, pinned
from loadtests.postgresql import Cluster, programs
from loadtests.process import Program, answers, free_port

BLINDAGE = [PYTHON, "-c", "from idp.cli import main; main()"]
_CODE_SECONDS = 600
_MINTING: dict[Kind, list[str]] = {"exchange": [], "refresh": ["--refresh"], "wallet": ["--scope", "age_tokens"]}


class BlindageSqlite(Contestant):
    """One worker on SQLite: write-ahead log, synchronous=FULL, grouped commits. Only the rate limits are off."""

    name = "blindage_sqlite"
    label = "Blindage, SQLite FULL"
    ours = True
    paths = Paths(token_request="/token-request", token_key="/token-keys/current")

    core: int | None = SERVER_CORE
    """Where the server runs; None: on every core."""
    workers = 1
    settings: Mapping[str, str] = {}
    """More of the server's environment."""

    _environ: dict[str, str]

    def start(self, directory: Path) -> None:
        """As an operator would start it, on its core."""
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._environ = {**own_environment(self.address, directory, self._database()), **self.settings}
        self._prepare()
        serve = [*BLINDAGE, "serve", "--port", str(port), "--workers", str(self.workers)]
        serve = serve if self.core is None else pinned(self.core, serve)
        self.program = Program(serve, self._environ, directory, log=directory / "log")
        self.program.wait_until(lambda: answers(port, "/readyz"))

    def mint(self, count: int, kind: Kind) -> Codes:
        """Made beside the running server with its own keys; they outlive the standard's minute, on loopback only."""
        options = ["--count", str(count), "--valid-for", str(_CODE_SECONDS), "--people", "16"]
        return Codes.parse(self.command("mint-codes", *options, *_MINTING[kind]))

    def command(self, *arguments: str, words: str = "") -> str:
        """Run a `blindage` command with this server's settings; what it prints. RuntimeError when it refuses."""
        return run_command(self._environ, arguments, words)

    def command_json(self, *arguments: str) -> dict[str, object]:
        """The same with `--json`, read."""
        told: dict[str, object] = json.loads(self.command(*arguments, "--json"))
        return told

    @property
    def data(self) -> Path:
        """Its data directory."""
        return Path(self._environ["BLINDAGE_DATA_DIR"])

    def worker(self) -> int:
        """The process id of the one worker, for a profiler."""
        return children_of(self.program.pid)[-1]

    def _database(self) -> str | None:
        return None

    def _prepare(self) -> None:
        """Nothing: the embedded database makes its tables itself."""


class BlindagePostgresql(BlindageSqlite):
    """One worker on PostgreSQL with synchronous commits; the database shares the core and is counted."""

    name = "blindage_postgresql"
    label = "Blindage, PostgreSQL synchronous (database on the same core, counted)"

    database_core: int | None = SERVER_CORE
    database_settings: Mapping[str, str] = {}

    _cluster: Cluster

    def missing(self) -> str | None:
        """PostgreSQL is Debian's to install."""
        return None if programs() else "PostgreSQL is not installed"

    def processes(self) -> list[int]:
        """The database's processes count as this server's."""
        return [self.program.pid, self.database_pid]

    @property
    def database_pid(self) -> int:
        """The database's own root."""
        return self._cluster.pid

    @property
    def conninfo(self) -> str:
        """libpq's address of the database, for its owner."""
        return self._cluster.conninfo

    def stop(self) -> None:
        """The server first, then its database."""
        super().stop()
        self._cluster.stop()

    def _database(self) -> str:
        binaries = programs()
        assert binaries is not None
        self._cluster = Cluster(binaries, self.database_core, **self.database_settings)
        return self._cluster.url

    def _prepare(self) -> None:
        self.command("db", "upgrade")


OWN: tuple[type[BlindageSqlite], ...] = (BlindageSqlite, BlindagePostgresql)


def run_command(environ: Mapping[str, str], arguments: Sequence[str], words: str = "") -> str:
    """Run a `blindage` command on the load's core; what it prints. RuntimeError when it refuses."""
    done = subprocess.run(
        pinned(LOAD_CORE, [*BLINDAGE, *arguments]), env=dict(environ), input=words,
        capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"blindage {arguments[0]}: {done.stderr[-2000:]}")
    return done.stdout


def own_environment(issuer: str, directory: Path, database_url: str | None) -> dict[str, str]:
    """Settings of a server under load: data of its own, and no limits by address, since the load comes from one."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("BLINDAGE_")}
    environ |= {
        "BLINDAGE_ISSUER": issuer,
        "BLINDAGE_DATA_DIR": str(directory / "data"),
        "BLINDAGE_RATE_LIMITS": "off",
        # Few people have many tokens signed: each batch is new and is charged.
        "BLINDAGE_TOKEN_QUOTA": "1000000",
        # The program is this one, whichever interpreter runs it.
        "PYTHONPATH": str(ROOT),
    }
    if database_url is not None:
        environ["BLINDAGE_DATABASE_URL"] = database_url
    return environ
