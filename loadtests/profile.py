"""Where the time of one of our requests goes: py-spy beside a round of its own, so that no figure is disturbed.

Only threads that hold the interpreter's lock are sampled: on one core that is who computes. Signing, sealing and
waiting for the disk let go of the lock and show up in the processor time of a request, not here.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from loadtests.machine import LOAD_CORE, pinned
from loadtests.own_server import BlindageSqlite
from loadtests.work import Work
from loadtests.wrk import run_wrk

_SAMPLES_A_SECOND = 250
_RATE = 12_000


class NoProfiler(RuntimeError):
    """py-spy is not there or may not look; the text says why."""


def profile(server: BlindageSqlite, work: Work, seconds: int, connections: int, directory: Path) -> list[str]:
    """Folded stacks of the server's worker while it does some work; NoProfiler."""
    py_spy = shutil.which("py-spy", path=str(Path(sys.executable).parent)) or shutil.which("py-spy")
    if py_spy is None:
        raise NoProfiler("py-spy is not installed")
    replay = work.prepare(server, _RATE * (seconds + 1), directory)
    stacks = directory / "stacks"
    command = [
        py_spy, "record", "--pid", str(server.worker()), "--duration", str(seconds),
        "--rate", str(_SAMPLES_A_SECOND), "--gil", "--format", "raw", "--output", str(stacks),
    ]  # fmt: skip
    sampler = subprocess.Popen(
        pinned(LOAD_CORE, command), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    run_wrk(server.address, replay, seconds + 1, connections)
    _, words = sampler.communicate(timeout=60)
    if sampler.returncode:
        raise NoProfiler(words.strip()[-500:])
    return stacks.read_text().splitlines()
