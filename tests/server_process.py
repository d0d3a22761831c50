"""Server programs that tests start for themselves: own loopback port, own log, gone when the tests are."""

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

# A port that was free may be taken before the server binds it; then another one is tried.
_TRIES = 4
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0


def free_port() -> int:
    """A loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class ServerProcess:
    """A running server on a loopback port; its output is in `log`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    def stop(self, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        """Ask the server to stop with `stop_signal`, and kill it when it has not after 20 s."""
        if self.process.poll() is None:
            self.process.send_signal(stop_signal)
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(_STOP_SECONDS)


def start_server(
    command: Callable[[int], Sequence[str | Path]],
    ready: Callable[[int], bool],
    log: Path,
    **popen: Any,
) -> ServerProcess:
    """Start `command(port)` on a free port and return once `ready(port)`.

    Raises RuntimeError with the server's own words when it does not come up.
    """
    for _ in range(_TRIES):
        port = free_port()
        with log.open("wb") as output:
            process = subprocess.Popen(
                [*_ends_with_parent(), *command(port)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, **popen,
            )
        server = ServerProcess(process, port, log)
        deadline = time.monotonic() + _START_SECONDS
        while process.poll() is None and time.monotonic() < deadline:
            if ready(port):
                return server
            time.sleep(0.05)
        if process.poll() is None:
            server.stop(signal.SIGKILL)
            break
    raise RuntimeError(f"{command(0)[0]} did not start:\n{log.read_text(errors='replace')[-4000:]}")


def _ends_with_parent() -> Sequence[str]:
    # Linux only; elsewhere a killed test run leaves its servers behind.
    return ["setpriv", "--pdeathsig", "INT", "--"] if shutil.which("setpriv") else []
