"""Device authorizations and user codes (RFC 8628, sections 3.3 to 3.5 and 6.1)."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.domain.device_grant import (
    LIFETIME_SECONDS,
    USER_CODE_ALPHABET,
    USER_CODE_LENGTH,
    Approved,
    Denied,
    DeviceGrant,
    Redeemed,
    Stage,
    Waiting,
    read_user_code,
    show_user_code,
)
from idp.domain.errors import Refused
from idp.domain.network import network

NOW = 1_767_225_600
APPROVED = Approved(bytes(16), "subject", frozenset({"openid"}), "", NOW, None, None, None, None)
CODES = st.text(USER_CODE_ALPHABET, min_size=USER_CODE_LENGTH, max_size=USER_CODE_LENGTH)


def _grant(stage: Stage | None = None) -> DeviceGrant:
    grant = DeviceGrant(bytes(16), bytes(32), bytes(32), "app", {}, bytes(16), NOW, NOW + LIFETIME_SECONDS)
    return grant if stage is None else replace(grant, stage=stage)


def test_a_waiting_grant_is_approved_or_denied() -> None:
    assert _grant().approve(APPROVED, NOW).stage == APPROVED
    assert _grant().deny(NOW + LIFETIME_SECONDS - 1).stage == Denied()
    assert _grant().stage == Waiting()


@pytest.mark.parametrize("stage", [APPROVED, Denied(), Redeemed()])
def test_an_answered_grant_takes_no_other_answer(stage: Stage) -> None:
    with pytest.raises(Refused) as approval:
        _grant(stage).approve(APPROVED, NOW)
    with pytest.raises(Refused) as denial:
        _grant(stage).deny(NOW)
    assert approval.value.reason == denial.value.reason == "answered"


def test_nothing_is_answered_once_time_is_over() -> None:
    assert _grant().open_at(NOW + LIFETIME_SECONDS - 1)
    assert not _grant().open_at(NOW + LIFETIME_SECONDS)
    with pytest.raises(Refused):
        _grant().approve(APPROVED, NOW + LIFETIME_SECONDS)


def test_a_user_code_has_34_bits_and_letters_that_make_no_words() -> None:
    assert len(USER_CODE_ALPHABET) == len(set(USER_CODE_ALPHABET)) == 20
    assert not set(USER_CODE_ALPHABET) & set("AEIOUY0123456789")
    assert math.log2(len(USER_CODE_ALPHABET)) * USER_CODE_LENGTH > 34.5
    assert LIFETIME_SECONDS <= 600


@given(CODES)
def test_a_code_is_read_as_it_is_shown(code: str) -> None:
    assert read_user_code(show_user_code(code)) == code
    assert len(show_user_code(code)) == USER_CODE_LENGTH + 1


@pytest.mark.parametrize(
    "typed",
    [
        "WDJBMJHT", "wdjbmjht", "WdJb-MjHt", "wdjb mjht", " W D J B - M J H T ", "WDJB–MJHT", "WDJB—MJHT", "WDJB_MJHT",
        "WDJB.MJHT\r\n", "WDJB\u00a0MJHT", "(WDJB)-(MJHT)", "ＷＤＪＢ－ＭＪＨＴ", "ｗｄｊｂｍｊｈｔ",
    ],
)  # fmt: skip
def test_case_dashes_blanks_and_width_do_not_matter(typed: str) -> None:
    assert read_user_code(typed) == "WDJBMJHT"


@pytest.mark.parametrize(
    "typed",
    ["", "-", "WDJBMJH", "WDJBMJHTT", "WDJBMJHA", "WDJBMJH1", "WDJBMJHY", "ＷＤＪＢＭＪＨ０", "ШДЖБМЖХТ", "W" * 10_000],
)
def test_what_cannot_be_a_code_is_none(typed: str) -> None:
    assert read_user_code(typed) is None


@given(st.text(max_size=100))
def test_any_text_is_a_code_of_the_alphabet_or_none(typed: str) -> None:
    code = read_user_code(typed)
    assert code is None or (len(code) == USER_CODE_LENGTH and set(code) <= set(USER_CODE_ALPHABET))


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("example", "unknown"),
    ],
)
def test_which_network_an_address_is_in(address: str, expected: str) -> None:
    assert network(address) == expected
