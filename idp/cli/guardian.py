"""`blindage guardian`: link guardians and children."""

import click

from idp.cli.terminal import as_json, opened_provider, say, show
from idp.services.accounts import link_guardian, need_account


@click.group()
def guardian() -> None:
    """Guardians and the children they answer for."""


@guardian.command()
@click.option("--guardian", "guardian_name", required=True, help="Username of an adult with recorded evidence.")
@click.option("--child", "child_name", required=True, help="Username of the child.")
@as_json
def link(guardian_name: str, child_name: str, as_json: bool) -> None:
    """Link a guardian to a child."""
    with opened_provider() as provider:
        link_guardian(provider.realm, guardian_name, child_name)
    say("linked")
    show({"guardian": guardian_name, "child": child_name}, as_json)


@guardian.command("list")
@click.option("--username", required=True, help="Whose guardians and children to list.")
@as_json
def list_links(username: str, as_json: bool) -> None:
    """List the guardians and children of one account."""
    with opened_provider() as provider:
        person = need_account(provider.realm, username)
        store = provider.realm.store
        rows = []
        for relation, ids in (("guardian", person.guardians), ("child", person.children)):
            for account_id in ids:
                found = store.read(lambda tx, wanted=account_id: tx.accounts.get(wanted))  # type: ignore[misc]
                if found is not None:
                    rows.append({"relation": relation, "username": found.username})
    show(rows, as_json)
