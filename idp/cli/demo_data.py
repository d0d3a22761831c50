"""What the demo finds in its data directory: people with their ages, guardians, registered apps."""

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from idp.composition import compose, log_signer, witness_notice
from idp.domain.age import Assurance
from idp.domain.client import Client, ClientState
from idp.domain.device_grant import GRANT_TYPE
from idp.domain.errors import Refused
from idp.domain.offer import AUTHORIZATION_CODE
from idp.domain.scope import AGE_TOKENS
from idp.master_key import write_private
from idp.protocol.provider import Provider
from idp.services.accounts import create_account, find_account, link_guardian
from idp.services.clients import register_client
from idp.services.evidence import record_evidence
from idp.services.realm import Realm
from idp.services.token_keys import ensure_token_keys, log_wallet_files
from idp.settings import Settings
from idp.web.wallet_files import read_wallet, wallet_digests

FILE = "demo.json"
"""In the data directory, mode 0600: which issuer the data belongs to, and the apps' client secrets."""

TELEVISION = "television"
"""The key of the app on devices: it is started by hand, in a terminal of its own."""

TOKEN_CLIENT = "token-client"
"""The key of the program that fetches age tokens: it is started by hand, too."""

_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody to sign in as. `age` in years at the first start; `guardian` a username of somebody before them.

    The password is known to everybody: these accounts exist on a loopback issuer only.
    """

    username: str
    password: str
    who: str
    age: float
    guardian: str | None = None


# Half a year past the birthday, so that what is said of them is still true for months.
PEOPLE = (
    Person("demo-adult", "lantern-plum-river", "an adult, guardian of the other two", 34.5),
    Person("demo-minor", "kite-maple-window", "a minor of 15", 15.5, "demo-adult"),
    Person("demo-child", "paper-boat-morning", "a child of 10, whose guardian would have to agree", 10.5, "demo-adult"),
)


@dataclass(frozen=True, slots=True)
class App:
    """A demo app. Browsers take `*.localhost` for loopback; cookies ignore ports, so each app has its own host."""

    key: str
    name: str
    base_url: str
    port: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """What an app authenticates with at the token endpoint; the secret is empty where it has none."""

    client_id: str
    client_secret: str


def demo_apps(port_base: int) -> tuple[App, ...]:
    """The apps of a demo; the port after `port_base` is the door's."""
    named = (("app", "Lantern Cinema", 2), ("app2", "Harbour Cinema", 3))
    return tuple(
        App(key, name, f"http://{key}.localhost:{port_base + offset}", port_base + offset)
        for key, name, offset in named
    )


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the servers have to be told: the apps' credentials by key, at the account issuer (`direct`) and at the door
    (`veiled`), and the verifier key of the log of token keys."""

    direct: dict[str, Credentials]
    veiled: dict[str, Credentials]
    log_key: str


def prepare(account: Settings, door: Settings, data_dir: Path, apps: tuple[App, ...]) -> Prepared:
    """Make what is missing of people, apps and token keys on both sides. What is there stays as it is.

    Refused `other_demo` when the data directory belongs to a demo at another address.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = data_dir / FILE
    saved = _read(file, account.issuer)
    drafts = {app.key: _draft(app) for app in apps}
    provider = compose(account, exclusive=False)
    try:
        for person in PEOPLE:
            _ensure_person(provider.realm, person)
        all_drafts = {**drafts, TELEVISION: _television(), TOKEN_CLIENT: _token_client()}
        direct = {key: _ensure_app(provider.realm, "clients", key, app, saved, file) for key, app in all_drafts.items()}
        log_key = _ensure_token_keys(provider)
    finally:
        provider.realm.store.close()
    provider = compose(door, exclusive=False)
    try:
        veiled = {
            key: _ensure_app(provider.realm, "veiled_clients", key, _at_door(app), saved, file)
            for key, app in drafts.items()
        }
    finally:
        provider.realm.store.close()
    return Prepared(direct, veiled, log_key)


def _ensure_token_keys(provider: Provider) -> str:
    """Keys to sign tokens with from the first second on, the wallet's files in the log; the log's verifier key."""
    store, now = provider.realm.store, provider.now()
    ensure_token_keys(store, now, witness_notice(provider))
    log_wallet_files(store, wallet_digests(read_wallet()), now)
    return log_signer(provider).verifier.to_text()


def birth_date(age: float, now: int) -> date:
    """A birth date of somebody who is `age` years old at `now` (epoch seconds)."""
    return datetime.fromtimestamp(now, UTC).date() - timedelta(days=round(age * _DAYS_A_YEAR))


def _ensure_person(realm: Realm, person: Person) -> None:
    account = find_account(realm, person.username)
    if account is None:
        account = create_account(realm, person.username, person.password)
    if account.age is None:
        born = birth_date(person.age, realm.clock.now())
        record_evidence(realm, person.username, born, "in_person", Assurance.ENHANCED)
    if person.guardian is not None and not account.guardians:
        link_guardian(realm, person.guardian, person.username)


def _ensure_app(realm: Realm, side: str, key: str, app: Client, saved: dict[str, Any], file: Path) -> Credentials:
    kept = saved.setdefault(side, {})
    known = kept.get(key)
    if known is not None:
        credentials = Credentials(**known)
        client = realm.store.read(lambda tx: tx.clients.get(credentials.client_id))
        if client is not None and client.usable:
            return credentials
    registered = register_client(realm, app)
    credentials = Credentials(registered.client.id, registered.secret or "")
    kept[key] = asdict(credentials)
    draft = file.with_suffix(".new")
    write_private(draft, json.dumps(saved, indent=1).encode())
    draft.replace(file)
    return credentials


def _draft(app: App) -> Client:
    return Client(
        id="",
        name=app.name,
        state=ClientState.ACTIVE,
        created_at=0,
        redirect_uris=(app.base_url + "/callback",),
        post_logout_redirect_uris=(app.base_url + "/signed-out",),
        sector="",
    )


def _at_door(app: Client) -> Client:
    """The same app, registered at the door, where nothing is refreshed."""
    return replace(app, grant_types=frozenset({AUTHORIZATION_CODE}))


def _television() -> Client:
    """The cinema on a television: no browser, no secret, so only codes (RFC 8628)."""
    return Client(
        id="",
        name="Lantern Cinema TV",
        state=ClientState.ACTIVE,
        created_at=0,
        redirect_uris=(),
        sector="",
        grant_types=frozenset({GRANT_TYPE}),
        token_endpoint_auth_method="none",
        application_type="native",
    )


def _token_client() -> Client:
    """A program in a terminal that may fetch age tokens and learns nothing of the person (RFC 9578)."""
    return replace(_television(), name="Age token client", scope=frozenset({AGE_TOKENS}))


def _read(file: Path, issuer: str) -> dict[str, Any]:
    if not file.exists():
        return {"issuer": issuer, "clients": {}}
    saved: dict[str, Any] = json.loads(file.read_text("utf-8"))
    if saved["issuer"] != issuer:
        raise Refused(
            "other_demo", f"{file.parent} belongs to a demo at {saved['issuer']}; name another one with --data-dir"
        )
    return saved
