"""docs/operations.md lists every setting and command that there is, and none that there is not."""

import ast
import inspect
import re

import pytest

from idp import settings
from idp.cli.root import COMMANDS
from idp.settings import PREFIX, SettingsError, read_settings
from tests.need import ROOT

DOCUMENT = (ROOT / "docs" / "operations.md").read_text("utf-8")
_ROW = re.compile(r"^\| `BLINDAGE_([A-Z_]+)` \| (.+) \| (.+) \|$", re.MULTILINE)


def _known() -> set[str]:
    """The names `read_settings` takes, from its own text: it refuses all others before it looks at any."""
    for node in ast.walk(ast.parse(inspect.getsource(settings))):
        if isinstance(node, ast.Assign) and [getattr(target, "id", "") for target in node.targets] == ["known"]:
            names = ast.literal_eval(node.value)
            assert isinstance(names, set)
            return names
    raise AssertionError("read_settings has no set `known`")


def test_every_setting_is_listed_once_and_no_other() -> None:
    listed = [row[0] for row in _ROW.findall(DOCUMENT)]
    assert sorted(listed) == sorted(_known())


def test_a_name_that_is_not_listed_is_refused_at_the_start() -> None:
    with pytest.raises(SettingsError, match="no such setting"):
        read_settings({f"{PREFIX}ISUER": "https://id.example"}, "http://127.0.0.1:9000")


def test_defaults_are_the_documented_ones() -> None:
    listed = {name: default.strip("`") for name, default, _ in _ROW.findall(DOCUMENT)}
    plain = (
        "ISSUER", "ROLE", "DATA_DIR", "PROXY_HOPS", "POLICY", "RATE_LIMITS", "REGISTRATION", "TOKEN_QUOTA",
        "REQUIRE_PAR",
    )  # fmt: skip
    told = read_settings({f"{PREFIX}{name}": listed[name] for name in plain}, "http://127.0.0.1:9000")
    assert told == read_settings({}, "http://127.0.0.1:9000")


def test_every_command_that_the_document_gives_exists() -> None:
    given = set(re.findall(r"(?:`|^\s*)blindage\s([a-z][a-z-]+)", DOCUMENT, re.MULTILINE))
    assert given
    assert given - COMMANDS.keys() == set()
