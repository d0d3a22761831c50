"""Every row of the conformance checklist that is built has a test that names it.

A test names its row at the beginning of its docstring ("row 12: ...", "rows 34, 36: ..."), or its module's docstring
does ("... conformance rows 106 and 110").
"""

import ast
import re
from collections.abc import Iterator

from tests.need import ROOT

ROWS = range(1, 120)
NOT_BUILT: frozenset[int] = frozenset()
"""Rows of features that do not exist yet. Who builds one takes it out here."""

_NUMBERS = r"(\d+(?:(?:-|–| to |, and |, | and )\d+)*)"
_TEST = re.compile(rf"\Arows? {_NUMBERS}:")
_MODULE = re.compile(rf"conformance rows? {_NUMBERS}")


def rows_of_tests() -> dict[int, list[str]]:
    """Row -> names of the tests that hold it."""
    found: dict[int, list[str]] = {}
    for folder in (ROOT / "tests").iterdir():
        for file in sorted(folder.glob("test_*.py")) if folder.is_dir() else ():
            tree = ast.parse(file.read_text("utf-8"))
            functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
            tests = [function for function in functions if function.name.startswith("test_")]
            for row in _numbers(_MODULE.search(ast.get_docstring(tree) or "")):
                found.setdefault(row, []).extend(f"{file.name}::{test.name}" for test in tests[:1])
            for test in tests:
                for row in _numbers(_TEST.match(ast.get_docstring(test) or "")):
                    found.setdefault(row, []).append(f"{file.name}::{test.name}")
    return found


def _numbers(match: "re.Match[str] | None") -> Iterator[int]:
    """The rows of "1", "1, 2", "1 and 2", "1 to 4", "1-4"."""
    if match is None:
        return
    for part in re.split(r", and |, | and ", match[1]):
        first, _, last = re.sub(r"–| to ", "-", part).partition("-")
        yield from range(int(first), int(last or first) + 1)


def test_every_built_row_has_a_test() -> None:
    missing = set(ROWS) - rows_of_tests().keys() - NOT_BUILT
    assert not missing, f"rows without a test: {sorted(missing)}"


def test_what_is_listed_as_not_built_has_no_test_and_every_number_is_a_row() -> None:
    found = rows_of_tests()
    built = NOT_BUILT & found.keys()
    assert not built, f"rows that have tests now, take them out of NOT_BUILT: {sorted(built)}"
    assert found.keys() | NOT_BUILT <= set(ROWS)


def test_numbers_are_read_as_people_write_them() -> None:
    written = {"7": {7}, "34, 36": {34, 36}, "90-93": {90, 91, 92, 93}, "1, 2 and 4 to 6": {1, 2, 4, 5, 6}}
    for text, rows in written.items():
        assert set(_numbers(_TEST.match(f"rows {text}: x"))) == rows
