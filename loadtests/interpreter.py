"""Which Python the servers of a benchmark run on: `python -m loadtests.interpreter` prints the best that is here.

How an interpreter was compiled is worth a fifth of a request: one made from source without the optimisations that
distributions build with is slower at the same version. So the one of this environment and the system's are probed, and
where the system's is clearly faster an environment of it is made in `var/peers`, with the packages of
`requirements.lock`. Our servers and the Python peers then run on the same one (`BENCH_PYTHON`).
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHON = os.environ.get("BENCH_PYTHON") or sys.executable
"""What the servers run on."""

_SYSTEM = "/usr/bin/python3"
_CLEARLY = 0.9
"""Of the time of this environment's: nearer than that they are taken for alike."""
_PROBE = """
import sys, time
if sys.version_info < (3, 11): sys.exit(1)
class Pair:
    __slots__ = ("left", "right")
    def __init__(self, left, right):
        self.left, self.right = left, right
def work():
    seen = {}
    for number in range(20000):
        pair = Pair(number, str(number))
        seen[pair.right] = pair.left + len(pair.right)
    return len("".join(sorted(seen)))
best = 9.0
for _ in range(20):
    begun = time.process_time()
    work()
    best = min(best, time.process_time() - begun)
print(best)
"""


def probe(python: str) -> float:
    """Processor seconds of a fixed piece of work, the best of twenty; infinite where it cannot run."""
    try:
        done = subprocess.run([python, "-c", _PROBE], capture_output=True, text=True, timeout=120)
        return float(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return float("inf")


def environment_of(python: str, home: Path) -> Path:
    """An environment of `python` in `home` with the packages a server needs; CalledProcessError when there is none."""
    interpreter, wanted = home / "bin" / "python", ROOT / "requirements.lock"
    mark = home / ".installed"
    if not mark.exists() or mark.read_bytes() != wanted.read_bytes():
        subprocess.run([python, "-m", "venv", "--clear", str(home)], check=True, capture_output=True, timeout=120)
        install = [str(interpreter), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run(
            [*install, "--require-hashes", "-r", str(wanted)], check=True, capture_output=True, timeout=600
        )
        mark.write_bytes(wanted.read_bytes())
    return interpreter


def best() -> str:
    """This environment's interpreter, or one of the system's where that is clearly faster and can be prepared."""
    ours, system = probe(sys.executable), probe(_SYSTEM)
    print(f"a fixed piece of work: {ours * 1e3:.1f} ms here, {system * 1e3:.1f} ms on {_SYSTEM}", file=sys.stderr)
    if system > ours * _CLEARLY:
        return sys.executable
    try:
        return str(environment_of(_SYSTEM, ROOT / "var" / "peers" / "python"))
    except (OSError, subprocess.SubprocessError) as error:
        print(f"no environment of {_SYSTEM}: {error}", file=sys.stderr)
        return sys.executable


if __name__ == "__main__":
    print(best())
