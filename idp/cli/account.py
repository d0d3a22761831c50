"""`blindage account`: create, list, delete, and the way back for those who lost their password."""

import sys

import click

from crypto.encoding import b64url_encode
from idp.cli.terminal import as_json, opened_provider, say, show
from idp.domain.app_message import Initiator
from idp.domain.errors import Conflict, Refused
from idp.services.accounts import create_account, delete_account
from idp.services.recovery import make_operators_code
from idp.upkeep import sql_store


@click.group()
def account() -> None:
    """People's accounts."""


@account.command()
@click.option("--username", required=True)
@click.option("--password-stdin", is_flag=True, required=True, help="Read the password from standard input.")
@click.option("--tester", is_flag=True, help="May sign in to apps that are not reviewed yet.")
@as_json
def create(username: str, password_stdin: bool, tester: bool, as_json: bool) -> None:
    """Create an account without any recorded age."""
    password = sys.stdin.readline().rstrip("\r\n")
    with opened_provider() as provider:
        try:
            made = create_account(provider.realm, username, password, tester)
        except Conflict as error:
            raise Refused("username_taken", "this username is taken") from error
    say("account created")
    show({"account": b64url_encode(made.id)}, as_json)


@account.command("list")
@as_json
def list_accounts(as_json: bool) -> None:
    """List accounts: opaque id, username, state, band."""
    rows = []
    with opened_provider() as provider:
        realm, now = provider.realm, provider.now()
        after = b""
        while page := realm.store.read(lambda tx, after=after: tx.accounts.page(after, 500)):  # type: ignore[misc]
            after = page[-1].id
            rows += [
                {
                    "account": b64url_encode(found.id),
                    "username": found.username,
                    "state": found.state.value,
                    "band": found.age.state.band(now).value if found.age else None,
                }
                for found in page
            ]
    show(rows, as_json)


@account.command("reset-code")
@click.option("--username", required=True)
@as_json
def reset_code(username: str, as_json: bool) -> None:
    """Make a code for one password reset at /reset. It is good for 15 minutes. First make sure who asks for it."""
    with opened_provider() as provider:
        made = make_operators_code(provider.realm, username)
    say("code made; it is shown this once")
    show({"code": made.code, "expires_at": made.expires_at}, as_json)


@account.command()
@click.option("--username", required=True)
@click.confirmation_option("--yes", prompt="Nothing of this account can be brought back. Delete it?")
@as_json
def delete(username: str, as_json: bool) -> None:
    """Delete an account for good. Its key goes first, then its rows; its apps are told within a minute or so."""
    with opened_provider() as provider:
        deleted = delete_account(provider.realm, username, Initiator.ADMIN)
        # Until then SQLite's log holds copies of the pages that were emptied (threats E05).
        emptied = sql_store(provider.realm.store).truncate_log()
    say("account deleted" if emptied else "account deleted; the database's log is in use and empties itself later")
    show({"account": b64url_encode(deleted.account_id), "apps_told": deleted.apps_told}, as_json)
