"""Keys for blind RSA: encodings of RFC 9578, section 6.5, and what is refused as a key."""

import copy
import pickle
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
    load_der_public_key,
)
from hypothesis import given
from hypothesis import strategies as st

from crypto.blind_rsa_keys import SPKI_SIZE, BlindRsaKey, BlindRsaPublicKey
from crypto.errors import BlindRsaError
from tests.crypto.cheap import CHEAP
from tests.crypto.token_keys import other_key, published, token_key

MODULUS = range(81, 81 + 256)


def pkcs8(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def test_spki_is_the_published_one() -> None:
    for vector in published("pp-rs_public_rs.json"):
        spki = bytes.fromhex(vector["pk_s"])
        key = BlindRsaPublicKey.from_spki(spki)
        assert key.to_spki() == spki
        assert key.truncated_token_key_id == bytes.fromhex(vector["token_request"])[2]
        assert key.token_key_id == bytes.fromhex(vector["token"])[66:98]


def test_spki_is_read_by_others_as_the_same_key() -> None:
    key = token_key().public
    assert len(key.to_spki()) == SPKI_SIZE
    read = load_der_public_key(key.to_spki())
    assert isinstance(read, rsa.RSAPublicKey)
    assert read.public_numbers() == rsa.RSAPublicNumbers(65537, key.modulus)


@pytest.mark.parametrize("position", [i for i in range(SPKI_SIZE) if i not in MODULUS])
def test_spki_has_one_encoding_only(position: int) -> None:
    spki = bytearray(token_key().public.to_spki())
    spki[position] ^= 0x01
    with pytest.raises(BlindRsaError):
        BlindRsaPublicKey.from_spki(bytes(spki))


@CHEAP
@given(tail=st.binary(min_size=1, max_size=20))
def test_spki_with_more_or_fewer_bytes_is_refused(tail: bytes) -> None:
    spki = token_key().public.to_spki()
    for wrong in (spki + tail, tail + spki, spki[: -len(tail)], spki[len(tail) :], b""):
        with pytest.raises(BlindRsaError):
            BlindRsaPublicKey.from_spki(wrong)


def test_spki_of_plain_rsa_is_refused() -> None:
    plain = token_key().public.verifier.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(BlindRsaError):
        BlindRsaPublicKey.from_spki(plain)


@pytest.mark.parametrize("change", ["even", "short"])
def test_spki_with_a_weak_modulus_is_refused(change: str) -> None:
    spki = bytearray(token_key().public.to_spki())
    if change == "even":
        spki[MODULUS[-1]] &= 0xFE
    else:
        spki[MODULUS[0]] &= 0x7F
    with pytest.raises(BlindRsaError):
        BlindRsaPublicKey.from_spki(bytes(spki))


@pytest.mark.parametrize(
    "modulus",
    [0, 1, 2**2047, 2**1023 + 1, 2**16383 + 1, -(2**2047) - 1],
    ids=["zero", "one", "even", "1024 bits", "16384 bits", "negative"],
)
def test_modulus_of_another_size_is_refused(modulus: int) -> None:
    with pytest.raises(BlindRsaError):
        BlindRsaPublicKey(modulus)


def test_only_2048_bits_make_a_token_key() -> None:
    larger = BlindRsaPublicKey(2**3071 + 1)
    for take in (larger.to_spki, lambda: larger.token_key_id, lambda: larger.truncated_token_key_id):
        with pytest.raises(BlindRsaError):
            take()


def test_public_keys_are_equal_by_value() -> None:
    one, same = token_key().public, BlindRsaPublicKey.from_spki(token_key().public.to_spki())
    assert one == same and hash(one) == hash(same)
    assert one != other_key().public
    assert one != one.modulus


def test_private_key_survives_pkcs8() -> None:
    key = token_key()
    assert BlindRsaKey.from_pkcs8(key.to_pkcs8()).to_pkcs8() == key.to_pkcs8()
    assert BlindRsaKey.from_pkcs8(key.to_pkcs8()).public == key.public


def refused_private_keys() -> Iterator[tuple[str, bytes]]:
    good = token_key().to_pkcs8()
    larger = rsa.generate_private_key(65537, 3072)
    yield "empty", b""
    yield "cut", good[:-1]
    yield "trailing byte", good + b"\x00"
    yield "public key", token_key().public.to_spki()
    yield "3072 bits", pkcs8(larger)
    yield "e = 3", pkcs8(rsa.generate_private_key(3, 2048))
    yield "elliptic curve", pkcs8(ec.generate_private_key(ec.SECP256R1()))
    yield "PKCS #1", larger.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    yield "encrypted", larger.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


def test_other_private_keys_are_refused_without_being_quoted() -> None:
    for name, der in refused_private_keys():
        with pytest.raises(BlindRsaError) as caught:
            BlindRsaKey.from_pkcs8(der)
        assert caught.value.__cause__ is None, name
        assert len(str(caught.value)) < 60, name


def test_generated_key_avoids_taken_identifiers(monkeypatch: pytest.MonkeyPatch) -> None:
    taken, free = token_key(), other_key()
    made = iter([taken, taken, free])

    def generate(exponent: int, bits: int) -> object:
        assert (exponent, bits) == (65537, 2048)
        return load_der_private_key(next(made).to_pkcs8(), None)

    monkeypatch.setattr(rsa, "generate_private_key", generate)
    assert BlindRsaKey.generate({taken.public.truncated_token_key_id}).public == free.public
    with pytest.raises(StopIteration):
        next(made)


def test_generation_ends_when_every_identifier_is_taken() -> None:
    with pytest.raises(BlindRsaError):
        BlindRsaKey.generate(frozenset(range(256)))


def test_private_key_is_not_shown_pickled_or_copied() -> None:
    key = token_key()
    assert key.public.token_key_id.hex() in repr(key)
    assert len(repr(key)) < 150
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(key)
