"""Peers live in `var/peers`, a folder each, with exactly the packages that the files here name."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from loadtests.interpreter import PYTHON

_SOURCE = Path(__file__).parent
_HOME = _SOURCE.parent.parent / "var" / "peers"
_MINUTES = 10


class NotInstalled(RuntimeError):
    """The packages of a peer could not be had; the text says why."""


def python_peer(name: str) -> Path:
    """The interpreter of a Python peer, installed at first use from `NAME/requirements.txt`."""
    home = _HOME / f"{name}-{hashlib.sha256(PYTHON.encode()).hexdigest()[:8]}"
    wanted = _SOURCE / name / "requirements.txt"
    interpreter = home / "bin" / "python"
    if not _marked(home, wanted):
        shutil.rmtree(home, ignore_errors=True)
        _run([PYTHON, "-m", "venv", str(home)])
        _run([str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(wanted)])
        _mark(home, wanted)
    return interpreter


def node_peer() -> tuple[Path, Path]:
    """The Node.js program of the peer (its own, from the registry) and the folder with its code and packages."""
    home = _HOME / "node"
    wanted = _SOURCE / "node" / "package.json"
    if not _marked(home, wanted):
        if shutil.which("npm") is None:
            raise NotInstalled("no npm on the PATH")
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        shutil.copy(wanted, home)
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"], home)
        _mark(home, wanted)
    # Node looks for packages upwards from the file that imports them.
    for module in (_SOURCE / "node").glob("*.mjs"):
        shutil.copy(module, home)
    return home / "node_modules" / ".bin" / "node", home


def _marked(home: Path, wanted: Path) -> bool:
    mark = home / ".installed"
    return mark.exists() and mark.read_text() == _digest(wanted)


def _mark(home: Path, wanted: Path) -> None:
    (home / ".installed").write_text(_digest(wanted))


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _run(command: list[str], directory: Path | None = None) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, cwd=directory, timeout=_MINUTES * 60)
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"{command[0]} took more than {_MINUTES} minutes") from error
    except subprocess.CalledProcessError as error:
        raise NotInstalled(f"{' '.join(command[:4])}: {(error.stderr or error.stdout).strip()[-500:]}") from error
    except OSError as error:
        raise NotInstalled(str(error)) from error
