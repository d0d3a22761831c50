"""The demo's processes: started together, watched, ended together, and never left behind."""

import ctypes
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from idp.cli.terminal import say
from idp.domain.errors import Refused

_HOST = "127.0.0.1"
_READY_SECONDS = 80.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.1
_LOG_TAIL = 2000
_PR_SET_PDEATHSIG = 1
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Server:
    """One process: what to run with what settings, and the path that answers 200 once it serves."""

    name: str
    command: tuple[str, ...]
    environ: Mapping[str, str]
    port: int
    ready_path: str
    log: Path


class Processes:
    """The running servers; `stopping` once a signal asked for the end."""

    def __init__(self) -> None:
        self._started: list[tuple[Server, subprocess.Popen[bytes]]] = []
        self.stopping = False

    def request_stop(self, signal_number: int, frame: FrameType | None) -> None:
        """Signal handler. It sets a flag and takes no lock, which the interrupted code might hold."""
        self.stopping = True

    def start(self, servers: Sequence[Server]) -> None:
        """Start all and wait until each answers, or a signal comes; Refused `demo_failed` when one does not."""
        for server in servers:
            self._started.append((server, _spawn(server)))
        deadline = time.monotonic() + _READY_SECONDS
        for server in servers:
            while not self.stopping and not _answers(server):
                self._refuse_if_ended()
                if time.monotonic() > deadline:
                    raise _failed(server, f"was not ready after {_READY_SECONDS:.0f} s")
                time.sleep(_POLL_SECONDS)

    def watch(self) -> None:
        """Until a signal comes; Refused `demo_failed` when a server ends by itself."""
        while not self.stopping:
            self._refuse_if_ended()
            time.sleep(_POLL_SECONDS)

    def end(self) -> None:
        """End all, the last started first."""
        for _, process in reversed(self._started):
            if process.poll() is None:
                process.terminate()
        for server, process in self._started:
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                say(f"{server.name} did not end by itself")
                process.kill()
                process.wait()

    def _refuse_if_ended(self) -> None:
        for server, process in self._started:
            if process.poll() is not None:
                raise _failed(server, "ended")


@contextmanager
def running(servers: Sequence[Server]) -> Iterator[Processes]:
    """The servers while the block runs; they end with it, whatever ends it, and with this process if that is killed."""
    processes = Processes()
    previous = {number: signal.signal(number, processes.request_stop) for number in _STOP_SIGNALS}
    try:
        processes.start(servers)
        yield processes
    finally:
        processes.end()
        for number, handler in previous.items():
            signal.signal(number, handler)


def refuse_taken_ports(ports: Sequence[int]) -> None:
    """Refused `port_taken` for the first port on which somebody else listens."""
    for port in ports:
        # Without SO_REUSEPORT, which servers set: two of them would share the port, and each get half of the requests.
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_HOST, port))
            except OSError as error:
                raise Refused("port_taken", f"port {port} is taken; choose others with --port-base") from error


def _spawn(server: Server) -> "subprocess.Popen[bytes]":
    # A session of its own: Ctrl-C reaches the demo alone, which then ends its servers in order.
    with server.log.open("wb") as log:
        return subprocess.Popen(
            server.command,
            env={**_inherited(), **server.environ},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            preexec_fn=_end_with_parent(),
        )


def _inherited() -> dict[str, str]:
    """The caller's environment without settings meant for another server, and without proxies: all is loopback."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("BLINDAGE_", "DEMO_", "GRANIAN_")) and not name.lower().endswith("_proxy")
    }


class _EndWithParent:
    """Run in the child before the server: it gets SIGTERM when the demo is killed (Linux)."""

    def __init__(self) -> None:
        # Loaded here, since between fork and exec as little as possible should happen.
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._parent = os.getpid()

    def __call__(self) -> None:
        self._libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != self._parent:
            os._exit(1)


def _end_with_parent() -> _EndWithParent | None:
    return _EndWithParent() if sys.platform == "linux" else None


def _answers(server: Server) -> bool:
    connection = http.client.HTTPConnection(_HOST, server.port, timeout=2)
    try:
        connection.request("GET", server.ready_path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _failed(server: Server, what: str) -> Refused:
    tail = server.log.read_text("utf-8", errors="replace")[-_LOG_TAIL:].strip()
    return Refused("demo_failed", f"{server.name} {what}; {server.log} says:\n{tail}")
