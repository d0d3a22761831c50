"""TOTP: the vectors of RFC 6238, appendix B, and RFC 4226, appendix D; the window, and what is no code."""

import base64
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from crypto import totp
from crypto.errors import EncodingError

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("time", "code"),
    [
        (59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
        (2000000000, "69279037"), (20000000000, "65353130"),
    ],
)  # fmt: skip
def test_rfc_6238_appendix_b(time: int, code: str) -> None:
    assert totp.code_at(SECRET, totp.step_at(time), digits=8) == code


def test_rfc_4226_appendix_d() -> None:
    codes = "755224 287082 359152 969429 338314 254676 287922 162583 399871 520489".split()
    assert [totp.code_at(SECRET, count) for count in range(10)] == codes


@pytest.mark.parametrize("drift", range(-3, 4))
def test_a_code_counts_one_step_early_and_late_and_no_more(drift: int) -> None:
    now = 1_767_225_600
    step = totp.step_at(now) + drift
    assert totp.matching_step(SECRET, totp.code_at(SECRET, step), now) == (step if abs(drift) <= 1 else None)


def test_three_of_a_million_codes_are_right_at_a_time() -> None:
    right = [n for n in range(10**6) if totp.matching_step(SECRET, f"{n:06}", 1_767_225_600) is not None]
    assert len(right) == 3


@pytest.mark.parametrize(
    "typed",
    ["", "12345", "1234567", "abcdef", "-12345", "+12345", "12345\n", "１２３４５６", "١٢٣٤", "\x00" * 6, "9" * 10**6],
)
def test_what_is_no_code_matches_nothing(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, 59) is None


def test_spaces_are_left_out() -> None:
    code = totp.code_at(SECRET, 1)
    assert totp.matching_step(SECRET, f" {code[:3]} {code[3:]} ", 59) == 1


def test_a_secret_of_another_length_is_refused() -> None:
    with pytest.raises(EncodingError):
        totp.matching_step(b"short", "123456", 59)


def test_the_address_says_what_the_text_says() -> None:
    address = urlsplit(totp.provisioning_uri(SECRET, "Blindage", "ada:é/ü"))
    query = parse_qs(address.query)
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert unquote(address.path) == "/Blindage:ada:é/ü"
    assert base64.b32decode(query["secret"][0]) == SECRET
    assert query["issuer"] == ["Blindage"]
    assert totp.secret_text(SECRET).replace(" ", "") == query["secret"][0]
