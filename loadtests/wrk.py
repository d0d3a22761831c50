"""wrk, the load generator of the headline figures: kept on its own core, replaying prepared requests."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadtests.machine import LOAD_CORE, pinned

_SCRIPT = Path(__file__).parent / "lua" / "replay.lua"

Mode = Literal["once", "body", "bearer", "batch", "sign_in", "none"]


@dataclass(frozen=True, slots=True)
class Replay:
    """Prepared requests to one path. `file` has a line for each; `mode` says what a line is (lua/replay.lua)."""

    method: str
    path: str
    mode: Mode
    file: Path | None = None
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Load:
    """What one run saw. `refused` answers of status 400 and above, `broken` connections; times in milliseconds."""

    requests: int
    seconds: float
    refused: int
    broken: int
    p50: float
    p99: float
    exhausted: bool

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds

    @property
    def clean(self) -> bool:
        """Whether every request was answered as it should be."""
        return self.requests > 0 and self.refused == 0 and self.broken == 0


def run_wrk(
    address: str, replay: Replay, seconds: int, connections: int, pause: float = 0.0, core: int | None = LOAD_CORE
) -> Load:
    """Load a server for some seconds over keep-alive connections, each resting `pause` ms on average between two.

    wrk is kept on one core; None lets it have any.
    """
    command = [
        "wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--latency",
        "--timeout", "10s", "--script", str(_SCRIPT), address, "--",
        replay.method, replay.path, replay.authorization, str(replay.file or ""), replay.mode,
        str(pause),
    ]  # fmt: skip
    command = command if core is None else pinned(core, command)
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60)
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    return Load(
        requests=seen["requests"],
        seconds=seen["microseconds"] / 1e6,
        refused=seen["refused"],
        broken=seen["broken"],
        p50=seen["p50"] / 1000,
        p99=seen["p99"] / 1000,
        exhausted=seen["exhausted"],
    )
