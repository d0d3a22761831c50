"""A PostgreSQL cluster of the benchmark's own, pinned to the server core, durable as it comes (fsync, synchronous)."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from loadtests.machine import SERVER_CORE, pinned
from loadtests.process import Program, free_port

_ROLE = "blindage"
_DEBIAN = Path("/usr/lib/postgresql")


def programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs, or None where there is none."""
    found = [path for path in _DEBIAN.glob("*/bin") if (path / "initdb").exists()]
    if found:
        return max(found, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


class Cluster:
    """A running cluster on loopback with an empty database; `url` is its SQLAlchemy address, `conninfo` libpq's."""

    def __init__(self, binaries: Path, core: int | None = SERVER_CORE, **settings: str) -> None:
        """Made and started on one core, or on all (None), with settings of its own besides (`max_wal_size="8GB"`)."""
        # A unix socket's name is short, and the database's user must reach the folder.
        self._directory = Path(tempfile.mkdtemp(prefix="blindage-bench-"))
        user = self._unprivileged()
        data = self._directory / "data"
        initdb = [
            str(binaries / "initdb"), "-D", str(data), "-U", _ROLE, "--auth", "trust", "--encoding", "UTF8",
            "--locale", "C",
        ]  # fmt: skip
        subprocess.run(
            initdb, check=True, capture_output=True, cwd=self._directory, timeout=120,
            user=user, group=user, extra_groups=None if user is None else [],
        )  # fmt: skip
        port = free_port()
        postgres = [
            str(binaries / "postgres"), "-D", str(data), "-k", str(self._directory), "-p", str(port),
            "--listen_addresses=127.0.0.1", "--timezone=UTC",
            *(f"--{name}={value}" for name, value in settings.items()),
        ]  # fmt: skip
        command = postgres if core is None else pinned(core, postgres)
        self._program = Program(command, os.environ, self._directory, log=self._directory / "log", user=user)
        self.url = f"postgresql+psycopg://{_ROLE}@127.0.0.1:{port}/postgres"
        self.conninfo = f"host=127.0.0.1 port={port} user={_ROLE} dbname=postgres connect_timeout=5"
        self._program.wait_until(self._ready)

    @property
    def pid(self) -> int:
        """The postmaster, root of all of the database's processes."""
        return self._program.pid

    def stop(self) -> None:
        """Fast shutdown; the data goes."""
        self._program.stop(signal.SIGINT)
        shutil.rmtree(self._directory)

    def version(self) -> str:
        """The server's version."""
        with psycopg.connect(self.conninfo) as connection:
            return str(connection.info.server_version // 10000)

    def _ready(self) -> bool:
        try:
            psycopg.connect(self.conninfo).close()
        except psycopg.OperationalError:
            return False
        return True

    def _unprivileged(self) -> int | None:
        """PostgreSQL refuses to run as root: then it runs as the user `postgres`."""
        if os.geteuid() != 0:
            return None
        user = pwd.getpwnam("postgres")
        os.chown(self._directory, user.pw_uid, user.pw_gid)
        return user.pw_uid
