"""A test that lacks its tool is listed as skipped, never passed; REQUIRE_ALL=1 makes it fail."""

import pytest

from tests import need as needs
from tests.need import need


def test_missing_program_skips_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no-such-program"):
        need("no-such-program")


def test_missing_program_fails_when_all_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUIRE_ALL", "1")
    with pytest.raises(pytest.fail.Exception, match="no-such-program"):
        need("no-such-program")


@pytest.mark.parametrize("thing", ["postgresql", "redis", "chromium", "firefox", "node"])
def test_each_tool_is_reported_missing_on_an_empty_machine(thing: str, monkeypatch: pytest.MonkeyPatch,
                                                          tmp_path: needs.Path) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(needs, "_SERVER_DIRECTORIES", ())
    monkeypatch.setattr(needs, "_POSTGRESQL_DIRECTORIES", tmp_path)
    with pytest.raises(pytest.skip.Exception, match=thing):
        need(thing)


def test_missing_vectors_skip(monkeypatch: pytest.MonkeyPatch, tmp_path: needs.Path) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    monkeypatch.setattr(needs, "VECTORS", tmp_path / "vectors")
    with pytest.raises(pytest.skip.Exception, match="vectors"):
        need("vectors")


def test_old_node_is_not_enough(monkeypatch: pytest.MonkeyPatch, tmp_path: needs.Path) -> None:
    monkeypatch.delenv("REQUIRE_ALL", raising=False)
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v18.19.0\n")
    node.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match="v18.19.0 is older than 20"):
        need("node")
