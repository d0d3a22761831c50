"""`blindage db`: the database's schema."""

import os

import click

from idp.cli.terminal import DEFAULT_ISSUER, say
from idp.composition import layout_of
from idp.settings import read_settings
from idp.storage.sql.store import upgrade_schema


@click.group()
def db() -> None:
    """The database."""


@db.command()
def upgrade() -> None:
    """Bring the database's schema up to this version. The embedded one does so by itself."""
    settings = read_settings(os.environ, DEFAULT_ISSUER)
    upgrade_schema(settings.database_url or "", settings.data_dir, layout_of(settings))
    say("the schema is up to date")
