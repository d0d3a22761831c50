"""`blindage audit`: verify the trail, show it."""

import click

from crypto.encoding import b64url_encode
from idp.cli.terminal import as_json, opened_provider, say, settings_here, show
from idp.domain.errors import Refused
from idp.services.accounts import need_account
from idp.services.audit import head_is_signed
from idp.storage.sql.audit_seal import HEADS_FILE, read_heads
from idp.storage.sql.audit_verify import verify_audit
from idp.upkeep import sql_store


@click.group()
def audit() -> None:
    """The audit trail."""


@audit.command()
@click.option("--heads", type=click.Path(exists=True, dir_okay=False), help="Heads kept elsewhere (JSON lines).")
@as_json
def verify(heads: str | None, as_json: bool) -> None:
    """Look for edited, removed, reordered or added rows. Refuses (1) when any is found."""
    with opened_provider() as provider:
        file = settings_here().data_dir / HEADS_FILE
        outside = read_heads(file) if heads is None else read_heads(type(file)(heads))
        ring = provider.realm.ring
        problems = verify_audit(sql_store(provider.realm.store), outside, lambda t, s: head_is_signed(ring, t, s))
    show([{"problem": problem} for problem in problems], as_json)
    if problems:
        raise Refused("audit_broken", f"the audit trail has {len(problems)} problems")
    say("the audit trail is whole")


@audit.command("show")
@click.option("--username", help="Only what concerns this account.")
@click.option("--last", default=50, show_default=True, help="How many of the newest rows.")
@as_json
def show_events(username: str | None, last: int, as_json: bool) -> None:
    """Show audit rows, newest last."""
    with opened_provider() as provider:
        realm = provider.realm
        if username is not None:
            account_id = need_account(realm, username).id
            events = list(realm.store.read(lambda tx: tx.audit.of_account(account_id)))
        else:
            events, after = [], b""
            while page := realm.store.read(lambda tx, after=after: tx.audit.page(after, 500)):  # type: ignore[misc]
                events, after = [*events, *page][-last:], page[-1].id
    rows = [
        {
            "at": event.at,
            "kind": event.kind.value,
            "account": b64url_encode(event.account_id) if event.account_id else None,
            "client": event.client_id,
            "subject": event.subject,
            "details": ", ".join(f"{name}={value}" for name, value in event.details) or None,
        }
        for event in events[-last:]
    ]
    show(rows, as_json)
