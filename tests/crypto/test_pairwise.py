"""Pairwise subjects (OpenID Connect Core 8.1), username look-up, one account per document."""

from hashlib import blake2b
from itertools import product

import nacl.encoding
import nacl.hash
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import pairwise
from crypto.encoding import b64url_decode, b64url_encode, lp
from crypto.errors import EncodingError
from crypto.pairwise import (
    dedup_index,
    fold_username,
    normalise_document_number,
    pairwise_subject,
    username_index,
)
from tests.crypto.cheap import CHEAP

KEY = bytes(range(32))
SALT = bytes(range(32, 64))
ISSUER = "https://id.example"
SECTOR = "app.example"


def libsodium_blake2b(key: bytes, person: bytes, message: bytes) -> bytes:
    return nacl.hash.blake2b(message, digest_size=32, key=key, person=person, encoder=nacl.encoding.RawEncoder)


def test_the_subject_is_keyed_blake2b_of_issuer_sector_and_salt() -> None:
    message = lp("blindage/pairwise/v1", ISSUER, SECTOR, SALT)
    expected = b64url_encode(libsodium_blake2b(KEY, b"blindage-pairwis", message))
    assert pairwise_subject(KEY, ISSUER, SECTOR, SALT) == expected


def test_a_subject_never_changes_between_releases() -> None:
    # Apps know their users by this value: a new one here means that every app loses all of them.
    assert pairwise_subject(KEY, ISSUER, SECTOR, SALT) == "tqVEl_RqRZWzkwCOyzXu_fut1VVGQ0kFUqgjDkGzxkI"


def test_any_change_of_key_issuer_sector_or_salt_gives_another_subject() -> None:
    inputs = product((KEY, bytes(32)), (ISSUER, ISSUER + "/"), (SECTOR, "APP.example", "pp.example"), (SALT, bytes(32)))
    subjects = [pairwise_subject(*values) for values in inputs]
    assert len(set(subjects)) == len(subjects) == 24


@CHEAP
@given(st.binary(min_size=32, max_size=32), st.text(alphabet="abc.", min_size=1, max_size=12))
def test_a_subject_is_43_characters_of_32_bytes(salt: bytes, sector: str) -> None:
    subject = pairwise_subject(KEY, ISSUER, sector, salt)
    assert len(subject) == 43
    assert len(b64url_decode(subject)) == 32


@pytest.mark.parametrize(
    ("key", "issuer", "sector", "salt"),
    [
        (KEY[:-1], ISSUER, SECTOR, SALT),
        (b"", ISSUER, SECTOR, SALT),
        (KEY, "", SECTOR, SALT),
        (KEY, ISSUER, "", SALT),
        (KEY, ISSUER, SECTOR, SALT[:-1]),
        (KEY, ISSUER, SECTOR, b""),
        (KEY, ISSUER, "\ud800", SALT),
    ],
)
def test_a_subject_is_never_made_from_less_than_it_needs(key: bytes, issuer: str, sector: str, salt: bytes) -> None:
    with pytest.raises(EncodingError):
        pairwise_subject(key, issuer, sector, salt)


@CHEAP
@given(st.text(max_size=20))
def test_folding_a_username_twice_changes_nothing_more(username: str) -> None:
    folded = fold_username(username)
    assert fold_username(folded) == folded


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ada", "ada"),
        ("STRASSE", "stra\u00dfe"),
        ("e\u0301ric", "\u00c9RIC"),
        ("\uff21da", "ada"),
        ("\u03a3", "\u03c2"),
        ("\u03b1\u0345\u0301", "\u03b1\u0301\u0345"),
    ],
)
def test_spellings_of_one_username_share_an_index(one: str, other: str) -> None:
    assert username_index(KEY, one) == username_index(KEY, other)


def test_a_username_index_is_keyed_and_apart_from_subjects() -> None:
    message = lp("blindage/username/v1", "ada")
    assert username_index(KEY, "Ada") == libsodium_blake2b(KEY, b"blindage-usernam", message)
    assert username_index(KEY, "ada") != username_index(bytes(32), "ada")
    assert username_index(KEY, "ada") != username_index(KEY, "ada ")
    for key in (b"", KEY[:-1]):
        with pytest.raises(EncodingError):
            username_index(key, "ada")
    with pytest.raises(EncodingError):
        username_index(KEY, "\ud800")


@pytest.mark.parametrize(
    "number",
    ["11010519491231002X", "11010519491231002x", " 110105 19491231 002X ", "110105-19491231-002\uff38"],
)
def test_a_document_number_has_one_form(number: str) -> None:
    assert normalise_document_number(number) == "11010519491231002X"


def test_a_document_index_is_keyed_blake2b_of_the_slow_index(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bytes] = []

    def fast(data: bytes) -> bytes:
        seen.append(data)
        return bytes(32)

    # The real one takes 64 MiB; test_passwords holds it against OpenSSL, and the next test runs it here once.
    monkeypatch.setattr(pairwise, "slow_index", fast)
    made = dedup_index(KEY, "CN", "resident-identity", "11010519491231002x")
    assert made == blake2b(bytes(32), digest_size=32, key=KEY).digest()
    assert seen == [lp("blindage/dedup/v1", "CN", "resident-identity", "11010519491231002X")]


def test_one_document_has_one_index_under_one_key() -> None:
    index = dedup_index(KEY, "CN", "resident-identity", "11010519491231002X")
    assert len(index) == 32
    assert dedup_index(KEY, "CN", "resident-identity", "110105 19491231 002x") == index
    assert dedup_index(bytes(32), "CN", "resident-identity", "11010519491231002X") != index


@pytest.mark.parametrize(
    ("key", "country", "document_type", "number"),
    [
        (b"", "CN", "passport", "1"),
        (KEY, "cn", "passport", "1"),
        (KEY, "CHN", "passport", "1"),
        (KEY, "\u0421\u041d", "passport", "1"),
        (KEY, "", "passport", "1"),
        (KEY, "CN", "", "1"),
        (KEY, "CN", "passport", ""),
        (KEY, "CN", "passport", " - "),
        (KEY, "CN", "passport", "\ud800"),
    ],
)
def test_a_document_index_is_never_made_from_less_than_it_needs(
    key: bytes, country: str, document_type: str, number: str
) -> None:
    with pytest.raises(EncodingError):
        dedup_index(key, country, document_type, number)
