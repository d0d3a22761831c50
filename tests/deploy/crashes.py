"""Servers beside the nodes that crash and come back at the same address: the database's postmaster, and Redis."""

import os
import pwd
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.postgresql import PostgresCluster
from tests.server_process import ServerProcess

_SECONDS = 30.0


def kill_postmaster(cluster: PostgresCluster) -> None:
    """kill -9 of the postmaster. Its children notice and leave by themselves, which takes a moment."""
    cluster.server.process.kill()
    cluster.server.process.wait()


def restart_postmaster(cluster: PostgresCluster) -> None:
    """Start it again and return once it has recovered; old backends keep the shared memory for up to a second."""
    data = cluster.directory / "data"
    deadline = time.monotonic() + _SECONDS
    while True:
        process = _again(cluster.server, user=_owner(data), cwd=cluster.directory)
        while process.poll() is None:
            try:
                cluster.connect().close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "the database did not recover"
                time.sleep(0.05)
        assert time.monotonic() < deadline, "the database did not start again"
        time.sleep(0.1)


def freeze(server: ServerProcess) -> None:
    """Stop it where it stands: connections stay open and nothing is answered."""
    os.kill(server.process.pid, signal.SIGSTOP)


def thaw(server: ServerProcess) -> None:
    """Let it go on."""
    os.kill(server.process.pid, signal.SIGCONT)


def kill_redis(server: ServerProcess) -> None:
    """kill -9; what it held is gone."""
    server.process.kill()
    server.process.wait()


def restart_redis(server: ServerProcess, directory: Path) -> None:
    """Start it again, empty."""
    _again(server, cwd=directory)
    deadline = time.monotonic() + _SECONDS
    while True:
        try:
            flush(server)
            return
        except redis.RedisError:
            assert time.monotonic() < deadline, "Redis did not start again"
            time.sleep(0.05)


def flush(server: ServerProcess) -> None:
    """FLUSHALL."""
    with redis.Redis(port=server.port, socket_timeout=5) as client:
        client.flushall()


def _again(server: ServerProcess, **popen: Any) -> "subprocess.Popen[bytes]":
    with server.log.open("ab") as output:
        server.process = subprocess.Popen(
            server.process.args, stdin=subprocess.DEVNULL, stdout=output, stderr=output, **_as(popen)
        )
    return server.process


def _as(popen: dict[str, Any]) -> dict[str, Any]:
    user = popen.pop("user", None)
    if user is None or os.geteuid() != 0:
        return popen
    return {**popen, "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


def _owner(path: Path) -> pwd.struct_passwd:
    return pwd.getpwuid(path.stat().st_uid)
