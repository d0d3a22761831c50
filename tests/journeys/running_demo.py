"""A real `blindage demo` as a process of its own, on free ports and in a directory of its own."""

import os
import re
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
    """A demo that is ready; it is ended when the block is left."""
    port_base = port_base or free_port_base()
    output = data_dir.with_suffix(".out")
    began = time.monotonic()
    with output.open("wb") as file:
        process = start(data_dir, port_base, file.fileno())
    demo = RunningDemo(process, port_base, data_dir, "", 0.0)
    try:
        while READY not in demo.printed:
            demo.printed = output.read_text()
            assert process.poll() is None, demo.printed
            assert time.monotonic() - began < _START_SECONDS, demo.printed
            time.sleep(0.05)
        demo.seconds_to_ready = time.monotonic() - began
        yield demo
    finally:
        demo.stop()


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
