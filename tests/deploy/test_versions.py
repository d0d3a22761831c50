"""A new version beside the old one on one database, and back again, under load (threats F23)."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import tests.issuer
from idp.storage.sql.layout import ACCOUNT
from tests.deploy.stack import Stack
from tests.deploy.traffic import BrowsedApp, Traffic
from tests.need import ROOT, lacking

_PROGRAM = ("idp", "crypto")
_ADDS = '''"""A table, a column, an index. Expands."""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{number}", "{before}", None, None


def upgrade() -> None:
    op.create_table("later", sa.Column("id", sa.LargeBinary, primary_key=True))
    op.add_column("grants", sa.Column("later", sa.BigInteger, nullable=True))
    op.create_index("clients_by_state", "clients", ["state"])
    op.execute("UPDATE schema_level SET level = {level} WHERE id = 1")
'''


def _next_version(directory: Path) -> Path:
    """This version with one migration more."""
    tree, level = directory / "next", ACCOUNT.level + 1
    for package in _PROGRAM:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    sql = tree / "idp" / "storage" / "sql"
    number, before = f"{level:04d}", f"{ACCOUNT.level:04d}"
    migration = _ADDS.format(number=number, before=before, level=level)
    (sql / "migrations" / "versions" / f"{number}_later.py").write_text(migration)
    layout = sql / "layout.py"
    layout.write_text(layout.read_text().replace(f"level={ACCOUNT.level},", f"level={level},"))
    return tree


def _version_before_the_newest_migration(directory: Path) -> Path:
    """The program as it was before, out of the repository."""
    [newest] = (ACCOUNT.migrations / "versions").glob(f"{ACCOUNT.level:04d}_*.py")
    log = ["git", "log", "--diff-filter=A", "--format=%H", "--", str(newest.relative_to(ROOT))]
    try:
        added = subprocess.run(log, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30).stdout.split()
        archive = ["git", "archive", f"{added[-1]}^", *_PROGRAM]
        packed = subprocess.run(archive, cwd=ROOT, check=True, capture_output=True, timeout=60).stdout
    except (OSError, IndexError, subprocess.CalledProcessError):
        lacking("the commits before the newest migration are not here")
    tree = directory / "before"
    tree.mkdir()
    subprocess.run(["tar", "-x", "-C", tree], input=packed, check=True, timeout=60)
    return tree


def _running(stack: Stack) -> list[Path]:
    """Where the programs of both nodes lie, as the system says."""
    return [Path(os.readlink(f"/proc/{node.pid_file.read_text()}/cwd")) for node in stack.nodes]


def _upgrade(stack: Stack, tree: Path) -> None:
    command = [*tests.issuer.BLINDAGE, "db", "upgrade"]
    subprocess.run(command, cwd=tree, env=stack.issuer.environment, check=True, capture_output=True, timeout=60)


def _roll_between(stack: Stack, old: Path, new: Path, turns: Sequence[str], least: int) -> None:
    """Old nodes serve; the database is upgraded, and the nodes change over as often as `turns` says."""
    trees = {"old": old, "new": new}

    def change_over(tree: Path) -> None:
        for node in stack.nodes:
            node.tree = tree
        stack.rolling_restart("haproxy")
        assert _running(stack) == [tree.resolve()] * 2

    with stack.behind("haproxy"):
        if _running(stack) != [old.resolve()] * 2:
            change_over(old)
        app = BrowsedApp(stack.issuer, [stack.issuer.url])
        with Traffic(app, 8, pause=0.02) as traffic:
            time.sleep(1)
            _upgrade(stack, new)
            for turn in turns:
                change_over(trees[turn])
            deadline = time.monotonic() + 900
            while len(traffic.requests) < least and time.monotonic() < deadline:
                time.sleep(0.2)
        app.close()
    print(f"{len(turns)} changes over: {traffic.summary()}")
    assert traffic.failed() == [], traffic.broken
    assert len(traffic.requests) >= least


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_next_version_runs_beside_this_one_and_back(stack: Stack, tmp_path: Path) -> None:
    # The schema has the next version's additions from the test before, or gets them now.
    _roll_between(stack, ROOT, _next_version(tmp_path), ["new", "old", "new", "old"], least=10_000)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_this_version_runs_beside_the_one_before_the_newest_migration(stack: Stack, tmp_path: Path) -> None:
    before = _version_before_the_newest_migration(tmp_path)
    _roll_between(stack, before, ROOT, ["new", "old", "new", "old"], least=10_000)
