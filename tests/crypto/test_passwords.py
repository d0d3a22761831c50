"""Argon2id password hashes (RFC 9106, SP 800-63B section 5.1.1.2) and the slow index."""

import itertools
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.errors import PasswordError
from crypto.passwords import (
    DEFAULT_COST,
    PasswordCost,
    _hash_with_salt,
    decoy_hash,
    hash_password,
    needs_rehash,
    slow_index,
    verify_password,
)
from tests.crypto.cheap import CHEAP

TINY = PasswordCost(opslimit=1, memlimit=8 * 1024)
PASSWORDS = st.text(min_size=1, max_size=24)
FEW = settings(CHEAP, max_examples=25)


def independent(secret: bytes, salt: bytes, passes: int, memory_kib: int) -> bytes:
    """OpenSSL's Argon2id."""
    return Argon2id(salt=salt, length=32, iterations=passes, lanes=1, memory_cost=memory_kib).derive(secret)


@FEW
@given(PASSWORDS)
def test_a_password_opens_its_hash(password: str) -> None:
    assert verify_password(hash_password(password, TINY), password)


@FEW
@given(PASSWORDS, st.data())
def test_no_changed_character_opens_the_hash(password: str, data: st.DataObject) -> None:
    encoded = hash_password("A" + password, TINY)
    assert not verify_password(encoded, "B" + password)
    assert not verify_password(encoded, "A" + password + data.draw(st.sampled_from("aZ9 \0")))
    assert not verify_password(encoded, password) or password == "A" + password


@FEW
@given(st.data())
def test_a_hash_with_a_changed_character_opens_for_nobody(data: st.DataObject) -> None:
    encoded = hash_password("correct horse", TINY)
    position = data.draw(st.integers(min_value=0, max_value=len(encoded) - 1))
    replacement = data.draw(st.characters(max_codepoint=255).filter(lambda letter: letter != encoded[position]))
    changed = encoded[:position] + replacement + encoded[position + 1 :]
    assert not verify_password(changed, "correct horse")


@FEW
@given(st.text(max_size=60))
def test_any_text_in_place_of_a_hash_is_simply_false(encoded: str) -> None:
    assert not verify_password(encoded, "correct horse")
    assert needs_rehash(encoded, TINY)


def test_the_hash_is_argon2id_as_openssl_computes_it() -> None:
    salt = bytes(range(16))
    encoded = _hash_with_salt("correct horse", PasswordCost(2, 64 * 1024), salt)
    head, salt_text, digest_text = encoded.rsplit("$", 2)
    assert head == "$argon2id$v=19$m=64,t=2,p=1"
    assert b64decode(salt_text + "==") == salt
    assert b64decode(digest_text + "=") == independent(b"correct horse", salt, 2, 64)
    assert verify_password(encoded, "correct horse")


def test_the_default_cost_is_two_passes_over_19_mebibytes() -> None:
    encoded = hash_password("correct horse")
    assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert verify_password(encoded, "correct horse")
    assert not needs_rehash(encoded, DEFAULT_COST)
    assert needs_rehash(encoded, TINY)


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("e\u0301te\u0301", "\u00e9t\u00e9"),
        ("\uff41\uff42\uff43", "abc"),
        ("\ufb01ne", "fine"),
        ("2\u2075", "25"),
    ],
)
def test_spellings_that_keyboards_differ_in_are_one_password(typed: str, stored: str) -> None:
    assert verify_password(hash_password(stored, TINY), typed)
    assert verify_password(hash_password(typed, TINY), stored)


def test_case_and_white_space_count() -> None:
    encoded = hash_password("Correct horse", TINY)
    for other in ("correct horse", " Correct horse", "Correct horse ", "Correct  horse", "Correct horse\0"):
        assert not verify_password(encoded, other)


def test_nothing_of_a_long_password_is_cut_off() -> None:
    encoded = hash_password("x" * 1023 + "y", TINY)
    assert verify_password(encoded, "x" * 1023 + "y")
    assert not verify_password(encoded, "x" * 1023 + "z")


# The last one is 57 characters of one code point, and more than 1024 bytes in NFKC.
@pytest.mark.parametrize("password", ["", "x" * 1025, "\u00e9" * 513, "\ud800", "\ufdfa" * 57])
def test_a_password_that_is_empty_too_long_or_not_text_is_refused(password: str) -> None:
    with pytest.raises(PasswordError):
        hash_password(password, TINY)
    assert not verify_password(hash_password("x", TINY), password)


GOOD = hash_password("correct horse", TINY)
SALT_AND_DIGEST = GOOD.split("p=1", 1)[1]


@pytest.mark.parametrize(
    "encoded",
    [
        GOOD + "\n",
        GOOD + "\0",
        " " + GOOD,
        GOOD[:-1],
        GOOD + "A",
        GOOD.replace("argon2id", "argon2i"),
        GOOD.replace("v=19", "v=16"),
        GOOD.replace("p=1", "p=2"),
        GOOD.replace("m=8,", "m=08,"),
        GOOD.replace("m=8,", "m=\u0668,"),
        f"$argon2id$v=19$m=8,t=0,p=1{SALT_AND_DIGEST}",
        f"$argon2id$v=19$m=1,t=1,p=1{SALT_AND_DIGEST}",
        f"$argon2id$v=19$m=4194304,t=1,p=1{SALT_AND_DIGEST}",
        f"$argon2id$v=19$m=8,t=99,p=1{SALT_AND_DIGEST}",
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW",
    ],
    # Hashes are salted: their text must not name a test.
    ids=itertools.count(),
)
def test_a_hash_of_another_form_or_a_ruinous_cost_is_never_computed(encoded: str) -> None:
    assert not verify_password(encoded, "correct horse")
    assert needs_rehash(encoded, TINY)


@pytest.mark.parametrize(("opslimit", "memlimit"), [(0, 8192), (17, 8192), (1, 4096), (1, 8193), (1, 2 << 30)])
def test_a_cost_out_of_range_is_refused(opslimit: int, memlimit: int) -> None:
    with pytest.raises(PasswordError):
        PasswordCost(opslimit, memlimit)


def test_a_decoy_has_the_form_and_cost_of_a_hash_and_opens_for_nobody() -> None:
    decoy = decoy_hash(TINY)
    assert len(decoy) == len(GOOD)
    assert not needs_rehash(decoy, TINY)
    assert not verify_password(decoy, "correct horse")
    assert decoy_hash(TINY) != decoy


def test_hashing_twice_gives_two_hashes() -> None:
    assert hash_password("x", TINY) != hash_password("x", TINY)


def test_the_slow_index_is_argon2id_at_64_mebibytes_and_three_passes() -> None:
    made = slow_index(b"one document")
    assert len(made) == 32
    assert made == independent(b"one document", b"blindage/dedup/1", 3, 64 * 1024)
