"""Proof Key for Code Exchange (RFC 7636), S256 only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.pkce import challenge_of, is_challenge, is_verifier, verifier_matches
from tests.crypto.cheap import CHEAP

# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
UNRESERVED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"
VERIFIERS = st.text(alphabet=UNRESERVED, min_size=43, max_size=128)


def test_rfc7636_appendix_b() -> None:
    assert challenge_of(VERIFIER) == CHALLENGE
    assert verifier_matches(VERIFIER, CHALLENGE)


@CHEAP
@given(VERIFIERS)
def test_a_verifier_matches_its_challenge(verifier: str) -> None:
    assert is_verifier(verifier)
    assert is_challenge(challenge_of(verifier))
    assert verifier_matches(verifier, challenge_of(verifier))


@CHEAP
@given(VERIFIERS, VERIFIERS)
def test_a_verifier_matches_no_other_challenge(verifier: str, other: str) -> None:
    assert verifier_matches(verifier, challenge_of(other)) == (verifier == other)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 42,
        "a" * 129,
        VERIFIER + "\n",
        VERIFIER[:-1] + " ",
        VERIFIER[:-1] + "=",
        VERIFIER[:-1] + "+",
        VERIFIER[:-1] + "/",
        VERIFIER[:-1] + "\u00e9",
        VERIFIER[:-1] + "\u0661",
        VERIFIER[:-1] + "\ud800",
    ],
)
def test_text_that_is_no_verifier_matches_nothing(text: str) -> None:
    assert not is_verifier(text)
    assert not verifier_matches(text, CHALLENGE)


@pytest.mark.parametrize(
    "text",
    [
        "",
        CHALLENGE[:-1],
        CHALLENGE + "A",
        CHALLENGE + "=",
        CHALLENGE + "\n",
        CHALLENGE[:-1] + "N",  # The same 32 bytes for a lax decoder.
        CHALLENGE[:-1] + "~",
        CHALLENGE.replace("-", "+"),
        CHALLENGE[:-1] + "\u00e9",
        CHALLENGE[:-1] + "\ud800",
    ],
)
def test_text_that_is_no_challenge_matches_nothing(text: str) -> None:
    assert not is_challenge(text)
    assert not verifier_matches(VERIFIER, text)


def test_the_plain_method_does_not_exist() -> None:
    assert not verifier_matches(CHALLENGE, CHALLENGE)
