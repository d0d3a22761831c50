"""A server that may not start says why in words, ends with 1, and shows no stack trace."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from crypto.keyring import KeyRing
from idp.master_key import write_private
from tests.server_process import free_port

SERVE = (sys.executable, "-c", "from idp.cli import main; main()", "serve", "--port")


def _served(directory: Path, port: int, **settings: str) -> "subprocess.CompletedProcess[str]":
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BLINDAGE_")}
    environment |= {f"BLINDAGE_{name}": value for name, value in settings.items()}
    environment["BLINDAGE_DATA_DIR"] = str(directory)
    return subprocess.run([*SERVE, str(port)], env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    "case", ["a door that is told nothing", "a ring of another issuer", "a file that is no database"]
)
def test_server_that_may_not_start_says_why(tmp_path: Path, case: str) -> None:
    port = free_port()
    issuer = f"http://127.0.0.1:{port}"
    if case == "a door that is told nothing":
        ended, why = _served(tmp_path, port, ROLE="door"), "BLINDAGE_ACCOUNT_ISSUER"
    elif case == "a ring of another issuer":
        write_private(tmp_path / "master-key.json", KeyRing.generate("http://127.0.0.1:1").serialize())
        ended, why = _served(tmp_path, port), f"read for the issuer {issuer} (BLINDAGE_ISSUER)"
    else:
        (tmp_path / "blindage.db").write_bytes(b"this is not a database, whatever its name says" * 100)
        ended, why = _served(tmp_path, port), "the database cannot be used"
    assert ended.returncode == 1
    assert "refused: " in ended.stderr and why in ended.stderr, ended.stderr
    assert "Traceback" not in ended.stderr
