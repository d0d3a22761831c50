"""Recovery codes in the database: replaced together, spent one by one, never after their end."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.domain.account import AccountState
from idp.domain.errors import Conflict
from idp.storage.sql.store import SqlStore
from tests.storage.things import NOW, an_account


def _digests(count: int) -> list[bytes]:
    return [secrets.token_bytes(32) for _ in range(count)]


def test_codes_are_replaced_together_and_counted(store: SqlStore) -> None:
    account, old, new = an_account(), _digests(8), _digests(8)
    store.write(lambda tx: (tx.accounts.add(account), tx.recovery_codes.replace(account.id, old)))
    store.write(lambda tx: tx.recovery_codes.add(account.id, bytes(32), NOW + 900))
    assert store.read(lambda tx: tx.recovery_codes.remaining(account.id)) == 8
    store.write(lambda tx: tx.recovery_codes.replace(account.id, new))
    index = account.username_index
    for digest in (old[0], bytes(32)):
        assert store.write(lambda tx, d=digest: tx.recovery_codes.claim(index, d, NOW)) is None
    assert store.write(lambda tx: tx.recovery_codes.claim(index, new[0], NOW)) == account.id
    assert store.read(lambda tx: tx.recovery_codes.remaining(account.id)) == 7


def test_a_code_is_spent_by_its_owners_name_alone_and_before_its_end(store: SqlStore) -> None:
    account, other = an_account(), an_account()
    mine, late = _digests(2)
    store.write(lambda tx: (tx.accounts.add(account), tx.accounts.add(other)))
    store.write(lambda tx: tx.recovery_codes.add(account.id, mine, NOW + 1))
    store.write(lambda tx: tx.recovery_codes.add(other.id, late, NOW))
    for index, digest in ((other.username_index, mine), (bytes(32), mine), (other.username_index, late)):
        assert store.write(lambda tx, i=index, d=digest: tx.recovery_codes.claim(i, d, NOW)) is None
    assert store.write(lambda tx: tx.recovery_codes.claim(account.username_index, mine, NOW)) == account.id
    assert store.write(lambda tx: tx.recovery_codes.claim(account.username_index, mine, NOW)) is None


@pytest.mark.parametrize("state", [AccountState.LOCKED, AccountState.SUSPENDED])
def test_an_account_that_may_not_be_used_keeps_its_codes(store: SqlStore, state: AccountState) -> None:
    account, digests = an_account(state=state), _digests(1)
    store.write(lambda tx: (tx.accounts.add(account), tx.recovery_codes.replace(account.id, digests)))
    assert store.write(lambda tx: tx.recovery_codes.claim(account.username_index, digests[0], NOW)) is None
    assert store.read(lambda tx: tx.recovery_codes.remaining(account.id)) == 1


def test_a_code_that_exists_is_a_conflict(store: SqlStore) -> None:
    account, digests = an_account(), _digests(1)
    store.write(lambda tx: (tx.accounts.add(account), tx.recovery_codes.replace(account.id, digests)))
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.recovery_codes.add(account.id, digests[0], NOW + 900))


def test_codes_without_an_end_outlive_housekeeping_and_go_with_their_account(store: SqlStore) -> None:
    account = an_account()
    store.write(lambda tx: (tx.accounts.add(account), tx.recovery_codes.replace(account.id, _digests(2))))
    store.write(lambda tx: tx.recovery_codes.add(account.id, secrets.token_bytes(32), NOW))
    assert store.write(lambda tx: tx.housekeeping.purge(NOW, 100))["recovery_codes"] == 1
    assert store.read(lambda tx: tx.recovery_codes.remaining(account.id)) == 2
    assert store.write(lambda tx: tx.accounts.delete(account.id))
    assert store.read(lambda tx: tx.recovery_codes.remaining(account.id)) == 0


def test_a_code_is_spent_once_by_eight_who_race_from_two_processes_worth_of_writers(
    store: SqlStore, open_another: Callable[[], SqlStore]
) -> None:
    account, digests, stores = an_account(), _digests(25), [store, open_another()]
    store.write(lambda tx: (tx.accounts.add(account), tx.recovery_codes.replace(account.id, digests)))
    for digest in digests:
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(
                lambda number, d=digest: stores[number % 2].write(
                    lambda tx: tx.recovery_codes.claim(account.username_index, d, NOW)
                ),
                range(8),
            ))
        assert won.count(account.id) == 1
        assert won.count(None) == 7
