"""A Redis (or Valkey) of the tests' own that keeps nothing on disk."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import redis

from tests.server_process import ServerProcess, start_server


@contextlib.contextmanager
def running_redis(program: Path, directory: Path) -> Iterator[ServerProcess]:
    """Start `program` with `directory` as its working directory; stopped at the end."""
    settings = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    server = start_server(
        lambda port: [program, "--port", str(port), *settings],
        _answers,
        directory / "log",
        cwd=directory,
    )
    try:
        yield server
    finally:
        server.stop()


def _answers(port: int) -> bool:
    try:
        with redis.Redis(port=port, socket_timeout=5) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
