"""`blindage keys`: signing keys and their life."""

import click

from idp.cli.terminal import as_json, opened_provider, say, show
from idp.services.keys import ALGORITHMS, advance, publish_next


@click.group()
def keys() -> None:
    """Signing keys: next, active, retiring, retired."""


@keys.command("list")
@as_json
def list_keys(as_json: bool) -> None:
    """List signing keys and their states."""
    with opened_provider() as provider:
        found = provider.realm.store.read(lambda tx: tx.keys.signing_keys())
    show([{"kid": key.kid, "alg": key.alg, "state": key.state.value} for key in found], as_json)


@keys.command()
@click.option("--alg", type=click.Choice(ALGORITHMS), multiple=True, help="Only these algorithms.")
@as_json
def rotate(alg: tuple[str, ...], as_json: bool) -> None:
    """Publish a next key for each algorithm. What is due with those that wait is done, too."""
    with opened_provider() as provider:
        realm = provider.realm
        moved = advance(realm.store, realm.clock)
        published = [publish_next(realm.store, realm.clock, name) for name in alg or ALGORITHMS]
    say("a next key is used once every verifier can have fetched it; run again, or let the server do it")
    show({"moved": moved, "published": published}, as_json)
