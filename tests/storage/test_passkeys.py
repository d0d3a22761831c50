"""Passkeys in the database: sealed, one account each, a use counted in one statement."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pytest

from idp.domain.account import Account
from idp.domain.errors import Conflict
from idp.domain.passkey import Passkey
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import NOW, an_account


def _passkey(account: Account, **changes: object) -> Passkey:
    credential_id = secrets.token_bytes(32)
    passkey = Passkey(
        id=sha256(credential_id).digest(), account_id=account.id, credential_id=credential_id,
        public_key=b"a COSE key in the clear", user_handle=secrets.token_bytes(32), sign_count=0, created_at=NOW,
    )  # fmt: skip
    return replace(passkey, **changes)


def _account(store: SqlStore) -> Account:
    account = an_account()
    store.write(lambda tx: tx.accounts.add(account))
    return account


def test_passkeys_come_back_as_they_were_given_and_sealed(store: SqlStore, database: Database) -> None:
    account = _account(store)
    first, second = _passkey(account, sign_count=7), _passkey(account, created_at=NOW + 1)
    store.write(lambda tx: (tx.passkeys.add(second), tx.passkeys.add(first)))
    assert store.read(lambda tx: tx.passkeys.of_account(account.id)) == [first, second]
    assert store.read(lambda tx: tx.passkeys.get(first.id)) == first
    assert store.read(lambda tx: tx.passkeys.get(bytes(32))) is None
    dump = database.dump(["passkeys"])
    for secret in (first.credential_id, first.public_key, first.user_handle):
        assert secret not in dump


def test_a_credential_belongs_to_one_account(store: SqlStore) -> None:
    account, other = _account(store), _account(store)
    passkey = _passkey(account)
    store.write(lambda tx: tx.passkeys.add(passkey))
    for again in (passkey, replace(passkey, account_id=other.id), _passkey(an_account())):
        with pytest.raises(Conflict):
            store.write(lambda tx, again=again: tx.passkeys.add(again))
    assert not store.write(lambda tx: tx.passkeys.remove(other.id, passkey.id))
    assert store.write(lambda tx: tx.passkeys.remove(account.id, passkey.id))
    assert not store.write(lambda tx: tx.passkeys.remove(account.id, passkey.id))


def test_a_counter_only_goes_up_and_one_that_never_counts_stays_at_nothing(store: SqlStore) -> None:
    passkey = _passkey(_account(store))
    store.write(lambda tx: tx.passkeys.add(passkey))
    said = [0, 0, 5, 5, 4, 0, 6]
    told = [store.write(lambda tx, count=count: tx.passkeys.claim_use(passkey.id, count)) for count in said]
    assert told == [True, True, True, False, False, False, True]
    assert not store.write(lambda tx: tx.passkeys.claim_use(bytes(32), 9))


def test_one_counter_value_is_used_once_by_eight_who_race(
    store: SqlStore, open_another: Callable[[], SqlStore]
) -> None:
    passkey, stores = _passkey(_account(store)), [store, open_another()]
    store.write(lambda tx: tx.passkeys.add(passkey))
    for count in range(1, 11):
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(
                lambda number, c=count: stores[number % 2].write(lambda tx: tx.passkeys.claim_use(passkey.id, c)),
                range(8),
            ))
        assert won.count(True) == 1


def test_passkeys_go_with_their_account(store: SqlStore) -> None:
    account = _account(store)
    store.write(lambda tx: tx.passkeys.add(_passkey(account)))
    assert store.write(lambda tx: tx.accounts.delete(account.id))
    assert store.read(lambda tx: tx.passkeys.of_account(account.id)) == []
