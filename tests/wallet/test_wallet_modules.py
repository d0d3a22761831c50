"""The wallet's modules in Node: published vectors, the same answers as `crypto`, hostile logs, real requests."""

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.need import need
from tests.wallet import material
from tests.wallet.control import controlled, stage
from tests.wallet.integrity import PAGE, WALLET, expected_page, modules_in_order

HERE = Path(__file__).parent
SEED = 20260101
GIVEN: dict[str, Callable[[Random], dict[str, Any]]] = {
    "bytes": material.for_bytes,
    "key_log": material.for_key_log,
    "privacy_pass": material.for_privacy_pass,
    "seed": material.for_seed,
    "store": lambda _: {},
    "strings": material.for_strings,
}
# At least so many tests must have run: a file that registers none would pass as well.
AT_LEAST = {
    "bytes": 7, "key_log": 59, "privacy_pass": 17, "seed": 11, "store": 10, "strings": 6, "vectors": 12, "servers": 28,
    "hostile_issuer": 5,
}  # fmt: skip


def run(name: str, given: dict[str, Any], directory: Path, vectors: Path | None = None) -> None:
    """Run one file of Node tests; what it says is shown when one fails."""
    handed_over = directory / "given.json"
    handed_over.write_text(json.dumps(given))
    result = subprocess.run(
        [need("node"), "--test", "--test-reporter=tap", HERE / f"{name}.test.mjs"],
        env={**os.environ, "WALLET_GIVEN": str(handed_over), "WALLET_VECTORS": str(vectors or "")},
        capture_output=True,
        text=True,
        timeout=110,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    counts = dict(re.findall(r"^# (pass|fail|skipped|todo) (\d+)$", result.stdout, re.MULTILINE))
    assert int(counts["pass"]) >= AT_LEAST[name], result.stdout
    assert counts["fail"] == counts["skipped"] == counts["todo"] == "0"


@pytest.mark.parametrize("name", GIVEN)
def test_wallet_module(name: str, tmp_path: Path) -> None:
    need("node")
    run(name, GIVEN[name](Random(SEED)), tmp_path)


def test_wallet_speaks_the_published_vectors(tmp_path: Path) -> None:
    need("node")
    run("vectors", {}, tmp_path, need("vectors"))


def test_wallet_fills_and_presents_against_real_servers(tmp_path: Path) -> None:
    need("node")
    with stage(batch=8) as actors, controlled(actors) as address:
        given = {"control": address, "door": actors.door.server.url, "begins": actors.issuer.leaf["not_before"]}
        run("servers", given, tmp_path)


def test_page_carries_the_digest_of_every_file_it_loads() -> None:
    assert PAGE.read_text() == expected_page(), "run: python -m tests.wallet.integrity"


def test_every_file_of_the_wallet_is_loaded_by_its_page() -> None:
    there = {path.name for path in WALLET.iterdir()}
    assert there == {*modules_in_order(), "wallet.css", "index.html"}


def test_wallet_has_no_foreign_code_no_inline_script_and_no_way_around_trusted_types() -> None:
    sources = {path.name: path.read_text() for path in WALLET.glob("*.mjs")}
    assert len(sources) > 20
    banned = re.compile(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(|new Function|setTimeout\(\s*[\"'`]|DOMParser"
        r"|createContextualFragment|trustedTypes|https?://|localStorage|document\.cookie|sendBeacon|WebSocket|import\("
    )
    for name, text in sources.items():
        assert banned.search(text) is None, name
        for line in re.findall(r'^(?:import|\} from) .*$', text, re.MULTILINE):
            assert re.search(r'from "\./[a-z0-9_]+\.mjs";$', line) or line == "import {", (name, line)
    page = PAGE.read_text()
    assert page.count("<script") == 2 and page.count('<script type="application/json" id="presentation">null<') == 1
    assert not re.search(r"https?:|\sstyle=|\son[a-z]+=|javascript:", page)
