"""`blindage evidence`: record what was seen of a person's age."""

from datetime import date, datetime

import click

from idp.cli.terminal import as_json, opened_provider, say, show
from idp.domain.age import Assurance
from idp.services.evidence import METHODS, describe, record_evidence


@click.group()
def evidence() -> None:
    """Evidence of age. The birth date is used once and written nowhere."""


@evidence.command()
@click.option("--username", required=True)
@click.option("--birthdate", required=True, type=click.DateTime(["%Y-%m-%d"]))
@click.option("--method", required=True, type=click.Choice(METHODS))
@click.option("--assurance", required=True, type=click.Choice([level.value for level in Assurance]))
@as_json
def record(username: str, birthdate: datetime, method: str, assurance: str, as_json: bool) -> None:
    """Record evidence. Prints the band, the assurance, and the public date on which the band changes."""
    born: date = birthdate.date()
    with opened_provider() as provider:
        kept = record_evidence(provider.realm, username, born, method, Assurance(assurance))
        described = describe(provider.realm, kept)
    say("evidence recorded")
    show(dict(described), as_json)
