"""The group of all commands. Each is imported when it is called for: a command that reads a table needs no server."""

import sys
from importlib import import_module

import click

from idp.cli.refusals import REFUSALS, say_refused

COMMANDS = {
    "account": "account",
    "audit": "audit",
    "backup": "upkeep",
    "client": "clients",
    "db": "database",
    "demo": "demo",
    "evidence": "evidence",
    "fsck": "upkeep",
    "guardian": "guardian",
    "housekeeping": "upkeep",
    "keys": "keys",
    "mint-codes": "mint",
    "serve": "serve",
    "staff": "staff",
    "tokens": "tokens",
    "witness": "witness",
}
"""Command -> module of `idp.cli` in which it stands under its own name, `_` for `-`."""


class _Commands(click.Group):
    """Finds commands by the table above."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = getattr(import_module(f"idp.cli.{module}"), cmd_name.replace("-", "_"))
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="blindage")
def blindage() -> None:
    """An OpenID Connect provider that vouches for an age band and nothing else."""


def main() -> None:
    """Entry point: refusals end with status 1 and one line, never with a stack trace."""
    try:
        blindage(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(1)
    except REFUSALS as error:
        say_refused(error)
        sys.exit(1)
