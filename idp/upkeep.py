"""What a server keeps in order while it serves: the audit tree, messages to apps, signing keys, expired rows."""

from idp.background import Task
from idp.composition import serves_tokens, witness_notice
from idp.domain.ports import Store
from idp.protocol.delivery import Deliverer
from idp.protocol.provider import Provider
from idp.services.audit import sign_head
from idp.services.housekeeping import purge_expired
from idp.services.keys import advance, schedule
from idp.services.token_keys import ensure_token_keys
from idp.settings import Settings
from idp.storage.sql.audit_seal import AuditSealer
from idp.storage.sql.store import SqlStore

SEAL_SECONDS = 0.5
"""Audit rows have their leaf within a second."""

DELIVERY_SECONDS = 1.0
"""Apps hear of a sign-out within two seconds or so."""

KEYS_SECONDS = 30.0
PURGE_SECONDS = 60.0


def upkeep_tasks(provider: Provider, settings: Settings) -> list[Task]:
    """The chores of one server process; those of several processes take turns in the database."""
    realm = provider.realm
    sealer = AuditSealer(sql_store(realm.store), settings.data_dir)

    def keys() -> None:
        schedule(realm.store, realm.clock)
        advance(realm.store, realm.clock)

    return [
        Task("audit", SEAL_SECONDS, lambda: sealer.seal_once(provider.now(), lambda text: sign_head(realm.ring, text))),
        Task("delivery", DELIVERY_SECONDS, Deliverer(provider).deliver_due),
        Task("keys", KEYS_SECONDS, keys),
        *token_tasks(provider),
        Task("housekeeping", PURGE_SECONDS, lambda: purge_expired(realm, bites=20)),
    ]


def token_tasks(provider: Provider) -> list[Task]:
    """Keys of age tokens are made an epoch ahead, where this issuer serves tokens at all."""
    if not serves_tokens(provider.issuer):
        return []
    store, notice = provider.realm.store, witness_notice(provider)
    return [Task("token keys", KEYS_SECONDS, lambda: ensure_token_keys(store, provider.now(), notice))]


def sql_store(store: Store) -> SqlStore:
    """The store as the one kind there is; what concerns the database as a whole is not part of the port."""
    if not isinstance(store, SqlStore):
        raise TypeError("upkeep needs an SQL store")
    return store
