"""Accounts keep what they are given, sealed, and lose all of it at once."""

import secrets
from dataclasses import replace

import pytest

from crypto.errors import SealError
from idp.domain.account import AccountState
from idp.domain.errors import Conflict
from idp.storage.sql.accounts import _OWNED
from idp.storage.sql.store import SqlStore
from idp.storage.sql.tables import account_keys, audit_events, grants, metadata
from tests.storage.databases import Database
from tests.storage.things import CHILD, NOW, a_consent, a_grant, a_session, an_account, an_event, consenting


def test_an_account_comes_back_as_it_was_given(store: SqlStore) -> None:
    guardian, child = secrets.token_bytes(16), secrets.token_bytes(16)
    plain = an_account(age=None)
    full = an_account(
        username="李雷", contact="li@example.org", dedup_index=secrets.token_bytes(32), tester=True, age=CHILD,
        state=AccountState.SUSPENDED, guardians=(guardian, child), children=(child,),
    )
    store.write(lambda tx: (tx.accounts.add(plain), tx.accounts.add(full)))
    assert store.read(lambda tx: tx.accounts.get(plain.id)) == plain
    assert store.read(lambda tx: tx.accounts.get(full.id)) == full
    assert store.read(lambda tx: tx.accounts.by_username(full.username_index)) == full
    assert store.write(lambda tx: tx.accounts.get(full.id)) == full


def test_an_unknown_account_is_none_and_cannot_be_changed(store: SqlStore) -> None:
    nobody = secrets.token_bytes(16)
    assert store.read(lambda tx: tx.accounts.get(nobody)) is None
    assert store.read(lambda tx: tx.accounts.by_username(bytes(32))) is None
    assert not store.write(lambda tx: tx.accounts.set_password(nobody, "x"))
    assert not store.write(lambda tx: tx.accounts.set_state(nobody, AccountState.LOCKED))
    assert not store.write(lambda tx: tx.accounts.set_age(nobody, CHILD))
    assert not store.write(lambda tx: tx.accounts.set_links(nobody, (), ()))
    assert not store.write(lambda tx: tx.accounts.claim_dedup_index(nobody, bytes(32)))
    assert not store.write(lambda tx: tx.accounts.delete(nobody))


def test_each_part_changes_alone(store: SqlStore) -> None:
    account, links = an_account(), (secrets.token_bytes(16),)
    store.write(lambda tx: tx.accounts.add(account))
    assert store.write(lambda tx: tx.accounts.set_password(account.id, "$argon2id$new"))
    assert store.write(lambda tx: tx.accounts.set_state(account.id, AccountState.LOCKED))
    assert store.write(lambda tx: tx.accounts.set_age(account.id, CHILD))
    assert store.write(lambda tx: tx.accounts.set_links(account.id, links, ()))
    changed = replace(
        account, password_hash="$argon2id$new", state=AccountState.LOCKED, age=CHILD, guardians=links
    )
    assert store.read(lambda tx: tx.accounts.get(account.id)) == changed


def test_a_user_name_belongs_to_one_account(store: SqlStore) -> None:
    first = an_account()
    second = an_account(username_index=first.username_index)
    store.write(lambda tx: tx.accounts.add(first))
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.accounts.add(second))
    assert store.read(lambda tx: tx.accounts.get(second.id)) is None


def test_a_deduplication_index_belongs_to_one_account(store: SqlStore) -> None:
    index, renewed = secrets.token_bytes(32), secrets.token_bytes(32)
    first, second = an_account(), an_account()
    store.write(lambda tx: (tx.accounts.add(first), tx.accounts.add(second)))
    assert store.write(lambda tx: tx.accounts.claim_dedup_index(first.id, index))
    assert store.write(lambda tx: tx.accounts.claim_dedup_index(first.id, index)), "again by the same account"
    assert not store.write(lambda tx: tx.accounts.claim_dedup_index(second.id, index))
    assert store.write(lambda tx: tx.accounts.claim_dedup_index(first.id, renewed))
    assert not store.write(lambda tx: tx.accounts.claim_dedup_index(second.id, index)), "the old document stays taken"
    held = store.read(lambda tx: tx.accounts.get(first.id))
    assert held is not None and held.dedup_index == renewed
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.accounts.add(an_account(dedup_index=index)))


def test_deleting_an_account_frees_its_deduplication_indexes(store: SqlStore) -> None:
    indexes = [secrets.token_bytes(32), secrets.token_bytes(32)]
    first, second = an_account(dedup_index=indexes[0]), an_account()
    store.write(lambda tx: (tx.accounts.add(first), tx.accounts.add(second)))
    store.write(lambda tx: tx.accounts.claim_dedup_index(first.id, indexes[1]))
    assert store.write(lambda tx: tx.accounts.delete(first.id))
    for index in indexes:
        assert store.write(lambda tx, index=index: tx.accounts.claim_dedup_index(second.id, index))


def test_no_table_joins_a_deduplication_index_to_its_account(store: SqlStore, database: Database) -> None:
    account = an_account(dedup_index=secrets.token_bytes(32))
    store.write(lambda tx: tx.accounts.add(account))
    assert database.rows("SELECT * FROM dedup_indexes") == [(account.dedup_index,)]
    assert account.dedup_index not in database.dump(["accounts", "account_keys"])


def test_deletion_takes_the_key_the_rows_and_what_the_grants_held(store: SqlStore, database: Database) -> None:
    account, consent = consenting(store)
    session, grant = a_session(account), a_grant(consent, claims_request='{"marked": null}')
    store.write(lambda tx: (tx.sessions.add(session), tx.grants.claim_code(grant)))
    assert store.write(lambda tx: tx.accounts.delete(account.id))
    for table in ("accounts", "account_keys", "sessions", "consents"):
        assert database.rows(f"SELECT * FROM {table}") == []
    assert database.rows("SELECT sealed FROM grants") == [(b"",)]
    emptied = store.read(lambda tx: tx.grants.get(grant.id))
    assert emptied is not None and (emptied.subject, emptied.claims_request, emptied.scope) == ("", "", frozenset())
    found = store.read(lambda tx: tx.grants.with_standing(grant.id, NOW))
    assert found is not None and not found[1].live
    assert not store.write(lambda tx: tx.grants.claim_code(grant)), "its code stays spent"


def test_deletion_forgets_no_table() -> None:
    concerned = {table for table in metadata.tables.values() if "account_id" in table.c}
    assert concerned == {*_OWNED, account_keys, grants, audit_events}


def test_deletion_makes_audit_details_unreadable_and_leaves_the_row(store: SqlStore) -> None:
    account, event = an_account(), an_event(None)
    event = replace(event, account_id=account.id)
    later = an_event(account.id)
    store.write(lambda tx: (tx.accounts.add(account), tx.audit.append(event)))
    assert store.read(lambda tx: tx.audit.of_account(account.id)) == [event]
    store.write(lambda tx: (tx.accounts.delete(account.id), tx.audit.append(later)))
    kept = store.read(lambda tx: tx.audit.of_account(account.id))
    assert {row.id: row.details for row in kept} == {event.id: (), later.id: ()}


def test_a_sealed_value_opens_in_its_own_row_and_column_only(store: SqlStore, database: Database) -> None:
    one, other = an_account(), an_account()
    store.write(lambda tx: (tx.accounts.add(one), tx.accounts.add(other)))
    database.execute("UPDATE accounts SET links = dedup WHERE id = ?", one.id)
    with pytest.raises(SealError):
        store.read(lambda tx: tx.accounts.get(one.id))
    stolen = database.rows("SELECT wrapped FROM account_keys WHERE account_id = ?", one.id)[0][0]
    database.execute("UPDATE account_keys SET wrapped = ? WHERE account_id = ?", stolen, other.id)
    with pytest.raises(SealError):
        store.read(lambda tx: tx.accounts.get(other.id))


def test_sealed_columns_have_one_length_for_short_names_and_long_ones(store: SqlStore, database: Database) -> None:
    store.write(lambda tx: tx.accounts.add(an_account(username="a", age=None)))
    store.write(lambda tx: tx.accounts.add(an_account(username="a" * 40, contact="b" * 40, age=CHILD)))
    lengths = database.rows("SELECT length(profile), length(age), length(dedup), length(links) FROM accounts")
    assert lengths[0][1:] == lengths[1][1:] == (168, 168, 168)
    assert {lengths[0][0], lengths[1][0]} <= {168, 296}


def test_pages_follow_the_id(store: SqlStore) -> None:
    accounts = sorted((an_account() for _ in range(5)), key=lambda account: account.id)
    store.write(lambda tx: [tx.accounts.add(account) for account in accounts])
    first = store.read(lambda tx: tx.accounts.page(b"", 2))
    rest = store.read(lambda tx: tx.accounts.page(first[-1].id, 10))
    assert [*first, *rest] == accounts


def test_a_consent_or_session_of_nobody_is_a_conflict(store: SqlStore) -> None:
    stranger = an_account()
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.consents.give(a_consent(stranger)))
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.sessions.add(a_session(stranger)))
