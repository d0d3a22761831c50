"""Signing keys and fixed keys: sealed, moved once, claimed by the first."""

from itertools import pairwise

import pytest

from idp.domain.errors import Conflict
from idp.domain.signing_key import KeyState, StoredKey
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import NOW

KEY = StoredKey("kid-1", "ES256", b"private-in-the-clear", KeyState.NEXT, NOW)


def test_a_signing_key_comes_back_as_it_was_given_and_lies_sealed(store: SqlStore, database: Database) -> None:
    later = StoredKey("kid-0", "EdDSA", b"\0\x80\0", KeyState.RETIRED, NOW + 1, NOW + 2, NOW + 3, NOW + 4)
    store.write(lambda tx: (tx.keys.add_signing_key(later), tx.keys.add_signing_key(KEY)))
    assert store.read(lambda tx: tx.keys.signing_keys()) == [KEY, later]
    assert b"in-the-clear" not in database.dump(["signing_keys"])
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.keys.add_signing_key(KEY))


def test_a_signing_key_makes_each_transition_once(store: SqlStore) -> None:
    store.write(lambda tx: tx.keys.add_signing_key(KEY))
    life = list(KeyState)
    for number, (was, becomes) in enumerate(pairwise(life), 1):
        move = [
            store.write(lambda tx, w=was, b=becomes, n=number: tx.keys.move("kid-1", w, b, NOW + n)) for _ in range(2)
        ]
        assert move == [True, False]
    assert store.read(lambda tx: tx.keys.signing_keys()) == [
        StoredKey("kid-1", "ES256", KEY.private_der, KeyState.RETIRED, NOW, NOW + 1, NOW + 2, NOW + 3)
    ]
    with pytest.raises(ValueError, match="next"):
        store.write(lambda tx: tx.keys.move("kid-1", KeyState.RETIRED, KeyState.NEXT, NOW))


def test_a_fixed_key_is_stored_by_the_first_and_replaced_by_who_knows_it(store: SqlStore) -> None:
    assert store.read(lambda tx: tx.keys.wrapped("pairwise")) is None
    assert store.write(lambda tx: tx.keys.claim_wrapped("pairwise", b"one"))
    assert not store.write(lambda tx: tx.keys.claim_wrapped("pairwise", b"two"))
    assert not store.write(lambda tx: tx.keys.replace_wrapped("pairwise", b"two", b"three"))
    assert store.write(lambda tx: tx.keys.replace_wrapped("pairwise", b"one", b"three"))
    assert store.read(lambda tx: tx.keys.wrapped("pairwise")) == b"three"


def test_a_named_value_is_stored_by_the_first(store: SqlStore) -> None:
    assert store.read(lambda tx: tx.keys.meta("issuer")) is None
    assert store.write(lambda tx: tx.keys.claim_meta("issuer", "https://id.example"))
    assert not store.write(lambda tx: tx.keys.claim_meta("issuer", "https://other.example"))
    assert store.read(lambda tx: tx.keys.meta("issuer")) == "https://id.example"
