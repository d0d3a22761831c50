"""What no server can do without, measured alone on the server core: the limit that a run's figures are held against.

Computation is counted by processor time, so that a busy machine does not lower the limit; the disk by the clock. Run as
a program (`python -m loadtests.raw_limits DIRECTORY NAME...`) it prints JSON.
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

BLIND_RSA = "blind_rsa_private_operations"
NAMES = ("es256_signatures", BLIND_RSA, "blind_rsa_signatures_checked", "sqlite_full_writes_in_groups_of_32")


def measure_raw_limits(directory: Path, *names: str) -> dict[str, float]:
    """Operations a second of the server core, of those named (of `NAMES`)."""
    command = pinned(SERVER_CORE, [sys.executable, "-m", "loadtests.raw_limits", str(directory), *names])
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    limits: dict[str, float] = json.loads(done.stdout)
    return limits


def _operation(name: str, directory: Path) -> Callable[[], object]:
    """One operation, ready to be repeated."""
    if name == "es256_signatures":
        signing, algorithm, message = ec.generate_private_key(ec.SECP256R1()), ec.ECDSA(SHA256()), bytes(300)
        return lambda: signing.sign(message, algorithm)
    if name == "sqlite_full_writes_in_groups_of_32":
        return _grouped_commit(directory)
    blind = BlindRsaKey.generate()
    block = bytes(1) + secrets.token_bytes(255)
    if name == BLIND_RSA:
        return lambda: blind.operation.private(block)
    return lambda: blind_sign(blind, block)


def _limits(directory: Path, names: list[str]) -> dict[str, float]:
    limits = {}
    for name in names:
        on_disk = name.startswith("sqlite")
        clock = time.perf_counter if on_disk else time.process_time
        limits[name] = _rate(_operation(name, directory), clock) * (_GROUP if on_disk else 1)
    return limits


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


def _rate(operation: Callable[[], object], clock: Callable[[], float]) -> float:
    """Times a second, over a good half second after one to warm up."""
    operation()
    done, start = 0, clock()
    while (passed := clock() - start) < _SECONDS:
        operation()
        done += 1
    return done / passed


if __name__ == "__main__":
    print(json.dumps(_limits(Path(sys.argv[1]), sys.argv[2:])))
