"""What no server can do without, measured alone on the server core: the limit that a run's figures are held against.

Run as a program (`python -m loadtests.raw_limits DIRECTORY`) it prints JSON; `measure_raw_limits` does so, pinned.
"""

import json
import secrets
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

from crypto.blind_rsa import blind_sign
from crypto.blind_rsa_keys import BlindRsaKey
from loadtests.machine import SERVER_CORE, pinned

_SECONDS = 0.7
_GROUP = 32
"""Writes that share a commit: as many as a server has threads."""


def measure_raw_limits(directory: Path) -> dict[str, float]:
    """Operations a second on the server core: see `_limits`."""
    command = pinned(SERVER_CORE, [sys.executable, "-m", "loadtests.raw_limits", str(directory)])
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    limits: dict[str, float] = json.loads(done.stdout)
    return limits


def _limits(directory: Path) -> dict[str, float]:
    signing = ec.generate_private_key(ec.SECP256R1())
    algorithm = ec.ECDSA(SHA256())
    message = secrets.token_bytes(300)
    blind = BlindRsaKey.generate()
    block = bytes(1) + secrets.token_bytes(255)
    return {
        "es256_signatures": _rate(lambda: signing.sign(message, algorithm)),
        "blind_rsa_private_operations": _rate(lambda: blind.operation.private(block)),
        "blind_rsa_signatures_checked": _rate(lambda: blind_sign(blind, block)),
        "sqlite_full_writes_in_groups_of_32": _rate(_grouped_commit(directory)) * _GROUP,
    }


def _grouped_commit(directory: Path) -> Callable[[], object]:
    from pysqlite3 import dbapi2

    connection = dbapi2.connect(str(directory / "raw.sqlite"), isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS grants (id BLOB PRIMARY KEY, sealed BLOB) WITHOUT ROWID")
    sealed = secrets.token_bytes(200)
    clock = iter(range(10**9))

    def commit() -> None:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(_GROUP):
            name = next(clock).to_bytes(4, "big") + secrets.token_bytes(12)
            connection.execute("INSERT INTO grants VALUES (?, ?)", (name, sealed))
        connection.execute("COMMIT")

    return commit


def _rate(operation: Callable[[], object]) -> float:
    """Times a second, over a good half second after one to warm up."""
    operation()
    done, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < _SECONDS:
        operation()
        done += 1
    return done / passed


if __name__ == "__main__":
    print(json.dumps(_limits(Path(sys.argv[1]))))
