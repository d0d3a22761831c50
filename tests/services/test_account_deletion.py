"""Deleting an account: nothing readable stays, nobody keeps a link to it, the database stays sound (threats E05)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.domain.account import AccountState
from idp.domain.app_message import Initiator
from idp.domain.errors import Refused
from idp.services.accounts import create_account, delete_account, find_account, link_guardian, need_account
from idp.services.sign_in import sign_in
from idp.storage.sql.fsck import check_invariants
from idp.storage.sql.store import SqlStore
from tests.app import CHILD, MINOR, App, running_app
from tests.storage.databases import Database
from tests.web.visitor import PASSWORD


@pytest.fixture
def app(tmp_path: Path) -> Iterator[App]:
    with running_app(tmp_path) as running:
        yield running


def sql_store(app: App) -> SqlStore:
    store = app.provider.realm.store
    assert isinstance(store, SqlStore)
    return store


def state_of(app: App, username: str) -> AccountState:
    return need_account(app.provider.realm, username).state


def test_the_data_key_is_in_no_file_afterwards(app: App) -> None:
    store, party = sql_store(app), app.register_client()
    person, stays = app.signed_in(), app.signed_in()
    party.tokens(person), party.tokens(stays)
    wrapped = {one.account.id: _wrapped_key(app, one.account.id) for one in (person, stays)}
    delete_account(app.provider.realm, person.username, Initiator.USER)
    assert store.truncate_log()
    files = b"".join(file.read_bytes() for file in app.settings.data_dir.glob("blindage.db*"))
    assert wrapped[stays.account.id] in files, "the control: a key that is kept is found"
    assert wrapped[person.account.id] not in files
    assert person.account.username_index not in files


def test_the_invariants_hold_after_deletions(app: App) -> None:
    party = app.register_client()
    people = [app.signed_in() for _ in range(3)]
    for person in people:
        party.tokens(person)
    for person in people[:2]:
        delete_account(app.provider.realm, person.username, Initiator.USER)
    assert [item for item in check_invariants(sql_store(app), app.clock.now(), 14) if item.violations] == []


def test_a_deleted_account_is_refused_everywhere_and_its_name_is_free(app: App) -> None:
    realm, person = app.provider.realm, app.signed_in()
    delete_account(realm, person.username, Initiator.USER)
    with pytest.raises(Refused, match="wrong"):
        sign_in(realm, person.username, PASSWORD)
    with pytest.raises(Refused, match="no account"):
        delete_account(realm, person.username, Initiator.USER)
    assert create_account(realm, person.username, PASSWORD).id != person.account.id


def test_a_code_of_a_deleted_account_is_worth_nothing(app: App) -> None:
    person, party = app.signed_in(), app.register_client()
    code = party.code(person)
    delete_account(app.provider.realm, person.username, Initiator.USER)
    assert party.exchange(code).json["error"] == "invalid_grant"


def test_guardians_and_children_lose_their_link_to_it(app: App) -> None:
    realm = app.provider.realm
    guardian, other, child = app.person(), app.person(), app.person(CHILD)
    for adult in (guardian, other):
        link_guardian(realm, adult.username, child.username)
    delete_account(realm, guardian.username, Initiator.USER)
    assert need_account(realm, child.username).guardians == (other.account.id,)
    assert state_of(app, child.username) is AccountState.ACTIVE
    delete_account(realm, child.username, Initiator.USER)
    assert need_account(realm, other.username).children == ()


def test_a_child_that_loses_its_last_guardian_is_suspended_until_it_has_another(app: App) -> None:
    realm = app.provider.realm
    guardian, child, minor = app.person(), app.person(CHILD), app.person(MINOR)
    for ward in (child, minor):
        link_guardian(realm, guardian.username, ward.username)
    delete_account(realm, guardian.username, Initiator.USER)
    assert need_account(realm, child.username).guardians == ()
    assert state_of(app, child.username) is AccountState.SUSPENDED
    assert state_of(app, minor.username) is AccountState.ACTIVE, "old enough to agree alone"
    with pytest.raises(Refused):
        sign_in(realm, child.username, PASSWORD)
    link_guardian(realm, app.person().username, child.username)
    assert state_of(app, child.username) is AccountState.ACTIVE
    assert sign_in(realm, child.username, PASSWORD)


def test_a_refused_deletion_changes_nothing(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    person, party = app.signed_in(), app.register_client(security_event_endpoint="https://app.example/events")
    tokens = party.tokens(person)
    store = sql_store(app)

    def broken(account_id: bytes) -> bool:
        raise RuntimeError("the disk is on fire")

    with pytest.raises(RuntimeError):
        store.write(lambda tx: monkeypatch.setattr(tx.accounts, "delete", broken))
        delete_account(app.provider.realm, person.username, Initiator.USER)
    monkeypatch.undo()
    assert find_account(app.provider.realm, person.username) is not None
    assert party.holds(tokens["access_token"])
    assert store.read(lambda tx: tx.outbox.of_client(party.id)) == []


def _wrapped_key(app: App, account_id: bytes) -> bytes:
    """The account's data key as it is stored."""
    with Database("sqlite", "", app.settings.data_dir).raw() as connection:
        [(wrapped,)] = connection.execute("SELECT wrapped FROM account_keys WHERE account_id = ?", (account_id,))
    return bytes(wrapped)
