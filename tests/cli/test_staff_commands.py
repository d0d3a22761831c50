"""`blindage staff`: who runs this issuer."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.issuer import BLINDAGE, PASSWORD


@pytest.fixture
def run(tmp_path: Path) -> Any:
    """Runs a command on a data directory of its own: status, JSON, words."""

    def command(*arguments: str, stdin: str = "") -> tuple[int, Any, str]:
        done = subprocess.run(
            [*BLINDAGE, "staff", *arguments], input=stdin, capture_output=True, text=True, timeout=60,
            env={"PATH": "/usr/bin:/bin", "BLINDAGE_DATA_DIR": str(tmp_path)},
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout) if done.stdout.startswith(("{", "[")) else None, done.stderr

    return command


def test_a_member_is_added_listed_changed_and_removed(run: Any) -> None:
    add = ("add", "--username", "Grace", "--role", "reviewer", "--role", "officer", "--password-stdin", "--json")
    status, made, said = run(*add, stdin=PASSWORD + "\n")
    assert status == 0, said
    assert made["username"] == "Grace"
    assert made["roles"] == ["officer", "reviewer"]
    assert made["factor"] is None
    assert made["enrol_until"] > 0
    assert len(bytes.fromhex(made["staff"])) == 16
    assert PASSWORD not in json.dumps(made) + said
    assert run("list", "--json")[1] == [made]
    status, _, said = run(*add, stdin=PASSWORD + "\n")
    assert (status, said.strip()) == (1, "refused: this name is taken")
    assert run("set-roles", "--username", "grace", "--role", "operator", "--json")[1]["roles"] == ["operator"]
    assert run("reset-factor", "--username", "Grace", "--json")[1]["factor"] is None
    assert run("reset-password", "--username", "Grace", "--password-stdin", "--json", stdin="a better one\n")[0] == 0
    assert run("remove", "--username", "Grace", "--json")[1]["staff"] == made["staff"]
    assert run("list", "--json")[1] == []
    for command in ("remove", "reset-factor"):
        assert run(command, "--username", "Grace", "--json")[0] == 1


def test_a_member_needs_a_known_role_and_a_fair_password(run: Any) -> None:
    assert run("add", "--username", "x", "--password-stdin", stdin=PASSWORD)[0] == 2
    assert run("add", "--username", "x", "--role", "king", "--password-stdin", stdin=PASSWORD)[0] == 2
    assert run("add", "--username", "x", "--role", "officer")[0] == 2
    status, _, said = run("add", "--username", "x", "--role", "officer", "--password-stdin", stdin="password\n")
    assert status == 1
    assert "password" in said
