"""What a test needs from outside Python: where it is missing the test is skipped, or fails on request."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

ROOT = Path(__file__).resolve().parent.parent
VECTORS = ROOT.parent / "shared" / "vectors"
INTEROP = ROOT / "tests" / "interop"
NODE_MINIMUM = 20
# Debian keeps servers and its PostgreSQL programs off the PATH of ordinary users.
_SERVER_DIRECTORIES = ("/usr/sbin", "/usr/local/sbin")
_POSTGRESQL_DIRECTORIES = Path("/usr/lib/postgresql")


class Missing(Exception):
    """Something is not there; the message says what to do about it."""


def need(thing: str) -> Path:
    """The path of `postgresql` (its bin directory), `redis`, `chromium`, `firefox`, `node`, `vectors`, or any program.

    A test that calls this is skipped, with the reason, where the thing is missing, and fails when the
    environment says REQUIRE_ALL=1. May be called while a module is imported, too.
    """
    try:
        return _FINDERS.get(thing, lambda: _program(thing))()
    except Missing as missing:
        lacking(f"{thing}: {missing}")


def lacking(reason: str) -> NoReturn:
    """Skip the test that runs because something is not there; with REQUIRE_ALL=1 fail it."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(f"{reason} (REQUIRE_ALL=1)", pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def _program(*names: str) -> Path:
    for name in names:
        found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(_SERVER_DIRECTORIES))
        if found:
            return Path(found)
    raise Missing(f"no {' or '.join(names)} on the PATH")


def _postgresql() -> Path:
    versions = [path for path in _POSTGRESQL_DIRECTORIES.glob("*/bin") if (path / "initdb").exists()]
    if versions:
        return max(versions, key=lambda path: int(re.sub(r"\D", "", path.parent.name) or 0))
    return _program("initdb").resolve().parent


def _node() -> Path:
    node = _program("node")
    version = subprocess.check_output([node, "--version"], text=True, timeout=30).strip()
    if int(version.removeprefix("v").split(".")[0]) < NODE_MINIMUM:
        raise Missing(f"{version} is older than {NODE_MINIMUM}")
    if not (INTEROP / "node_modules" / ".installed").exists():
        raise Missing("packages are not installed, run `make setup`")
    return node


def _vectors() -> Path:
    if not VECTORS.is_dir():
        raise Missing("published test vectors are expected in ../shared/vectors")
    return VECTORS


_FINDERS: dict[str, Callable[[], Path]] = {
    "chromium": lambda: _program("chromium", "chromium-browser", "google-chrome"),
    "firefox": lambda: _program("firefox-esr", "firefox"),
    "node": _node,
    "postgresql": _postgresql,
    "redis": lambda: _program("redis-server", "valkey-server"),
    "vectors": _vectors,
}
