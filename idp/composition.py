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
from crypto.sealing import Sealer
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.clock import Clock
from idp.domain.curfew import Curfew
from idp.domain.errors import Refused, Unavailable
from idp.domain.identifiers import new_id
from idp.domain.policy import Policy
from idp.domain.ports import KnownPasswords, Store, Transaction
from idp.master_key import load_or_make_ring
from idp.outbound.guarded_fetcher import GuardedFetcher
from idp.protocol.age_tokens.signers import TokenSigners
from idp.protocol.client_key_sets import ClientKeySets
from idp.protocol.grants.authorization_code import AuthorizationCodeGrant
from idp.protocol.grants.device_code import DeviceCodeGrant
from idp.protocol.grants.refresh_token import RefreshTokenGrant
from idp.protocol.key_set import KeySet
from idp.protocol.provider import Provider
from idp.protocol.server import TokenServer
from idp.services.keys import ensure_signing_keys, fixed_key, fixed_keys
from idp.services.password_work import PasswordWork
from idp.services.realm import Realm
from idp.services.token_keys import NOTICE_SECONDS, LogSigner
from idp.settings import Settings, SettingsError
from idp.storage.known_passwords import BreachedPasswords, CommonPasswords, EitherPasswords
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import open_store
from idp.system_clock import SystemClock

PASSWORD_QUEUE = 64
"""Sign-ins that may wait for Argon2; at 20 ms each the last of them waits a second or so on two cores."""


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
    store = open_store(settings.database_url or "", settings.data_dir, sealing, exclusive=exclusive)
    _bind_to_issuer(store, settings)
    ensure_signing_keys(store, clock)
    realm = Realm(
        issuer=settings.issuer,
        ring=ring,
        keys=fixed_keys(store, ring),
        policy=policy,
        curfew=Curfew(policy, holiday_calendar(policy.holiday_calendar)),
        store=store,
        clock=clock,
        passwords=PasswordWork(width=os.cpu_count() or 1, queue=PASSWORD_QUEUE),
        known_passwords=known_passwords(settings.breached_passwords_file),
    )
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
    )


def token_server(provider: Provider) -> TokenServer:
    """The token endpoint's dispatcher with the grants this provider offers."""
    server = TokenServer(provider)
    server.register_grant(AuthorizationCodeGrant)
    server.register_grant(RefreshTokenGrant)
    server.register_grant(DeviceCodeGrant)
    return server


def token_signers(provider: Provider) -> TokenSigners:
    """The opened keys of age tokens; each process has its own."""
    store = provider.realm.store
    return TokenSigners(lambda: store.read(lambda tx: tx.token_keys.all()), provider.now, os.cpu_count() or 1)


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
