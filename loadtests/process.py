"""Programs that a load test starts: on a loopback port of their own, with a log, ended by process id."""

import http.client
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

_START_SECONDS = 60.0
_STOP_SECONDS = 20.0


class NotStarted(RuntimeError):
    """A program did not come up; the text has its last words."""


def free_port() -> int:
    """A loopback TCP port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """A running program, its words in `log`; one that `talks` is asked on standard input and answers on output."""

    def __init__(
        self, command: list[str], environ: Mapping[str, str], directory: Path, *,
        log: Path, user: int | None = None, talks: bool = False,
    ) -> None:  # fmt: skip
        self.log = log
        self._words = log.open("wb")
        self._process = subprocess.Popen(
            command, env=dict(environ), cwd=directory,
            user=user, group=user, extra_groups=None if user is None else [],
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else self._words, stderr=self._words,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """The root of the program's processes."""
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool]) -> None:
        """Return once `ready`; NotStarted when the program ends before or takes a minute."""
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise NotStarted(self.log.read_text(errors="replace")[-3000:])
            time.sleep(0.05)

    def ask(self, line: str) -> str:
        """Write a line to the program's standard input and read one of its answer."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None
        stdin.write(line.encode() + b"\n")
        stdin.flush()
        return stdout.readline().decode().strip()

    def state(self) -> str:
        """Whether it runs, for a message."""
        ended = self._process.poll()
        return "running" if ended is None else f"ended with {ended}"

    def stop(self, with_signal: signal.Signals = signal.SIGTERM) -> None:
        """Ask the program to stop; kill it when it has not after 20 s."""
        if self._process.poll() is None:
            self._process.send_signal(with_signal)
        try:
            self._process.communicate(timeout=_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._words.close()


def answers(port: int, path: str) -> bool:
    """Whether a server on loopback answers a GET with 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
