"""What is sealed opens in its own place, under its own issuer, and after a rotation of the ring."""

import pytest

from crypto.errors import SealError
from crypto.keyring import KeyRing
from crypto.sealing import column_ad, open_record
from idp.storage.sql.sealed_columns import ColumnSealing

ROW, OTHER = bytes(16), bytes(15) + b"\1"


@pytest.fixture
def pair(ring: KeyRing) -> tuple[ColumnSealing, ColumnSealing]:
    """The same columns before and after a rotation of the ring."""
    return ColumnSealing(ring), ColumnSealing(ring.with_new_entry())


def test_the_associated_data_is_that_of_the_crypto_leaf(ring: KeyRing) -> None:
    sealing = ColumnSealing(ring)
    key, _ = sealing.new_data_key(ROW)
    sealed = sealing.age.seal(key, ROW, b"age")
    assert open_record(key, sealed, column_ad(ring.issuer, "accounts", "age", ROW)) == b"age"


@pytest.mark.parametrize("plaintext", [b"", b"x", b"\x80", b"\0\0", b"\x80\0", b"x" * 127, b"x" * 128, b"x" * 5000])
def test_every_plaintext_comes_back(ring: KeyRing, plaintext: bytes) -> None:
    sealing = ColumnSealing(ring)
    key, wrapped = sealing.new_data_key(ROW)
    assert sealing.data_key(ROW, wrapped) == key
    assert sealing.grant.open(ROW, sealing.grant.seal(ROW, plaintext)) == plaintext
    assert sealing.profile.open(key, ROW, sealing.profile.seal(key, ROW, plaintext)) == plaintext


def test_the_length_of_a_grant_says_little(ring: KeyRing) -> None:
    grant = ColumnSealing(ring).grant
    assert len({len(grant.seal(ROW, b"x" * size)) for size in range(128)}) == 1
    assert len(grant.seal(ROW, b"x" * 128)) == len(grant.seal(ROW, b"")) + 128


def test_nothing_opens_in_another_place(ring: KeyRing) -> None:
    sealing, foreign = ColumnSealing(ring), ColumnSealing(KeyRing("https://other.example", ring.entries))
    key, wrapped = sealing.new_data_key(ROW)
    in_grant, in_profile = sealing.grant.seal(ROW, b"x"), sealing.profile.seal(key, ROW, b"x")
    attempts = [
        lambda: sealing.grant.open(OTHER, in_grant),
        lambda: sealing.outbox.open(ROW, in_grant),
        lambda: foreign.grant.open(ROW, in_grant),
        lambda: sealing.profile.open(key, OTHER, in_profile),
        lambda: sealing.links.open(key, ROW, in_profile),
        lambda: foreign.profile.open(key, ROW, in_profile),
        lambda: sealing.data_key(OTHER, wrapped),
        lambda: foreign.data_key(ROW, wrapped),
        lambda: sealing.grant.open(ROW, wrapped),
    ]
    for attempt in attempts:
        with pytest.raises(SealError):
            attempt()


def test_a_rotated_ring_opens_what_the_old_one_sealed(pair: tuple[ColumnSealing, ColumnSealing]) -> None:
    before, after = pair
    key, wrapped = before.new_data_key(ROW)
    assert after.data_key(ROW, wrapped) == key
    assert after.grant.open(ROW, before.grant.seal(ROW, b"x")) == b"x"
    with pytest.raises(SealError):
        before.grant.open(ROW, after.grant.seal(ROW, b"x"))


def test_no_data_key_is_made_twice(ring: KeyRing) -> None:
    sealing = ColumnSealing(ring)
    assert len({sealing.new_data_key(ROW)[0] for _ in range(200)}) == 200
