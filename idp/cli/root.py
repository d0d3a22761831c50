"""The group of all commands."""

import sys

import click

from crypto.errors import CryptoError
from idp.cli import account, audit, clients, database, demo, evidence, guardian, keys, mint, serve, upkeep
from idp.cli.terminal import say
from idp.domain.errors import DomainError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="blindage")
def blindage() -> None:
    """An OpenID Connect provider that vouches for an age band and nothing else."""


for command in (
    serve.serve,
    demo.demo,
    account.account,
    clients.client,
    evidence.evidence,
    guardian.guardian,
    keys.keys,
    database.db,
    audit.audit,
    upkeep.housekeeping,
    upkeep.backup,
    upkeep.fsck,
    mint.mint_codes,
):
    blindage.add_command(command)


def main() -> None:
    """Entry point: refusals end with status 1 and one line, never with a stack trace."""
    try:
        blindage(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        sys.exit(1)
    except (DomainError, CryptoError, OSError) as error:
        say(f"refused: {error}")
        sys.exit(1)
