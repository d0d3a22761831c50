"""Clients keep every field of their metadata, change under a version, and are cached for 3 seconds at most."""

from collections.abc import Callable
from dataclasses import MISSING, fields, replace

import orjson
import pytest

from idp.domain.client import Category, Client, ClientState, Manifest
from idp.domain.errors import Conflict
from idp.storage.sql.clients import CACHE_SECONDS, ClientCache
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import a_client

FULL = {
    "secret_expires_at": 5,
    "version": 7,
    "post_logout_redirect_uris": ("https://app.example/out",),
    "token_endpoint_auth_method": "private_key_jwt",
    "token_endpoint_auth_signing_alg": "ES256",
    "application_type": "native",
    "sector_identifier_uri": "https://app.example/sector.json",
    "scope": frozenset({"openid", "age", "offline_access"}),
    "grant_types": frozenset({"authorization_code"}),
    "id_token_signed_response_alg": "EdDSA",
    "userinfo_signed_response_alg": "ES256",
    "introspection_signed_response_alg": "ES256",
    "jwks": {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "abc"}]},
    "jwks_uri": "https://app.example/jwks.json",
    "default_max_age": 0,
    "require_auth_time": True,
    "category": Category.GAME,
    "thresholds": (8, 16),
    "require_pkce": False,
    "dpop_bound_access_tokens": True,
    "require_pushed_authorization_requests": True,
    "fapi": True,
    "backchannel_logout_uri": "https://app.example/bye",
    "backchannel_logout_session_required": True,
    "security_event_endpoint": "https://app.example/events",
    "client_uri": "https://app.example/",
    "logo_uri": "https://app.example/logo.png",
    "policy_uri": "https://app.example/policy",
    "tos_uri": "https://app.example/tos",
    "contacts": ("ops@app.example",),
    "manifest": Manifest(2, "目的", "use", "30 days", "all", "dpo@app.example"),
    "registration_token_hash": bytes(range(32)),
    "resources": ("https://api.example/",),
    "own_resources": ("https://api.app.example/",),
}


def _defaults() -> dict[str, object]:
    found = {}
    for field in fields(Client):
        if field.default is not MISSING:
            found[field.name] = field.default
        elif field.default_factory is not MISSING:
            found[field.name] = field.default_factory()
    return found


def test_every_field_of_a_client_is_kept(store: SqlStore) -> None:
    defaults = _defaults()
    assert FULL.keys() | {"secret_hash"} == defaults.keys(), "a new field of Client is to be tried here"
    assert all(FULL[name] != defaults[name] for name in FULL)
    plain, full = a_client(secret_hash=None), a_client(**FULL)
    store.write(lambda tx: (tx.clients.add(plain), tx.clients.add(full)))
    assert store.read(lambda tx: tx.clients.get(plain.id)) == plain
    assert store.read(lambda tx: tx.clients.get(full.id)) == full
    assert store.write(lambda tx: tx.clients.get(full.id)) == full
    assert store.read(lambda tx: tx.clients.get("nobody")) is None


def test_metadata_of_another_version_is_read_as_far_as_it_is_known(store: SqlStore, database: Database) -> None:
    client = a_client()
    store.write(lambda tx: tx.clients.add(client))
    document = orjson.loads(database.rows("SELECT document FROM clients")[0][0])
    del document["contacts"]
    document["field_of_tomorrow"] = True
    database.execute("UPDATE clients SET document = ?", orjson.dumps(document))
    assert store.read(lambda tx: tx.clients.get(client.id)) == client


def test_a_client_id_exists_once(store: SqlStore) -> None:
    client = a_client()
    store.write(lambda tx: tx.clients.add(client))
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.clients.add(replace(client, name="Another app")))


def test_a_client_is_replaced_only_at_the_version_that_was_read(store: SqlStore) -> None:
    client = a_client()
    store.write(lambda tx: tx.clients.add(client))
    renamed = replace(client, name="New name", sector="new.example", version=2)
    assert store.write(lambda tx: tx.clients.replace(renamed, 1))
    assert not store.write(lambda tx: tx.clients.replace(replace(client, name="Late", version=2), 1))
    assert store.read(lambda tx: tx.clients.get(client.id)) == renamed
    assert store.write(lambda tx: tx.clients.set_state(client.id, ClientState.SUSPENDED))
    assert not store.write(lambda tx: tx.clients.replace(replace(renamed, state=ClientState.ACTIVE), 2))
    assert store.read(lambda tx: tx.clients.get(client.id)) == replace(
        renamed, state=ClientState.SUSPENDED, version=3
    )


def test_a_deleted_client_is_gone(store: SqlStore) -> None:
    client = a_client()
    store.write(lambda tx: tx.clients.add(client))
    assert store.read(lambda tx: tx.clients.get(client.id)) == client
    assert store.write(lambda tx: tx.clients.delete(client.id))
    assert not store.write(lambda tx: tx.clients.delete(client.id))
    assert not store.write(lambda tx: tx.clients.set_state(client.id, ClientState.ACTIVE))
    assert store.read(lambda tx: tx.clients.get(client.id)) is None


def test_clients_are_paged_and_found_by_sector(store: SqlStore) -> None:
    clients = sorted((a_client(sector=sector) for sector in ("a", "b", "a")), key=lambda client: client.id)
    store.write(lambda tx: [tx.clients.add(client) for client in clients])
    first = store.read(lambda tx: tx.clients.page("", 2))
    assert [*first, *store.read(lambda tx: tx.clients.page(first[-1].id, 2))] == clients
    assert store.read(lambda tx: tx.clients.of_sector("a")) == [one for one in clients if one.sector == "a"]


def test_another_process_sees_a_suspension_within_three_seconds(
    store: SqlStore, open_another: Callable[[], SqlStore]
) -> None:
    client, now = a_client(), 100.0
    elsewhere = open_another()
    elsewhere._clients = ClientCache(lambda: now)
    store.write(lambda tx: tx.clients.add(client))
    assert elsewhere.read(lambda tx: tx.clients.get(client.id)) == client
    store.write(lambda tx: tx.clients.set_state(client.id, ClientState.SUSPENDED))
    now += CACHE_SECONDS - 0.01
    cached = elsewhere.read(lambda tx: tx.clients.get(client.id))
    truth = elsewhere.write(lambda tx: tx.clients.get(client.id))
    now += 0.02
    fresh = elsewhere.read(lambda tx: tx.clients.get(client.id))
    assert [found.state if found else None for found in (cached, truth, fresh)] == [
        ClientState.ACTIVE, ClientState.SUSPENDED, ClientState.SUSPENDED,
    ]
    assert CACHE_SECONDS <= 5


def test_the_process_that_suspends_a_client_sees_it_at_once(store: SqlStore) -> None:
    client = a_client()
    store.write(lambda tx: tx.clients.add(client))
    assert store.read(lambda tx: tx.clients.get(client.id)) == client
    store.write(lambda tx: tx.clients.set_state(client.id, ClientState.SUSPENDED))
    found = store.read(lambda tx: tx.clients.get(client.id))
    assert found is not None and not found.usable
