"""`blindage housekeeping`, `backup`, `fsck`: care of the data."""

from pathlib import Path

import click

from idp.cli.terminal import as_json, opened_provider, say, show
from idp.domain.errors import Refused
from idp.services.housekeeping import purge_expired
from idp.services.keys import advance, schedule
from idp.storage.sql.fsck import check_invariants
from idp.upkeep import sql_store


@click.command()
@as_json
def housekeeping(as_json: bool) -> None:
    """Remove what has expired and move signing keys on. A running server does this by itself."""
    with opened_provider() as provider:
        realm = provider.realm
        schedule(realm.store, realm.clock)
        advance(realm.store, realm.clock)
        removed = purge_expired(realm)
    say("done")
    show(dict(removed), as_json)


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
def backup(file: Path) -> None:
    """Write a checked copy of the embedded database to FILE. The master key is kept elsewhere, on purpose."""
    with opened_provider() as provider:
        sql_store(provider.realm.store).backup(file)
    say(f"written: {file}")


@click.command()
@as_json
def fsck(as_json: bool) -> None:
    """Prove the database's invariants, stopped or live. The output lists them; refuses (1) when one is broken."""
    with opened_provider() as provider:
        realm = provider.realm
        found = check_invariants(sql_store(realm.store), provider.now(), realm.policy.consent_age, realm.token_quota)
    show([{"invariant": item.name, "rule": item.rule, "violations": item.violations} for item in found], as_json)
    broken = [item.name for item in found if item.violations]
    if broken:
        raise Refused("invariants_broken", "broken: " + ", ".join(broken))
    say("all invariants hold")
