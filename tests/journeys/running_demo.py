"""A real `blindage demo` as a process of its own, on free ports and in a directory of its own."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.server_process import free_port

BLINDAGE = (sys.executable, "-c", "from idp.cli import main; main()")
READY = "Ready."
_TAKEN = "Address already in use"
_START_SECONDS = 90
_STOP_SECONDS = 30
_PORTS = 4


@dataclass
class RunningDemo:
    """What the demo printed, and its process. `app`, `other_app`, `issuer`, `door` are addresses for a browser."""

    process: "subprocess.Popen[bytes]"
    port_base: int
    data_dir: Path
    printed: str
    seconds_to_ready: float

    @property
    def app(self) -> str:
        """The first app."""
        return f"http://app.localhost:{self.port_base + 2}"

    @property
    def other_app(self) -> str:
        """The second app."""
        return f"http://app2.localhost:{self.port_base + 3}"

    @property
    def issuer(self) -> str:
        """The account issuer."""
        return f"http://127.0.0.1:{self.port_base}"

    @property
    def door(self) -> str:
        """The door of veiled sign-in."""
        return f"http://localhost:{self.port_base + 1}"

    def stop(self, stop_signal: signal.Signals = signal.SIGTERM) -> int:
        """End the demo; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(stop_signal)
        return self.process.wait(_STOP_SECONDS)

    def password(self, username: str) -> str:
        """The password printed beside a username."""
        found = re.search(rf"{username}\W+([a-z-]+)", self.printed)
        assert found is not None, self.printed
        return found[1]


@contextmanager
def running_demo(data_dir: Path, port_base: int | None = None) -> Iterator[RunningDemo]:
    """A demo that is ready; it is ended when the block is left.

    Ports that were free may be taken before the servers have them: then others are tried, unless they are given.
    """
    for last in (False, False, True):
        demo = _started(data_dir, port_base or free_port_base())
        try:
            if _became_ready(demo):
                yield demo
                return
            taken = any(_TAKEN in log.read_text(errors="replace") for log in data_dir.glob("*.log"))
            taken = taken or "is taken" in demo.printed
            assert taken and port_base is None and not last, demo.printed
        finally:
            demo.stop()
        shutil.rmtree(data_dir, ignore_errors=True)


def _started(data_dir: Path, port_base: int) -> RunningDemo:
    with data_dir.with_suffix(".out").open("wb") as file:
        return RunningDemo(start(data_dir, port_base, file.fileno()), port_base, data_dir, "", 0.0)


def _became_ready(demo: RunningDemo) -> bool:
    """Wait until the demo is ready or has ended; whether it is ready."""
    began, output = time.monotonic(), demo.data_dir.with_suffix(".out")
    while READY not in demo.printed:
        if demo.process.poll() is not None:
            demo.printed = output.read_text()
            return False
        assert time.monotonic() - began < _START_SECONDS, demo.printed
        time.sleep(0.05)
        demo.printed = output.read_text()
    demo.seconds_to_ready = time.monotonic() - began
    return True


def start(data_dir: Path, port_base: int, output: int) -> "subprocess.Popen[bytes]":
    """`blindage demo`, with everything it says in `output`."""
    return subprocess.Popen(
        [*BLINDAGE, "demo", "--port-base", str(port_base), "--data-dir", str(data_dir)],
        stdin=subprocess.DEVNULL, stdout=output, stderr=output, env={**os.environ, "COLUMNS": "100"},
    )  # fmt: skip


def free_port_base() -> int:
    """The first of four loopback ports in a row that were free a moment ago."""
    while True:
        base = free_port()
        if base + _PORTS < 65536 and not any(in_use(port) for port in range(base, base + _PORTS)):
            return base


def in_use(port: int) -> bool:
    """Whether somebody holds a loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
