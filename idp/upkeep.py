"""What a server keeps in order while it serves: the audit tree, messages to apps, signing keys, expired rows."""

from dataclasses import replace

from idp.background import Task
from idp.composition import compose_door, key_log_follower, serves_tokens, witness_notice
from idp.domain.ports import Store
from idp.protocol.delivery import Deliverer
from idp.protocol.provider import Provider
from idp.services.app_inspection import take_down
from idp.services.audit import sign_head
from idp.services.housekeeping import BITE, Purger
from idp.services.keys import advance, schedule
from idp.services.token_keys import ensure_token_keys
from idp.settings import Role, Settings
from idp.storage.sql.audit_seal import AuditSealer
from idp.storage.sql.store import SqlStore

SEAL_SECONDS = 0.5
"""Audit rows have their leaf within a second."""

DELIVERY_SECONDS = 1.0
"""Apps hear of a sign-out within two seconds or so."""

FOLLOW_SECONDS = 1.0
"""How often it is asked whether the key log is due; once the door has a copy, it is after a minute."""

KEYS_SECONDS = 30.0
LOG_SECONDS = 1.0
"""As often as a busy writer would stop for SQLite's log by itself."""

PURGE_SECONDS = 60.0

EMBEDDED_BITE = 50
"""Rows of a table in a bite on SQLite, where each may touch a page of its own that goes to disk before the answers."""

PURGE_SHARE = 0.2
"""Of one thread's time, while expired rows are left. What is left of the writer's time is the requests'."""

TAKE_DOWN_SECONDS = 60.0
"""What a killed process forgets of its apps' counts."""


def upkeep_tasks(provider: Provider, settings: Settings) -> list[Task]:
    """The chores of one server process; those of several processes take turns in the database."""
    realm = provider.realm

    def keys() -> None:
        schedule(realm.store, realm.clock)
        advance(realm.store, realm.clock)

    store = sql_store(realm.store)
    purger = Purger(replace(realm, store=store.aside()), EMBEDDED_BITE if store.embedded else BITE)
    sealer = AuditSealer(store, settings.data_dir)
    common = [
        Task("audit", SEAL_SECONDS, lambda: sealer.seal_once(provider.now(), lambda text: sign_head(realm.ring, text))),
        Task("keys", KEYS_SECONDS, keys),
        Task("housekeeping", PURGE_SECONDS, purger.take_turn, PURGE_SHARE),
        Task("log", LOG_SECONDS, store.move_log),
    ]
    if settings.role is Role.DOOR:
        follower = key_log_follower(compose_door(provider, settings))
        return [*common, Task("key log", FOLLOW_SECONDS, follower.follow_when_due)]
    counts = Task(
        "app use", TAKE_DOWN_SECONDS, lambda: take_down(realm.store, provider.now(), provider.app_use)
    )
    delivery = Task("delivery", DELIVERY_SECONDS, Deliverer(provider).deliver_due)
    return [*common, counts, delivery, *token_tasks(provider)]


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
