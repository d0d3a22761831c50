"""A door that is not told whom to believe, or that stands beside the account issuer's things, does not start."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from crypto.errors import KeyRingError
from idp.composition import compose, compose_door, log_signer
from idp.settings import Settings, SettingsError, read_settings
from idp.storage.sql.errors import StorageError
from tests.app import make_app
from tests.clock import FixedClock
from tests.veiled import Veiled, witness_verifier


def door_settings(veiled: Veiled, **changes: Any) -> Settings:
    return replace(veiled.door.settings, **changes)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"account_issuer": None}, "ACCOUNT_ISSUER"),
        ({"account_issuer": "https://id.example/path"}, "ACCOUNT_ISSUER"),
        ({"token_log_key": None}, "TOKEN_LOG_KEY"),
        ({"token_log_key": "garbage"}, "TOKEN_LOG_KEY"),
        ({"token_log_key": witness_verifier().to_text()}, "TOKEN_LOG_KEY"),
        ({"token_log_witnesses": ()}, "TOKEN_LOG_WITNESSES"),
        ({"token_log_witnesses": ("garbage",)}, "TOKEN_LOG_KEY"),
    ],
)
def test_door_without_somebody_to_believe_does_not_start(veiled: Veiled, changes: dict[str, Any], name: str) -> None:
    with pytest.raises(SettingsError, match=f"BLINDAGE_{name}"):
        compose_door(veiled.door.provider, door_settings(veiled, **changes))


def test_only_a_demonstration_on_this_machine_needs_no_witness(tmp_path: Path) -> None:
    account = make_app(tmp_path / "account", "http://127.0.0.1:9000")
    environ = {
        "BLINDAGE_DATA_DIR": str(tmp_path / "door"),
        "BLINDAGE_ROLE": "door",
        "BLINDAGE_ACCOUNT_ISSUER": "http://127.0.0.1:9000",
        "BLINDAGE_TOKEN_LOG_KEY": log_signer(account.provider).verifier.to_text(),
    }
    settings = read_settings(environ, "http://localhost:9001")
    provider = compose(settings, FixedClock())
    try:
        assert compose_door(provider, settings).trust.hours == 0
        witnessed = replace(settings, token_log_witnesses=(witness_verifier().to_text(),))
        assert compose_door(provider, witnessed).trust.hours == 24
    finally:
        provider.realm.store.close()
        account.provider.realm.store.close()


@pytest.mark.parametrize(
    ("role", "name", "other"),
    [("door", "ACCOUNT_ISSUER", "https://id.example"), ("account", "DOOR_ISSUER", "https://id.example:8443")],
)
def test_both_halves_on_one_host_are_refused(role: str, name: str, other: str) -> None:
    """Cookies know no ports: the door would be sent the account issuer's, or the other way round."""
    with pytest.raises(SettingsError, match="different hosts"):
        read_settings({f"BLINDAGE_{name}": other}, "https://id.example", role)


def test_both_halves_may_be_told_the_same() -> None:
    """One file of settings for two servers; each has its own issuer and role besides."""
    shared = {"BLINDAGE_DOOR_ISSUER": "https://door.example", "BLINDAGE_ACCOUNT_ISSUER": "https://id.example"}
    assert read_settings(shared, "https://id.example", "account").role == "account"
    assert read_settings(shared, "https://door.example", "door").role == "door"


def test_door_refuses_the_account_issuers_ring_and_database(veiled: Veiled, tmp_path: Path) -> None:
    account = make_app(tmp_path, "https://other.example")
    account.provider.realm.store.close()
    theirs = door_settings(veiled, data_dir=tmp_path, master_key_file=tmp_path / "master-key.json")
    with pytest.raises(KeyRingError, match="another issuer"):
        compose(theirs, FixedClock())
    own_ring = replace(theirs, master_key_file=tmp_path / "own-key.json")
    with pytest.raises(StorageError, match="belongs to the account issuer"):
        compose(own_ring, FixedClock())
    again = read_settings({"BLINDAGE_DATA_DIR": str(tmp_path)}, "https://other.example")
    compose(again, FixedClock()).realm.store.close()


def test_database_of_one_door_is_refused_by_another(veiled: Veiled, tmp_path: Path) -> None:
    first = door_settings(veiled, data_dir=tmp_path, master_key_file=tmp_path / "a.json")
    compose(first, FixedClock()).realm.store.close()
    second = replace(first, issuer="https://second.example", master_key_file=tmp_path / "b.json")
    with pytest.raises(SettingsError, match="another issuer"):
        compose(second, FixedClock())


def test_wallet_is_registered_by_naming_its_door_and_follows_it(tmp_path: Path) -> None:
    account = make_app(tmp_path, "https://id.example")
    store = account.provider.realm.store
    assert store.read(lambda tx: tx.clients.get("wallet")) is None
    store.close()
    for door in ("https://door.example", "https://door.example", "https://moved.example"):
        account = make_app(tmp_path, "https://id.example", door_issuer=door)
        store = account.provider.realm.store
        wallet = store.read(lambda tx: tx.clients.current("wallet"))
        events = store.read(lambda tx: tx.audit.page(b"", 100))
        store.close()
        assert wallet is not None and wallet.redirect_uris == (f"{door}/wallet",)
        assert wallet.sector == door.removeprefix("https://")
    # In the order of ids, which is none within a second.
    assert sorted(event.kind.value for event in events if event.client_id == "wallet") == [
        "client.changed", "client.registered",
    ]  # fmt: skip
