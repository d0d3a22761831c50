"""This machine: which core serves and which one loads, and what processes have used of it (proc(5))."""

import os
import platform
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loadtests.interpreter import PYTHON

_TICKS = os.sysconf("SC_CLK_TCK")
_CORES = sorted(os.sched_getaffinity(0))

CORES = len(_CORES)
"""How many this process may use."""
SERVER_CORE = _CORES[0]
LOAD_CORE = _CORES[-1]
"""Equal on a machine with one core: then the load is part of every figure, and the report says so."""


def pinned(core: int, command: list[str]) -> list[str]:
    """The command, kept on one core with all that it starts."""
    return ["taskset", "-c", str(core), *command]


@dataclass(frozen=True, slots=True)
class Usage:
    """What a family of processes used so far: processor seconds, and memory now in bytes.

    A page that several processes share is counted in parts (proportional set size), so that the sum is no larger than
    what the machine gave.
    """

    cpu_seconds: float
    resident: int


def usage_of(roots: list[int]) -> Usage:
    """Usage of processes with all their descendants, those that have ended included (a database's workers)."""
    parents, ticks = _processes()
    family = [pid for pid in ticks if _descends(pid, set(roots), parents)]
    return Usage(sum(ticks[pid] for pid in family) / _TICKS, sum(resident_of(pid) for pid in family))


@contextmanager
def standing_still(roots: list[int]) -> Iterator[None]:
    """Stop processes with all their descendants (SIGSTOP) while the block runs, and let them go on after it."""
    parents, ticks = _processes()
    stopped = [pid for pid in ticks if _descends(pid, set(roots), parents)]
    for pid in stopped:
        _signal(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def _processes() -> tuple[dict[int, int], dict[int, int]]:
    """Parent, and ticks of the processor used, of every process."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The program's name stands in parentheses and may hold anything, also spaces and parentheses.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        # utime, stime, and the same of children that were waited for.
        ticks[pid] = sum(int(field) for field in fields[11:15])
    return parents, ticks


def busy_seconds() -> float:
    """Processor time that anybody on this machine has used so far, in seconds, of all cores together."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    # user, nice, system, idle, iowait, irq, softirq, steal: what was taken away counts as used.
    return (sum(fields) - fields[3] - fields[4]) / _TICKS


def children_of(root: int) -> list[int]:
    """The process ids of the direct children of one process."""
    return [int(pid) for pid in Path(f"/proc/{root}/task/{root}/children").read_text().split()]


def description() -> dict[str, str | int]:
    """What to write beside figures: they mean something on this machine only."""
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.partition(":")[2].strip() for line in cpuinfo if line.startswith("model name")]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": len(_CORES),
        "server_core": SERVER_CORE,
        "load_core": LOAD_CORE,
        "kernel": platform.release(),
        "python": _version_of(PYTHON),
    }


def _version_of(python: str) -> str:
    """Version and build of the interpreter that the servers run on."""
    return subprocess.run([python, "-VV"], capture_output=True, text=True, timeout=60).stdout.strip()


def _descends(pid: int, roots: set[int], parents: dict[int, int]) -> bool:
    while pid > 1:
        if pid in roots:
            return True
        pid = parents.get(pid, 0)
    return False


def resident_of(pid: int) -> int:
    """Bytes of memory of one process, shared pages in parts; 0 when it has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
