"""Clients keep every field of their metadata, change under a version, and are cached for 3 seconds at most."""

from collections.abc import Callable
from dataclasses import MISSING, fields, replace
from typing import Any, get_type_hints

import orjson
import pytest

from idp.domain.client import Category, Client, ClientState, Manifest
from idp.domain.errors import Conflict
from idp.storage.sql.clients import CACHE_SECONDS, ClientCache
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import a_client

# For each type that a field of Client may have, a value that is nobody's default.
SAMPLES: dict[object, object] = {
    str | None: "值 and value",
    int | None: 0,
    bytes | None: bytes(range(32)),
    dict[str, Any] | None: {"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "abc"}]},
    str: "another",
    int: 77,
    tuple[str, ...]: ("https://one.example/", "https://two.example/"),
    tuple[int, ...]: (8, 16),
    frozenset[str]: frozenset({"openid", "offline_access"}),
    Category: Category.GAME,
    ClientState: ClientState.PENDING,
    Manifest: Manifest(2, "目的", "use", "30 days", "all", "dpo@app.example"),
}


def _full() -> Client:
    """A client of which every field differs from its default."""
    types, values = get_type_hints(Client), {}
    for field in fields(Client):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        values[field.name] = not default if types[field.name] is bool else SAMPLES[types[field.name]]
        assert values[field.name] != default
    return Client(**values)


def test_every_field_of_a_client_is_kept(store: SqlStore) -> None:
    plain, full = a_client(secret_hash=None), _full()
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


@pytest.mark.parametrize("client_id", ["", "app\0", "\ud800", "приложение", "a\nb", "x" * 100_000])
def test_a_client_id_that_cannot_be_is_not_there(store: SqlStore, client_id: str) -> None:
    assert store.read(lambda tx: tx.clients.get(client_id)) is None
    assert store.write(lambda tx: tx.clients.get(client_id)) is None


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
