"""A PostgreSQL cluster of the tests' own, durable as in production (fsync on), with databases on request."""

import contextlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from tests.server_process import ServerProcess, start_server

_ROLE = "blindage"
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "timezone": "UTC",
}


class PostgresCluster:
    """A running cluster; `server` is its postmaster, `directory` holds its data and its unix socket."""

    def __init__(self, server: ServerProcess, directory: Path) -> None:
        self.server = server
        self.directory = directory

    def create_database(self) -> str:
        """Make an empty database; returns its SQLAlchemy address (TCP on loopback)."""
        name = f"test_{uuid.uuid4().hex}"
        self.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
        return f"postgresql+psycopg://{_ROLE}@127.0.0.1:{self.server.port}/{name}"

    def drop_database(self, url: str) -> None:
        """Remove a database of `create_database`, ending the connections that are left."""
        name = re.fullmatch(r".*/(test_[0-9a-f]{32})", url)
        if name is None:
            raise ValueError(f"not a database of create_database: {url}")
        self.execute(f'DROP DATABASE IF EXISTS "{name[1]}" WITH (FORCE)')

    def execute(self, statement: str) -> None:
        """Run one administrative statement outside any transaction, over the unix socket."""
        with self.connect() as connection:
            connection.execute(statement.encode())

    def connect(self) -> "psycopg.Connection[Any]":
        """A connection to the maintenance database, committing each statement."""
        return _connect(self.directory, self.server.port)


@contextlib.contextmanager
def running_postgresql(programs: Path) -> Iterator[PostgresCluster]:
    """Make and start a cluster with the `programs` of one version; stopped and removed at the end.

    PostgreSQL refuses to run as root: then it runs as the user `postgres`.
    """
    # Not under pytest's directories: they are closed to other users, and too long for a unix socket's name.
    directory = Path(tempfile.mkdtemp(prefix="blindage-pg-"))
    try:
        user = _unprivileged(directory)
        data = directory / "data"
        locale = ["--encoding", "UTF8", "--locale", "C"]
        subprocess.run(
            [programs / "initdb", "-D", data, "-U", _ROLE, "--auth", "trust", *locale, "--no-sync"],
            check=True, capture_output=True, timeout=120, cwd=directory, **user,
        )
        settings = [f"--{name}={value}" for name, value in _SETTINGS.items()]
        server = start_server(
            lambda port: [programs / "postgres", "-D", data, "-k", directory, "-p", str(port), *settings],
            lambda port: _answers(directory, port),
            directory / "log",
            cwd=directory, **user,
        )
        try:
            yield PostgresCluster(server, directory)
        finally:
            # Fast shutdown: what is still connected is cut off.
            server.stop(signal.SIGINT)
    finally:
        shutil.rmtree(directory)


def _connect(directory: Path, port: int) -> "psycopg.Connection[Any]":
    return psycopg.connect(
        host=str(directory), port=port, user=_ROLE, dbname="postgres", autocommit=True, connect_timeout=5
    )


def _answers(directory: Path, port: int) -> bool:
    try:
        _connect(directory, port).close()
    except psycopg.OperationalError:
        return False
    return True


def _unprivileged(directory: Path) -> dict[str, Any]:
    if os.geteuid() != 0:
        return {}
    postgres = pwd.getpwnam("postgres")
    os.chown(directory, postgres.pw_uid, postgres.pw_gid)
    return {"user": postgres.pw_uid, "group": postgres.pw_gid, "extra_groups": []}
