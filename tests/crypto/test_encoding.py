"""Base64url (RFC 7515, section 2; RFC 9577, section 2.1), length-prefixed fields, integers (RFC 8017)."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import (
    b64_padded_url_decode,
    b64_padded_url_encode,
    b64url_decode,
    b64url_encode,
    i2osp,
    lp,
    lp_split,
    os2ip,
)
from crypto.errors import EncodingError
from tests.crypto.cheap import CHEAP

URL_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"


@CHEAP
@given(st.binary(max_size=100))
def test_base64url_comes_back_as_it_went(data: bytes) -> None:
    text = b64url_encode(data)
    assert text == base64.urlsafe_b64encode(data).decode().rstrip("=")
    assert b64url_decode(text) == data
    assert b64url_decode(text.encode()) == data
    assert b64_padded_url_decode(b64_padded_url_encode(data)) == data


@CHEAP
@given(st.text(alphabet=URL_LETTERS, max_size=40))
def test_a_value_has_one_base64url_spelling(text: str) -> None:
    try:
        data = b64url_decode(text)
    except EncodingError:
        return
    assert b64url_encode(data) == text


@CHEAP
@given(st.text(max_size=40))
def test_base64url_of_any_text_is_a_value_or_an_encoding_error(text: str) -> None:
    for decode in (b64url_decode, b64_padded_url_decode):
        try:
            decode(text)
        except EncodingError:
            continue


def test_rfc7515_appendix_c_example() -> None:
    assert b64url_encode(bytes([3, 236, 255, 224, 193])) == "A-z_4ME"
    assert b64url_decode("A-z_4ME") == bytes([3, 236, 255, 224, 193])


@pytest.mark.parametrize(
    "text", ["QQ==", "QQ=", "Q", "QQ\n", " QQ", "Q Q", "QR", "QUJ", "Q+Q_", "Q/Q_", "QQ\x00", "QÜ", "ＱＱ"]
)
def test_unpadded_base64url_refuses_other_spellings(text: str) -> None:
    with pytest.raises(EncodingError):
        b64url_decode(text)


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QQ===", "QR==", "====", "=", "QQ==\n", "Q=Q=", "QUI=QUI=", "Q+=="])
def test_padded_base64url_refuses_other_spellings(text: str) -> None:
    with pytest.raises(EncodingError):
        b64_padded_url_decode(text)


@CHEAP
@given(st.lists(st.binary(max_size=40), max_size=6))
def test_fields_come_back_and_need_every_byte(fields: list[bytes]) -> None:
    data = lp(*fields)
    assert lp_split(data, len(fields)) == tuple(fields)
    with pytest.raises(EncodingError):
        lp_split(data + b"\0", len(fields))
    if data:
        with pytest.raises(EncodingError):
            lp_split(data[:-1], len(fields))
        with pytest.raises(EncodingError):
            lp_split(data, len(fields) - 1)
    with pytest.raises(EncodingError):
        lp_split(data, len(fields) + 1)


@CHEAP
@given(st.lists(st.binary(max_size=8), max_size=4), st.lists(st.binary(max_size=8), max_size=4))
def test_different_fields_never_share_bytes(one: list[bytes], other: list[bytes]) -> None:
    assert (lp(*one) == lp(*other)) == (one == other)


def test_text_fields_are_utf8_and_lone_surrogates_are_refused() -> None:
    assert lp("é", b"x") == b"\x00\x02\xc3\xa9\x00\x01x"
    with pytest.raises(EncodingError):
        lp("\ud800")


def test_a_field_ends_at_65535_bytes() -> None:
    assert lp_split(lp(bytes(65535)), 1) == (bytes(65535),)
    with pytest.raises(EncodingError):
        lp(bytes(65536))


@CHEAP
@given(st.integers(min_value=0, max_value=2**256 - 1))
def test_integers_come_back(number: int) -> None:
    assert os2ip(i2osp(number, 32)) == number


@pytest.mark.parametrize(("number", "length"), [(256, 1), (-1, 4), (1, 0)])
def test_an_integer_that_does_not_fit_is_refused(number: int, length: int) -> None:
    with pytest.raises(EncodingError):
        i2osp(number, length)
