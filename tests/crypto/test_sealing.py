"""Sealed values and records: XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.bindings import crypto_aead_xchacha20poly1305_ietf_encrypt

from crypto import aead
from crypto.encoding import lp
from crypto.errors import EncodingError, KeyRingError, SealError
from crypto.keyring import LABELS, KeyRing, RingEntry
from crypto.sealing import Sealer, _seal_record_with_nonce, column_ad, open_record, seal_record
from tests.crypto.cheap import CHEAP

ISSUER = "https://id.example"
RING = KeyRing(ISSUER, (RingEntry(b"old1", bytes(range(32))), RingEntry(b"new2", bytes(range(32, 64)))))
SEALER = Sealer(RING, "code")
DATA_KEY = bytes(range(100, 132))
CHANGE = st.integers(min_value=1, max_value=255)


def flipped(sealed: bytes, data: st.DataObject) -> bytes:
    position = data.draw(st.integers(min_value=0, max_value=len(sealed) - 1))
    changed = bytearray(sealed)
    changed[position] ^= data.draw(CHANGE)
    return bytes(changed)


def test_xchacha_draft_appendix_a31() -> None:
    plaintext = (
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
        b"sunscreen would be it."
    )
    ad, key, nonce = (
        bytes.fromhex("50515253c0c1c2c3c4c5c6c7"),
        bytes(range(0x80, 0xA0)),
        bytes(range(0x40, 0x58)),
    )
    expected = bytes.fromhex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39"
        "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49"
    )
    assert aead.encrypt(plaintext, ad, nonce, key) == expected
    assert aead.decrypt(expected, ad, nonce, key) == plaintext


def test_the_cipher_sees_issuer_label_and_ring_id_before_the_callers_data() -> None:
    nonce = bytes(range(24))
    bound = lp("blindage/seal/v1", ISSUER, "code", b"new2", b"client 7")
    expected = crypto_aead_xchacha20poly1305_ietf_encrypt(b"hello", bound, nonce, RING.derive("code", b"new2"))
    assert SEALER._seal_with_nonce(b"hello", b"client 7", nonce) == b"new2" + nonce + expected


@CHEAP
@given(st.binary(max_size=400), st.binary(max_size=100))
def test_a_sealed_value_comes_back(plaintext: bytes, ad: bytes) -> None:
    sealed = SEALER.seal(plaintext, ad)
    assert SEALER.open(sealed, ad) == plaintext
    assert len(sealed) == 4 + 24 + len(plaintext) + 16


@CHEAP
@given(st.binary(max_size=100), st.binary(max_size=20), st.data())
def test_a_sealed_value_with_any_changed_byte_does_not_open(plaintext: bytes, ad: bytes, data: st.DataObject) -> None:
    with pytest.raises(SealError):
        SEALER.open(flipped(SEALER.seal(plaintext, ad), data), ad)


@CHEAP
@given(st.binary(max_size=20), st.binary(max_size=20))
def test_a_sealed_value_opens_with_its_own_associated_data_only(ad: bytes, other: bytes) -> None:
    sealed = SEALER.seal(b"hello", ad)
    if other == ad:
        assert SEALER.open(sealed, other) == b"hello"
    else:
        with pytest.raises(SealError):
            SEALER.open(sealed, other)


def test_a_sealed_value_cut_or_lengthened_does_not_open() -> None:
    sealed = SEALER.seal(b"hello", b"ad")
    for length in range(len(sealed)):
        with pytest.raises(SealError):
            SEALER.open(sealed[:length], b"ad")
    with pytest.raises(SealError):
        SEALER.open(sealed + b"\0", b"ad")


@pytest.mark.parametrize("label", sorted(LABELS - {"code"}))
def test_a_sealed_value_does_not_open_under_another_label(label: str) -> None:
    with pytest.raises(SealError):
        Sealer(RING, label).open(SEALER.seal(b"hello", b""), b"")


def test_a_sealed_value_does_not_open_at_another_issuer_with_the_same_keys() -> None:
    with pytest.raises(SealError):
        Sealer(KeyRing("https://door.example", RING.entries), "code").open(SEALER.seal(b"hello", b""), b"")


def test_another_ring_with_the_same_ids_does_not_open() -> None:
    other = KeyRing(ISSUER, (RingEntry(b"new2", bytes(32)),))
    with pytest.raises(SealError):
        Sealer(other, "code").open(SEALER.seal(b"hello", b""), b"")


def test_every_entry_opens_and_the_newest_seals() -> None:
    old = Sealer(KeyRing(ISSUER, RING.entries[:1]), "code").seal(b"hello", b"ad")
    assert SEALER.open(old, b"ad") == b"hello"
    assert SEALER.seal(b"hello", b"ad")[:4] == b"new2"
    with pytest.raises(SealError):
        Sealer(RING.without_entry(b"old1"), "code").open(old, b"ad")


def test_a_label_off_the_list_makes_no_sealer() -> None:
    with pytest.raises(KeyRingError):
        Sealer(RING, "codes")


def test_sealing_twice_gives_two_values() -> None:
    assert len({SEALER.seal(b"", b"") for _ in range(100)}) == 100


def test_associated_data_past_65535_bytes_is_refused() -> None:
    SEALER.open(SEALER.seal(b"", bytes(65535)), bytes(65535))
    with pytest.raises(EncodingError):
        SEALER.seal(b"", bytes(65536))


@CHEAP
@given(st.binary(max_size=400) | st.binary(max_size=4).map(lambda head: head + b"\x80" + bytes(130)))
def test_a_record_comes_back_and_its_length_is_a_step(plaintext: bytes) -> None:
    sealed = seal_record(DATA_KEY, plaintext, b"ad")
    assert open_record(DATA_KEY, sealed, b"ad") == plaintext
    assert (len(sealed) - 24 - 16) % 128 == 0
    assert 0 < len(sealed) - 24 - 16 - len(plaintext) <= 128


@pytest.mark.parametrize(("length", "padded"), [(0, 128), (126, 128), (127, 128), (128, 256), (255, 256), (256, 384)])
def test_a_record_is_padded_by_80_and_zeros_to_128(length: int, padded: int) -> None:
    sealed = _seal_record_with_nonce(DATA_KEY, b"x" * length, b"ad", bytes(24))
    assert sealed[:24] == bytes(24)
    inside = aead.decrypt(sealed[24:], b"ad", bytes(24), DATA_KEY)
    assert inside == b"x" * length + b"\x80" + bytes(padded - length - 1)


@CHEAP
@given(st.binary(max_size=140), st.data())
def test_a_record_with_any_changed_byte_does_not_open(plaintext: bytes, data: st.DataObject) -> None:
    with pytest.raises(SealError):
        open_record(DATA_KEY, flipped(seal_record(DATA_KEY, plaintext, b"ad"), data), b"ad")


def test_a_record_cut_or_lengthened_does_not_open() -> None:
    sealed = seal_record(DATA_KEY, b"hello", b"ad")
    for length in range(len(sealed)):
        with pytest.raises(SealError):
            open_record(DATA_KEY, sealed[:length], b"ad")
    with pytest.raises(SealError):
        open_record(DATA_KEY, sealed + b"\0", b"ad")


def test_a_record_does_not_open_under_another_data_key() -> None:
    with pytest.raises(SealError):
        open_record(bytes(32), seal_record(DATA_KEY, b"hello", b"ad"), b"ad")


@pytest.mark.parametrize("padded", [b"", bytes(128), b"x" * 128, b"x\x80" + bytes(125), b"\x80" + bytes(128)])
def test_a_record_without_its_padding_is_refused(padded: bytes) -> None:
    nonce = bytes(24)
    with pytest.raises(SealError):
        open_record(DATA_KEY, nonce + aead.encrypt(padded, b"ad", nonce, DATA_KEY), b"ad")


def test_a_record_opens_in_its_own_place_only() -> None:
    place = (ISSUER, "accounts", "username", b"row 1")
    sealed = seal_record(DATA_KEY, b"ada", column_ad(*place))
    assert open_record(DATA_KEY, sealed, column_ad(*place)) == b"ada"
    others = [
        ("https://door.example", "accounts", "username", b"row 1"),
        (ISSUER, "guardians", "username", b"row 1"),
        (ISSUER, "accounts", "contact", b"row 1"),
        (ISSUER, "accounts", "username", b"row 2"),
        (ISSUER, "account", "susername", b"row 1"),
    ]
    for other in others:
        with pytest.raises(SealError):
            open_record(DATA_KEY, sealed, column_ad(*other))
