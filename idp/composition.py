"""The one place where concrete parts are chosen and put together."""

import hmac
import os
import tomllib
from collections.abc import Callable
from datetime import date
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import urlsplit

import holidays

from crypto.dpop import ServerNonces
from crypto.errors import MerkleError
from crypto.notes import Verifier
from crypto.sealing import Sealer
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.clock import Clock
from idp.domain.curfew import Curfew
from idp.domain.errors import Refused, Unavailable
from idp.domain.identifiers import new_id
from idp.domain.offer import ACCOUNT_OFFER, DOOR_OFFER
from idp.domain.policy import Policy
from idp.domain.ports import KnownPasswords, Store, Transaction
from idp.master_key import load_or_make_ring
from idp.outbound.guarded_fetcher import GuardedFetcher
from idp.protocol.age_tokens.signers import TokenSigners
from idp.protocol.client_key_sets import ClientKeySets
from idp.protocol.door.door import Door
from idp.protocol.door.key_log import KeyLogRefused, Trust
from idp.protocol.door.key_view import KeyLogFollower, KeyView
from idp.protocol.grants.authorization_code import AuthorizationCodeGrant
from idp.protocol.grants.device_code import DeviceCodeGrant
from idp.protocol.grants.refresh_token import RefreshTokenGrant
from idp.protocol.key_set import KeySet
from idp.protocol.lifetimes import Lifetimes
from idp.protocol.provider import Provider
from idp.protocol.server import TokenServer
from idp.protocol.vouchers import AccountVouchers, BandVouchers
from idp.services.keys import ensure_signing_keys, fixed_key, fixed_keys
from idp.services.password_work import PasswordWork
from idp.services.realm import NO_KEYS, Realm
from idp.services.token_keys import NOTICE_SECONDS, WITNESS_SECONDS, LogSigner
from idp.services.wallet_client import ensure_wallet_client
from idp.settings import Role, Settings, SettingsError
from idp.storage.known_passwords import BreachedPasswords, CommonPasswords, EitherPasswords
from idp.storage.sql.door.transaction import DOOR
from idp.storage.sql.layout import ACCOUNT, Layout
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import open_store
from idp.system_clock import SystemClock

PASSWORDS_AT_ONCE = 8
"""A worker checks at most so many at a time, however many cores there are."""

PASSWORD_QUEUE = 12
"""Sign-ins that may wait for Argon2, each on a thread: together with those that run fewer than a worker has."""

PRESENTATION_SECONDS = 900
"""How long an app's request waits at the door: time enough to fetch tokens on the way, where a wallet is new."""


def compose(
    settings: Settings,
    clock: Clock | None = None,
    exclusive: bool = True,
    count_fetch: Callable[[str, str], None] = lambda method, outcome: None,
) -> Provider:
    """A provider on its store. `exclusive`: as a server, alone on an embedded database; commands say False.

    `count_fetch(method, outcome)` hears of every request that leaves this machine.
    """
    clock = clock or SystemClock()
    ring = load_or_make_ring(settings.master_key_file, settings.issuer)
    policy = load_policy(settings.policy)
    sealing = ColumnSealing(ring)
    is_door = settings.role is Role.DOOR
    store = open_store(
        settings.database_url or "", settings.data_dir, sealing, exclusive=exclusive, layout=layout_of(settings)
    )
    _bind_to_issuer(store, settings)
    ensure_signing_keys(store, clock)
    realm = Realm(
        issuer=settings.issuer,
        ring=ring,
        keys=NO_KEYS if is_door else fixed_keys(store, ring),
        policy=policy,
        curfew=Curfew(policy, holiday_calendar(policy.holiday_calendar)),
        store=store,
        clock=clock,
        passwords=PasswordWork(width=min(_processors(), PASSWORDS_AT_ONCE), queue=PASSWORD_QUEUE),
        known_passwords=known_passwords(settings.breached_passwords_file),
        offer=DOOR_OFFER if is_door else ACCOUNT_OFFER,
        token_quota=settings.token_quota,
    )
    if settings.door_issuer is not None and not is_door:
        ensure_wallet_client(realm, settings.door_issuer)
    fetcher = GuardedFetcher(realm.loopback, count=count_fetch, report=_refused_fetches(store, clock))
    return Provider(
        realm=realm,
        keys=KeySet(lambda: store.read(lambda tx: tx.keys.signing_keys()), clock.now),
        fetcher=fetcher,
        client_keys=ClientKeySets(fetcher, clock.now),
        codes=Sealer(ring, "code"),
        access_tokens=Sealer(ring, "access"),
        cookies=Sealer(ring, "cookie"),
        dpop_nonces=ServerNonces(hmac.digest(ring.derive("access", ring.newest.id), b"dpop-nonce", "sha256")),
        lifetimes=Lifetimes(interaction=PRESENTATION_SECONDS) if is_door else Lifetimes(),
        vouchers=BandVouchers() if is_door else AccountVouchers(),
        require_par=settings.require_par,
    )


def layout_of(settings: Settings) -> Layout:
    """The kind of database a role has."""
    return DOOR if settings.role is Role.DOOR else ACCOUNT


def compose_door(provider: Provider, settings: Settings) -> Door:
    """The door around its provider; SettingsError when it is not told whose tokens to take and whom to believe."""
    if settings.account_issuer is None:
        raise SettingsError("ACCOUNT_ISSUER", "a door is told whose tokens it takes")
    if not serves_tokens(settings.account_issuer):
        raise SettingsError("ACCOUNT_ISSUER", "an issuer of tokens has no path")
    trust = door_trust(settings)
    return Door(provider, settings.account_issuer, trust, KeyView(provider, trust))


def door_trust(settings: Settings) -> Trust:
    """Whom a door believes about token keys; SettingsError when nobody is named, or somebody who cannot be believed."""
    if settings.token_log_key is None:
        raise SettingsError("TOKEN_LOG_KEY", "a door is told the log's key (blindage tokens log prints it)")
    if not settings.token_log_witnesses and not settings.loopback:
        raise SettingsError("TOKEN_LOG_WITNESSES", "at least one witness, or anyone could be given keys of their own")
    try:
        log = Verifier.parse(settings.token_log_key)
        witnesses = tuple(Verifier.parse(text) for text in settings.token_log_witnesses)
        return Trust(log, witnesses, WITNESS_SECONDS // 3600 if witnesses else 0)
    except (MerkleError, KeyLogRefused) as error:
        raise SettingsError("TOKEN_LOG_KEY", f"it or a witness's key cannot be used: {error}") from error


def key_log_follower(door: Door) -> KeyLogFollower:
    """What keeps the door's copy of the key log up to date."""
    return KeyLogFollower(door.provider, door.trust, door.account_issuer)


def token_server(provider: Provider) -> TokenServer:
    """The token endpoint's dispatcher with the grants this provider offers."""
    server = TokenServer(provider)
    for grant in (AuthorizationCodeGrant, RefreshTokenGrant, DeviceCodeGrant):
        if grant.GRANT_TYPE in provider.realm.offer.grant_types:
            server.register_grant(grant)
    return server


def token_signers(provider: Provider) -> TokenSigners:
    """The opened keys of age tokens; each process has its own."""
    store = provider.realm.store
    return TokenSigners(lambda: store.read(lambda tx: tx.token_keys.all()), provider.now, _processors())


def _processors() -> int:
    """How many this process may use: one that is kept on a core of many would otherwise work on many things at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def serves_tokens(issuer: str) -> bool:
    """Whether an issuer can give out age tokens: RFC 9578 has no room for a path in an issuer's name."""
    return urlsplit(issuer).path in ("", "/")


def log_signer(provider: Provider) -> LogSigner:
    """Who signs the public log of token keys: the issuer's host, by a key that never changes."""
    realm = provider.realm
    origin = provider.issuer.partition("://")[2] + "/token-keys"
    return LogSigner(origin, fixed_key(realm.store, realm.ring, "token-log"))


def witness_notice(provider: Provider) -> int:
    """Seconds a token key is logged before its use: two days, and none for a demonstration on this machine."""
    return 0 if provider.realm.loopback else NOTICE_SECONDS


def load_policy(name: str) -> Policy:
    """A policy of `idp/policies` by name; SettingsError when there is none."""
    file = resources.files("idp") / "policies" / f"{name}.toml"
    if not name.isidentifier() or not file.is_file():
        raise SettingsError("POLICY", "no such policy")
    return Policy.parse(tomllib.loads(file.read_text("utf-8")))


def known_passwords(file: Path | None) -> KnownPasswords:
    """The passwords nobody may choose: the list that comes with the program, and an operator's file."""
    text = (resources.files("idp") / "policies" / "common_passwords.txt").read_text("utf-8")
    common = CommonPasswords(line for line in text.splitlines() if line and not line.startswith("#"))
    if file is None:
        return common
    try:
        return EitherPasswords(common, BreachedPasswords(file))
    except (OSError, Refused) as error:
        raise SettingsError("BREACHED_PASSWORDS_FILE", str(error)) from error


def holiday_calendar(country: str | None) -> Callable[[date], bool]:
    """Whether a date is a public holiday of a country (ISO 3166 code); nothing is, where none is named."""
    if country is None:
        return lambda day: False

    @cache
    def year_of(year: int) -> frozenset[date]:
        return frozenset(holidays.country_holidays(country, years=year))

    return lambda day: day in year_of(day.year)


def _refused_fetches(store: Store, clock: Clock) -> Callable[[str, str], None]:
    """An audit row for each address the guard refused: somebody registered it."""

    def report(host: str, reason: str) -> None:
        now = clock.now()
        event = AuditEvent(new_id(now), now, AuditKind.FETCH_REFUSED, None, None, host, (("reason", reason),))
        try:
            store.write(lambda tx: tx.audit.append(event), event.id)
        except Unavailable:
            # The fetch is refused all the same, and whoever asked for it hears why.
            return

    return report


def _bind_to_issuer(store: Store, settings: Settings) -> None:
    """Refuse a database that belongs to another issuer: the door must never run on the account issuer's."""

    def unit(tx: Transaction) -> dict[str, str | None]:
        for name, value in wanted.items():
            if tx.keys.meta(name) is None:
                tx.keys.claim_meta(name, value)
        return {name: tx.keys.meta(name) for name in wanted}

    wanted = {"issuer": settings.issuer, "role": settings.role.value}
    if store.read(lambda tx: {name: tx.keys.meta(name) for name in wanted}) == wanted:
        return
    if store.write(unit, b"meta") != wanted:
        raise SettingsError("DATABASE_URL", "this database belongs to another issuer or role")
