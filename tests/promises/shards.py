"""Which shard each statement of each request would go to, were PostgreSQL split by account: docs/scaling.md.

`python -m tests.promises.shards` writes the list there anew.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.device import new_device, register_device_app
from tests.need import ROOT
from tests.promises.recorded import Spoken, recording
from tests.storage.databases import Database
from tests.veiled import Veiled, running_veiled, told_app
from tests.web.visitor import returned

DOCUMENT = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- recorded: begin -->", "<!-- recorded: end -->"

ACCOUNT = {
    "accounts", "account_keys", "sessions", "recovery_codes", "passkeys", "consents", "grants", "token_allowance",
}  # fmt: skip
"""Rows that lie with their account."""
EVERYWHERE = {
    "clients", "signing_keys", "token_keys", "token_log", "token_log_notes", "wrapped_keys", "meta", "schema_level",
    "door_schema_level", "app_use",
}  # fmt: skip
"""Small, read from each node's cache, written by operators: a copy on every shard, written on one."""
FOLLOWS = {"audit_events", "audit_pending", "audit_leaves", "audit_frontier", "audit_heads", "outbox"}
"""Written in the transaction of what they tell of, so on its shard: each shard has a trail and an outbox of its own."""
BY_DIGEST = {"spent", "attempts", "dedup_indexes", "device_grants", "spent_tokens", "answered_requests", "door_grants"}
"""Found by a digest or random id alone, wherever that leads."""
ONE_SHARD = {"staff", "staff_sessions", "staff_passkeys"}
"""Of a handful of people, who must be seen as they are now: on the shard that has the originals."""

GOES_ALONG = {"spent", "attempts"}
"""Of these, what is written together with an account's rows lies with the account: asked again, it is the same."""

# Column -> how to learn whose the row is that has this value.
_OWNERS = {
    "accounts.id": None,
    "account_keys.account_id": None,
    "sessions.account_id": None,
    "recovery_codes.account_id": None,
    "passkeys.account_id": None,
    "consents.account_id": None,
    "grants.account_id": None,
    "token_allowance.account_id": None,
    "accounts.username_index": "SELECT id FROM accounts WHERE username_index = ?",
    "sessions.id": "SELECT account_id FROM sessions WHERE id = ?",
    "consents.id": "SELECT account_id FROM consents WHERE id = ?",
    "grants.id": "SELECT account_id FROM grants WHERE id = ?",
}


@dataclass(frozen=True)
class Request:
    """One request, what it said, and whose rows that were (`owners` in the order of `spoken`)."""

    name: str
    spoken: tuple[Spoken, ...]
    owners: tuple[frozenset[bytes], ...]


def record_requests(directory: Path) -> list[Request]:
    """Every request that programs and people make often, with two people in the database, one of whom asks."""
    with running_veiled(directory) as veiled:
        return _record(veiled)


def _record(veiled: Veiled) -> list[Request]:
    app, found = veiled.account, list[Request]()
    database = Database("sqlite", "", app.settings.data_dir)
    person, other = app.signed_in(), app.signed_in()
    party, public = app.register_client(), app.register_client(token_endpoint_auth_method="none")
    at_door = veiled.app()

    def record(name: str, send: Callable[[], Any]) -> Any:
        with recording() as recorder:
            answer = send()
        # What every node has in its cache comes and goes with the seconds.
        spoken = [one for one in recorder.spoken if not set(one.tables) <= EVERYWHERE]
        found.append(Request(name, tuple(spoken), tuple(owners_of(database, one) for one in spoken)))
        return answer

    for somebody in (other, person):
        party.tokens(somebody)
        kept = public.tokens(somebody, scope="openid age offline_access")
    wallet = veiled.wallet(person)
    record("sign-in with a password", lambda: app.browser().sign_in(person.username))
    code = returned(record("/authorize, signed in and agreed", lambda: party.ask(person.browser)))["code"]
    tokens = record("/token, code", lambda: party.exchange(code)).json
    proven, code = party.with_dpop(), party.code(person)
    # The first answer has the nonce.
    proven.exchange("no code")
    record("/token, code with DPoP", lambda: proven.exchange(code))
    record("/token, refresh of a public app", lambda: public.refresh(kept["refresh_token"]))
    record("/token, refresh of a confidential app", lambda: party.refresh(tokens["refresh_token"]))
    record("/userinfo", lambda: party.userinfo(tokens["access_token"]))
    record("/introspect", lambda: party.introspect(tokens["access_token"]))
    record("/par", lambda: party.push())
    record("/jwks", lambda: app.json("/jwks"))
    record("discovery", lambda: app.json("/.well-known/openid-configuration"))
    record("/revoke", lambda: party.revoke(tokens["access_token"]))
    _record_tokens(veiled, record, wallet, person, at_door)
    _record_device(app, record, person)
    return found


def _record_tokens(veiled: Veiled, record: Any, wallet: Any, person: Any, at_door: Any) -> None:
    access = wallet.access_token(person)
    wallet.access_token = lambda _: access
    record("/token-keys/current, /token-request", lambda: wallet.fill(person, 4))
    shown = wallet.arrive(at_door)
    fields = wallet.fields(shown)
    code = told_app(record("/present (door)", lambda: shown.post(fields)))["code"]
    tokens = record("/token, code (door)", lambda: at_door.exchange(code)).json
    record("/userinfo (door)", lambda: at_door.userinfo(tokens["access_token"]))


def _record_device(app: Any, record: Any, person: Any) -> None:
    party = register_device_app(app)
    device = record("/device_authorization", lambda: new_device(party))
    record("/token, device that waits", device.poll)
    device.answered_by(person)
    app.clock.advance(20)
    record("/token, device that was answered", device.poll)


def owners_of(database: Database, one: Spoken) -> frozenset[bytes]:
    """The accounts whose rows a statement reaches by its keys."""
    owners: set[bytes] = set()
    for column, value in one.keys.items():
        if column in _OWNERS and isinstance(value, bytes):
            query = _OWNERS[column]
            rows = [(value,)] if query is None else database.rows(query, value)
            owners |= {bytes(row[0]) for row in rows}
    return frozenset(owners)


def shards_of(request: Request) -> list[str]:
    """Where each statement goes: `account`, `digest` or `token`; `both` where a transaction would need two shards."""
    return [_shard_of(one, request) for one in request.spoken]


def _shard_of(one: Spoken, request: Request) -> str:
    beside = [other for other in request.spoken if one.transaction and other.transaction == one.transaction] or [one]
    tables = {table for other in beside for table in other.tables}
    if tables & ACCOUNT:
        return "both" if tables - ACCOUNT - FOLLOWS - GOES_ALONG else "account"
    return "token" if "spent_tokens" in tables else "digest"


def render(requests: list[Request]) -> str:
    """The list as it stands in the document."""
    lines = ["| request | | statement, by its key | shard |", "|---|---|---|---|"]
    texts: dict[str, int] = {}
    for request in requests:
        name = request.name
        if not request.spoken:
            lines.append(f"| {name} | | none | |")
        for one, shard in zip(request.spoken, shards_of(request), strict=True):
            number = texts.setdefault(one.sql, len(texts) + 1)
            where = f"write {one.transaction}" if one.transaction else "read"
            lines.append(f"| {name} | {where} | {one.line} [{number}] | {shard} |")
            name = ""
    return "\n".join([*lines, "", "The statements in full:", "", *(f"{n}. `{sql}`" for sql, n in texts.items())])


def main() -> None:
    """Write the list into the document."""
    with tempfile.TemporaryDirectory() as directory:
        listed = render(record_requests(Path(directory)))
    before, _, rest = DOCUMENT.read_text("utf-8").partition(BEGIN)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{listed}\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
