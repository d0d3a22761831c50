"""The key of a sector, the signature under a presentation, and the pseudonym: as constructed, and for nothing else."""

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_core_ed25519_add
from nacl.signing import SigningKey

from crypto.encoding import b64url_encode
from crypto.errors import VeilError
from crypto.veil import presented_message, sector_seed, veiled_subject, verify_presented

DOOR, SECTOR = "https://door.example", "app.example"
SEED = bytes(range(32))


def field(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data


def test_sector_seed_is_hkdf_with_the_label_as_salt() -> None:
    """RFC 5869, written out: extract, then one block of expand."""
    key = hmac.digest(b"blindage/veil/sector/v1", SEED, "sha256")
    info = field(DOOR.encode()) + field(SECTOR.encode())
    assert sector_seed(SEED, DOOR, SECTOR) == hmac.digest(key, info + b"\x01", "sha256")


def test_sector_keys_differ_by_seed_door_and_sector() -> None:
    cases = [(SEED, DOOR, SECTOR), (bytes(32), DOOR, SECTOR), (SEED, DOOR + "x", SECTOR), (SEED, DOOR, SECTOR + "x")]
    # The border between two fields counts.
    cases += [(SEED, DOOR + "a", "b.example"), (SEED, DOOR, "ab.example")]
    assert len({sector_seed(*case) for case in cases}) == len(cases)


def test_message_is_length_prefixed_and_holds_the_digest_of_the_token() -> None:
    token = b"t" * 354
    fields = (b"blindage/veil/present/v1", DOOR.encode(), SECTOR.encode(), b"id", hashlib.sha256(token).digest())
    assert presented_message(DOOR, SECTOR, "id", token) == b"".join(field(one) for one in fields)


def test_subject_is_a_hash_of_door_sector_and_key() -> None:
    key = bytes(SigningKey(SEED).verify_key)
    text = field(b"blindage/veil/sub/v1") + field(DOOR.encode()) + field(SECTOR.encode()) + field(key)
    subject = veiled_subject(DOOR, SECTOR, key)
    assert subject == b64url_encode(hashlib.sha256(text).digest()) and len(subject) == 43


@given(message=st.binary(max_size=300), seed=st.binary(min_size=32, max_size=32), at=st.integers(0, 511))
def test_signature_holds_for_its_message_and_key_alone(message: bytes, seed: bytes, at: int) -> None:
    key = SigningKey(seed)
    public, signature = bytes(key.verify_key), key.sign(message).signature
    verify_presented(public, message, signature)
    changed = bytearray(signature)
    changed[at // 8] ^= 1 << at % 8
    for wrong in ((public, message, bytes(changed)), (public, message + b"x", signature)):
        with pytest.raises(VeilError):
            verify_presented(*wrong)


@pytest.mark.parametrize(("key", "signature"), [(31, 64), (33, 64), (32, 63), (32, 65), (0, 0)])
def test_other_sizes_are_refused(key: int, signature: int) -> None:
    with pytest.raises(VeilError):
        verify_presented(bytes(key), b"", bytes(signature))


def test_key_with_a_part_of_small_order_is_refused() -> None:
    """A key plus a point of order 8 verifies under some checks of some libraries: two keys, one secret, two `sub`."""
    order_8 = bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a")
    mixed = crypto_core_ed25519_add(bytes(SigningKey(SEED).verify_key), order_8)
    with pytest.raises(VeilError, match="prime order"):
        verify_presented(mixed, b"m", SigningKey(SEED).sign(b"m").signature)


def test_what_cannot_name_anybody_is_refused() -> None:
    key = bytes(SigningKey(SEED).verify_key)
    for door, sector, public in (("", SECTOR, key), (DOOR, "", key), (DOOR, SECTOR, key[:31])):
        with pytest.raises(VeilError):
            veiled_subject(door, sector, public)
    with pytest.raises(VeilError):
        sector_seed(SEED[:31], DOOR, SECTOR)
