"""Lists of commands fit on a terminal of 80 columns: no line is cut off in the middle of a sentence."""

import click
import pytest
from click.testing import CliRunner

from idp.cli.root import COMMANDS, blindage


def groups() -> list[str]:
    """Names of the commands that have commands; empty for the one that has all."""
    with click.Context(blindage) as context:
        return ["", *(name for name in COMMANDS if isinstance(blindage.get_command(context, name), click.Group))]


@pytest.mark.parametrize("group", groups())
def test_a_list_of_commands_is_not_cut_off(group: str) -> None:
    shown = CliRunner().invoke(blindage, [*group.split(), "--help"], terminal_width=80)
    assert shown.exit_code == 0
    lines = shown.output.partition("Commands:")[2].splitlines()
    assert lines
    assert [line for line in lines if line.endswith("...")] == []
