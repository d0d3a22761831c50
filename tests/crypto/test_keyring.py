"""The master key ring: derivation by HKDF (RFC 5869), the file's form, wrapped keys."""

import hmac
import json
from hashlib import sha256, sha512
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import lp
from crypto.errors import KeyRingError, SealError
from crypto.keyring import (
    ENTRIES_MAX,
    LABELS,
    KeyRing,
    RingEntry,
    _wrap_with_nonce,
    unwrap_key,
    wrap_key,
    wrapped_key_ad,
)
from crypto.sealing import Sealer
from tests.crypto.cheap import CHEAP

ISSUER = "https://id.example"
RING = KeyRing(ISSUER, (RingEntry(b"old1", bytes(range(32))), RingEntry(b"new2", bytes(range(32, 64)))))


def hkdf(algorithm: Any, secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869 written out, to hold the library against."""
    pseudorandom_key = hmac.digest(salt or bytes(algorithm().digest_size), secret, algorithm)
    output, block = b"", b""
    for counter in range(1, 256):
        if len(output) >= length:
            break
        block = hmac.digest(pseudorandom_key, block + info + bytes([counter]), algorithm)
        output += block
    return output[:length]


def test_rfc5869_appendix_a1() -> None:
    expected = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    made = hkdf(sha256, b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    assert made.hex() == expected


@pytest.mark.parametrize("label", sorted(LABELS))
@pytest.mark.parametrize("entry", RING.entries, ids=lambda entry: entry.id.decode())
def test_a_derived_key_is_hkdf_sha512_of_label_ring_id_and_issuer(label: str, entry: RingEntry) -> None:
    info = lp("blindage/key/v1", label, entry.id, ISSUER)
    assert RING.derive(label, entry.id) == hkdf(sha512, entry.key, b"", info, 32)
    assert RING.derive(label, entry.id) == RING.derive(label, entry.id)


def test_derived_keys_all_differ() -> None:
    other = KeyRing("https://door.example", RING.entries)
    keys = {ring.derive(label, entry.id) for ring in (RING, other) for label in LABELS for entry in ring.entries}
    assert len(keys) == 2 * len(LABELS) * 2


@pytest.mark.parametrize("label", ["", "pairwise", "SEAL", "seal "])
def test_a_label_off_the_list_derives_nothing(label: str) -> None:
    with pytest.raises(KeyRingError):
        RING.derive(label, b"new2")


def test_an_unknown_ring_id_derives_nothing() -> None:
    with pytest.raises(KeyRingError):
        RING.derive("seal", b"none")
    with pytest.raises(KeyRingError):
        RING.entry(b"new")


def test_rotation_adds_a_newest_entry_and_keeps_the_old() -> None:
    ring = KeyRing.generate(ISSUER)
    rotated = ring.with_new_entry()
    assert rotated.entries[:-1] == ring.entries
    assert rotated.newest not in ring.entries
    assert rotated.newest.id != ring.newest.id
    assert rotated.derive("seal", ring.newest.id) == ring.derive("seal", ring.newest.id)


def test_an_old_entry_can_be_dropped_and_the_newest_cannot() -> None:
    assert RING.without_entry(b"old1").entries == (RING.newest,)
    for ring_id in (b"new2", b"none"):
        with pytest.raises(KeyRingError):
            RING.without_entry(ring_id)


def test_generated_rings_share_nothing() -> None:
    rings = [KeyRing.generate(ISSUER) for _ in range(50)]
    assert len({ring.newest.key for ring in rings}) == 50


def test_a_ring_does_not_grow_without_end() -> None:
    entries = tuple(RingEntry(number.to_bytes(4, "big"), bytes(32)) for number in range(ENTRIES_MAX))
    with pytest.raises(KeyRingError):
        KeyRing(ISSUER, entries).with_new_entry()


@pytest.mark.parametrize("entries", [(), (RING.newest, RING.newest)])
def test_a_ring_needs_entries_of_different_ids(entries: tuple[RingEntry, ...]) -> None:
    with pytest.raises(KeyRingError):
        KeyRing(ISSUER, entries)


def test_a_ring_needs_an_issuer_and_keys_of_32_bytes() -> None:
    with pytest.raises(KeyRingError):
        KeyRing("", RING.entries)
    for ring_id, key in ((b"abc", bytes(32)), (b"abcd", bytes(31)), (b"abcd", b"")):
        with pytest.raises(KeyRingError):
            RingEntry(ring_id, key)


def test_printing_a_ring_shows_no_key() -> None:
    ring = KeyRing.generate(ISSUER)
    ring.derive("seal", ring.newest.id)
    for secret in (ring.newest.key, ring.derive("seal", ring.newest.id)):
        assert repr(secret) not in repr(ring)
        assert secret.hex() not in repr(ring)


def test_a_ring_file_comes_back_for_its_issuer_only() -> None:
    data = RING.serialize()
    assert KeyRing.parse(data, ISSUER) == RING
    for other in ("https://id.example/", "https://door.example", ""):
        with pytest.raises(KeyRingError):
            KeyRing.parse(data, other)


def changed(**members: Any) -> bytes:
    document = json.loads(RING.serialize())
    document.update(members)
    return json.dumps(document).encode()


GOOD_KEY = json.loads(RING.serialize())["entries"][0]["key"]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"\xff",
        RING.serialize()[:-4],
        RING.serialize() + b"{}",
        b" " * 70_000 + RING.serialize(),
        changed(format="blindage/keyring/v2"),
        changed(note="hello"),
        changed(issuer=None),
        changed(entries=None),
        changed(entries=[]),
        changed(entries={"id": "6f6c6431", "key": GOOD_KEY}),
        changed(entries=["6f6c6431"]),
        changed(entries=[{"id": "6f6c6431"}]),
        changed(entries=[{"id": "6f6c6431", "key": GOOD_KEY, "made": 1}]),
        changed(entries=[{"id": 1869374513, "key": GOOD_KEY}]),
        changed(entries=[{"id": "6f6c6431", "key": None}]),
        changed(entries=[{"id": "6F6C6431", "key": GOOD_KEY}]),
        changed(entries=[{"id": "6f 6c 64 31", "key": GOOD_KEY}]),
        changed(entries=[{"id": "6f6c64", "key": GOOD_KEY}]),
        changed(entries=[{"id": "oldest", "key": GOOD_KEY}]),
        changed(entries=[{"id": "6f6c6431", "key": GOOD_KEY + "="}]),
        changed(entries=[{"id": "6f6c6431", "key": GOOD_KEY[:-2]}]),
        changed(entries=[{"id": "6f6c6431", "key": GOOD_KEY}] * 2),
        RING.serialize().replace(b'"issuer"', b'"issuer": "https://a.example", "issuer"'),
    ],
)
def test_a_malformed_ring_file_is_refused(data: bytes) -> None:
    with pytest.raises(KeyRingError):
        KeyRing.parse(data, ISSUER)


@CHEAP
@given(st.binary(max_size=80), st.text(alphabet="abc/0", max_size=10))
def test_a_wrapped_key_comes_back_under_its_name(key: bytes, name: str) -> None:
    wrapped = wrap_key(RING, name, key)
    assert unwrap_key(RING, name, wrapped) == key
    assert len(wrapped) == 4 + 24 + len(key) + 16
    with pytest.raises(SealError):
        unwrap_key(RING, name + "x", wrapped)


@CHEAP
@given(st.data())
def test_a_wrapped_key_with_any_changed_byte_does_not_open(data: st.DataObject) -> None:
    wrapped = bytearray(wrap_key(RING, "pairwise", bytes(32)))
    position = data.draw(st.integers(min_value=0, max_value=len(wrapped) - 1))
    wrapped[position] ^= data.draw(st.integers(min_value=1, max_value=255))
    with pytest.raises(SealError):
        unwrap_key(RING, "pairwise", bytes(wrapped))


def test_a_wrapped_key_cut_or_lengthened_does_not_open() -> None:
    wrapped = wrap_key(RING, "pairwise", bytes(32))
    for length in range(len(wrapped)):
        with pytest.raises(SealError):
            unwrap_key(RING, "pairwise", wrapped[:length])
    with pytest.raises(SealError):
        unwrap_key(RING, "pairwise", wrapped + b"\0")


def test_a_wrapped_key_does_not_open_at_another_issuer_with_the_same_keys() -> None:
    with pytest.raises(SealError):
        unwrap_key(KeyRing("https://door.example", RING.entries), "pairwise", wrap_key(RING, "pairwise", bytes(32)))


def test_a_key_wrapped_before_rotation_opens_after_it_and_is_known_as_old() -> None:
    wrapped = wrap_key(RING, "pairwise", bytes(32))
    rotated = RING.with_new_entry()
    assert unwrap_key(rotated, "pairwise", wrapped) == bytes(32)
    assert RING.is_newest(wrapped)
    assert not rotated.is_newest(wrapped)
    assert rotated.is_newest(wrap_key(rotated, "pairwise", bytes(32)))


def test_a_wrapped_key_is_a_sealed_value_of_label_seal() -> None:
    sealer = Sealer(RING, "seal")
    assert sealer.open(wrap_key(RING, "dedup", bytes(32)), wrapped_key_ad("dedup")) == bytes(32)
    nonce = bytes(24)
    assert _wrap_with_nonce(RING, "dedup", b"k", nonce) == sealer._seal_with_nonce(b"k", wrapped_key_ad("dedup"), nonce)
