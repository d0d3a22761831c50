"""The PrivateToken scheme (RFC 9577, section 2) in the grammar of RFC 9110, section 11."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.encoding import b64_padded_url_encode, b64url_encode
from crypto.errors import TokenError
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_scheme import (
    CHALLENGES_MAX,
    HEADER_MAX,
    PrivateTokenChallenge,
    format_authorization,
    format_www_authenticate,
    parse_authorization,
    parse_www_authenticate,
)
from tests.crypto.cheap import CHEAP
from tests.crypto.token_keys import spendable_token, token_key

# A name of a length that makes the base64url end in padding.
CHALLENGE = TokenChallenge(0x0002, "issuer.example", b"", "door1.example")
DATA = CHALLENGE.to_bytes()
TEXT = b64_padded_url_encode(DATA)
PLAIN = PrivateTokenChallenge(DATA)
CHALLENGES = st.builds(
    PrivateTokenChallenge,
    st.binary(min_size=2, max_size=80),
    st.one_of(st.none(), st.binary(max_size=60)),
    st.one_of(st.none(), st.integers(0, 10**10 - 1)),
)


def test_challenge_as_the_standard_shows_it() -> None:
    key = token_key().public.to_spki()
    header = format_www_authenticate([PrivateTokenChallenge(DATA, key, 600)])
    assert header == (f'PrivateToken challenge="{TEXT}", token-key="{b64_padded_url_encode(key)}", max-age="600"')
    assert TEXT.endswith("=")
    (parsed,) = parse_www_authenticate(header)
    assert parsed.token_type == 2
    assert parsed.token_challenge() == CHALLENGE


@CHEAP
@given(challenges=st.lists(CHALLENGES, min_size=1, max_size=4))
def test_challenges_survive_their_header(challenges: list[PrivateTokenChallenge]) -> None:
    assert parse_www_authenticate(format_www_authenticate(challenges)) == tuple(challenges)


@pytest.mark.parametrize(
    "header",
    [
        f'PrivateToken challenge="{TEXT}"',
        f"PrivateToken challenge={TEXT}",
        f'privatetoken CHALLENGE="{TEXT}"',
        f'PrivateToken   challenge \t= \t"{TEXT}" ',
        f'  PrivateToken realm="a, b", challenge="{TEXT}"',
        f'PrivateToken realm="a \\" PrivateToken challenge=x", challenge="{TEXT}"',
        f'PrivateToken challenge="{TEXT}",, unknown=1 ,other="",',
        f', ,PrivateToken challenge="{TEXT}"',
        f'Basic realm="a", PrivateToken challenge="{TEXT}"',
        f'PrivateToken challenge="{TEXT}", Basic realm="a", charset="UTF-8"',
        f'Negotiate, PrivateToken challenge="{TEXT}"',
        f'Basic realm=, PrivateToken challenge="{TEXT}"',
        f'Negotiate YII+/==, PrivateToken challenge="{TEXT}", Bearer',
        f'PrivateToken challenge="{TEXT[:8]}\\{TEXT[8:]}"',
    ],
)
def test_challenge_is_found_in_every_lawful_spelling(header: str) -> None:
    assert parse_www_authenticate(header) == (PLAIN,)


@pytest.mark.parametrize(
    "header", ["Basic", 'Basic realm="PrivateToken challenge=AAI="', "Negotiate a==", "PrivateTokens a=b"]
)
def test_other_schemes_hold_no_challenge(header: str) -> None:
    assert parse_www_authenticate(header) == ()


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        ",",
        "PrivateToken",
        "PrivateToken ",
        "PrivateToken realm=a",
        "PrivateToken challenge",
        "PrivateToken challenge=",
        'PrivateToken challenge=""',
        'PrivateToken challenge="AA=="',
        f'PrivateToken challenge="{TEXT}',
        f'PrivateToken challenge="{TEXT}"x',
        f'PrivateToken challenge="{TEXT}" token-key="AAAA"',
        f'PrivateToken challenge="{TEXT}", challenge="{TEXT}"',
        f'PrivateToken challenge="{TEXT}", Challenge="{TEXT}"',
        f'PrivateToken challenge="{b64url_encode(DATA)}"',
        f'PrivateToken challenge="{TEXT} "',
        f'PrivateToken challenge="{TEXT}="',
        'PrivateToken challenge="AAI+"',
        'PrivateToken challenge="AAI/"',
        'PrivateToken challenge="AAJ="',
        f'PrivateToken challenge="{TEXT}", token-key="A"',
        f'PrivateToken challenge="{TEXT}", max-age="-1"',
        f'PrivateToken challenge="{TEXT}", max-age="1.5"',
        f'PrivateToken challenge="{TEXT}", max-age=" 1"',
        f'PrivateToken challenge="{TEXT}", max-age="٣"',
        f'PrivateToken challenge="{TEXT}", max-age=""',
        f'PrivateToken challenge="{TEXT}", max-age="{"9" * 11}"',
        f'PrivateToken\tchallenge="{TEXT}"',
        f'PrivateToken challenge="{TEXT}"\r\nX: y',
        f'PrivateToken realm="\u00e9", challenge="{TEXT}"',
        f'Basic realm="a" x, PrivateToken challenge="{TEXT}"',
        f'Basic realm==a, PrivateToken challenge="{TEXT}"',
        "=",
        '"PrivateToken"',
    ],
)
def test_malformed_challenge_is_refused(header: str) -> None:
    with pytest.raises(TokenError):
        parse_www_authenticate(header)


def test_challenge_of_another_type_is_handed_on_unread() -> None:
    other = PrivateTokenChallenge(b"\x12\x34 of another structure")
    assert parse_www_authenticate(format_www_authenticate([other, PLAIN])) == (other, PLAIN)
    assert other.token_type == 0x1234
    with pytest.raises(TokenError):
        other.token_challenge()


@pytest.mark.parametrize("max_age", [-1, 10**10])
def test_max_age_out_of_range_is_not_made(max_age: int) -> None:
    with pytest.raises(TokenError):
        PrivateTokenChallenge(DATA, None, max_age)


@pytest.mark.parametrize(
    "header",
    [
        "a" * (HEADER_MAX + 1),
        ", ".join(["a"] * (CHALLENGES_MAX + 1)),
        "a " + "b=c," * 4096,
        'a b="' + "\\a" * 8000,
        "a " + " " * 16000 + "b",
        "," * 16000 + "=",
        ("a b" + "=" * 50 + ",") * 300,
        "a b=c" + " " * 16000 + "d",
        "a" * 16000 + "=",
    ],
    ids=range(9),
)
def test_hostile_header_costs_little(header: str) -> None:
    # No clock: a quadratic reading of these would run into the time limit of the suite.
    for _ in range(200):
        try:
            parse_www_authenticate(header)
        except TokenError:
            pass


def test_header_longer_than_any_server_sends_is_refused() -> None:
    assert parse_www_authenticate("a" * HEADER_MAX) == ()
    with pytest.raises(TokenError, match="too long"):
        parse_www_authenticate("a" * (HEADER_MAX + 1))


def test_token_survives_its_header() -> None:
    token = spendable_token()
    header = format_authorization(token)
    assert header == f'PrivateToken token="{b64_padded_url_encode(token.to_bytes())}"'
    assert parse_authorization(header) == token
    assert parse_authorization(f"privatetoken x=y, Token={b64_padded_url_encode(token.to_bytes())}") == token


@pytest.mark.parametrize(
    "header",
    [
        "",
        "PrivateToken",
        "Bearer TOKEN",
        "PrivateToken TOKEN",
        'Bearer token="TOKEN"',
        'PrivateToken token="CUT"',
        'PrivateToken token="TOKENAAAA"',
        'PrivateToken token="TOKEN", token="TOKEN"',
        'PrivateToken token="TOKEN", PrivateToken token="TOKEN"',
        'PrivateToken token="TOKEN", Basic eDp5',
        'Basic eDp5, PrivateToken token="TOKEN"',
        'PrivateToken token="AAETAIL"',
        'PrivateToken token="TOKEN\n"',
        'PrivateToken challenge="AAI="',
    ],
)
def test_other_credentials_are_refused(header: str) -> None:
    token = b64_padded_url_encode(spendable_token().to_bytes())
    header = header.replace("CUT", token[:-4]).replace("TAIL", token[3:]).replace("TOKEN", token)
    with pytest.raises(TokenError):
        parse_authorization(header)


@CHEAP
@given(header=st.text(st.sampled_from('PrivateToken token="=\\, \tAz0-_\u00e9'), max_size=60))
def test_no_text_does_worse_than_a_token_error(header: str) -> None:
    for parse in (parse_www_authenticate, parse_authorization):
        try:
            parse(header)
        except TokenError:
            pass


def test_challenge_reads_back_as_the_same_digest() -> None:
    challenge = TokenChallenge(2, "issuer.example:8443", bytes(32), "a.example,b.example")
    (parsed,) = parse_www_authenticate(format_www_authenticate([PrivateTokenChallenge(challenge.to_bytes())]))
    assert parsed.token_challenge().digest == challenge.digest
