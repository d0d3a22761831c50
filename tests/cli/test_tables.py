"""What commands print for people is whole and literal, however narrow the terminal is."""

import pytest

from idp.cli.terminal import show


@pytest.mark.parametrize("columns", [2, 15, 40])
def test_nothing_of_a_row_is_cut_off(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    row = {f"name{number}": f"v{number}" + "x" * 60 for number in range(columns)}
    show([row, row], as_json=False)
    printed = capsys.readouterr().out
    assert printed.count("x") == 2 * columns * 60 and "\N{HORIZONTAL ELLIPSIS}" not in printed
    assert all(name in printed for name in row)


def test_an_apps_name_is_no_markup(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    show({"name": "[bold red]Poplar[/]"}, as_json=False)
    assert "[bold red]Poplar[/]" in capsys.readouterr().out
