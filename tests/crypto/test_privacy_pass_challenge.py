"""TokenChallenge (RFC 9577, section 2.1) and the presentation language it is written in (RFC 8446, section 3)."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.errors import TokenError
from crypto.privacy_pass_challenge import TokenChallenge, server_name
from crypto.tls_presentation import VARINT_MAX, Reader, encode_varint
from tests.crypto.cheap import CHEAP

PRINTABLE = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=40)
NAME = st.text(st.sampled_from("abc.:019-"), min_size=1, max_size=20)
CHALLENGES = st.builds(
    TokenChallenge,
    st.integers(0, 0xFFFF),
    PRINTABLE,
    st.one_of(st.just(b""), st.binary(min_size=32, max_size=32)),
    st.lists(NAME, max_size=3).map(",".join),
)


@CHEAP
@given(challenge=CHALLENGES)
def test_challenge_survives_its_bytes(challenge: TokenChallenge) -> None:
    data = challenge.to_bytes()
    assert TokenChallenge.from_bytes(data) == challenge
    assert challenge.digest == sha256(data).digest()


@CHEAP
@given(challenge=CHALLENGES, tail=st.binary(min_size=1, max_size=8))
def test_challenge_with_bytes_more_or_less_is_refused(challenge: TokenChallenge, tail: bytes) -> None:
    data = challenge.to_bytes()
    with pytest.raises(TokenError):
        TokenChallenge.from_bytes(data + tail)
    for end in range(len(data)):
        with pytest.raises(TokenError):
            TokenChallenge.from_bytes(data[:end])


@CHEAP
@given(data=st.binary(max_size=120))
def test_bytes_have_one_reading_or_none(data: bytes) -> None:
    try:
        challenge = TokenChallenge.from_bytes(data)
    except TokenError:
        return
    assert challenge.to_bytes() == data


@pytest.mark.parametrize("length", [1, 31, 33, 255])
def test_redemption_context_of_another_length_is_refused(length: int) -> None:
    with pytest.raises(TokenError, match="redemption_context"):
        TokenChallenge(2, "issuer.example", bytes(length), "")
    data = b"\x00\x02\x00\x01a" + bytes((length,)) + bytes(length) + b"\x00\x00"
    with pytest.raises(TokenError, match="redemption_context"):
        TokenChallenge.from_bytes(data)


@pytest.mark.parametrize(
    ("token_type", "issuer_name", "origin_info"),
    [
        (-1, "a", ""),
        (0x10000, "a", ""),
        (2, "", ""),
        (2, "a" * 0x10000, ""),
        (2, "a", "b" * 0x10000),
        (2, "bücher.example", ""),
        (2, "a\n", ""),
        (2, "a", "b\x7f"),
        (2, "a", ",b"),
        (2, "a", "b,"),
        (2, "a", "b,,c"),
    ],
)
def test_challenge_outside_the_structure_is_not_made(token_type: int, issuer_name: str, origin_info: str) -> None:
    with pytest.raises(TokenError):
        TokenChallenge(token_type, issuer_name, b"", origin_info)


@pytest.mark.parametrize("data", [b"\x00\x02\x00\x01\xff\x00\x00\x00", b"\x00\x02\x00\x01a\x00\x00\x01\x80"])
def test_names_beyond_ascii_are_refused(data: bytes) -> None:
    with pytest.raises(TokenError, match="ASCII"):
        TokenChallenge.from_bytes(data)


def test_longest_names_fit() -> None:
    challenge = TokenChallenge(2, "a" * 0xFFFF, bytes(32), "b" * 0xFFFF)
    assert TokenChallenge.from_bytes(challenge.to_bytes()) == challenge


def test_origins_are_compared_without_case_and_whole() -> None:
    challenge = TokenChallenge(2, "issuer.example", b"", "door.example,App.example:8443")
    assert challenge.origin_names == ("door.example", "App.example:8443")
    assert challenge.admits_origin("Door.Example")
    assert challenge.admits_origin("app.example:8443")
    for other in ("app.example", "example", "door.example,App.example:8443", ""):
        assert not challenge.admits_origin(other)


def test_challenge_without_origins_admits_any() -> None:
    challenge = TokenChallenge(2, "issuer.example")
    assert challenge.origin_names == ()
    assert challenge.admits_origin("anything.example")


@pytest.mark.parametrize(
    ("host", "port", "name"),
    [
        ("Issuer.Example", 443, "issuer.example"),
        ("issuer.example", 8443, "issuer.example:8443"),
        ("127.0.0.1", 5000, "127.0.0.1:5000"),
        ("[::1]", 443, "[::1]"),
        ("[2001:DB8::1]", 80, "[2001:db8::1]:80"),
    ],
)
def test_server_name_carries_its_port_unless_443(host: str, port: int, name: str) -> None:
    assert server_name(host, port) == name


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("", 443),
        ("user@issuer.example", 443),
        ("issuer.example:443", 443),
        ("issuer.example,other.example", 443),
        ("issuer example", 443),
        ("issuer.example\n", 443),
        ("-issuer.example", 443),
        ("bücher.example", 443),
        ("::1", 443),
        ("issuer.example", 0),
        ("issuer.example", 65536),
    ],
)
def test_anything_but_a_server_name_is_refused(host: str, port: int) -> None:
    with pytest.raises(TokenError):
        server_name(host, port)


@pytest.mark.parametrize(
    ("number", "encoded"),
    [
        (0, "00"),
        (37, "25"),
        (63, "3f"),
        (64, "4040"),
        (15293, "7bbd"),
        (16383, "7fff"),
        (16384, "80004000"),
        (494878333, "9d7f3e7d"),
        (VARINT_MAX, "bfffffff"),
    ],
)
def test_variable_length_integers_of_rfc_9000(number: int, encoded: str) -> None:
    assert encode_varint(number).hex() == encoded


def test_variable_length_integer_has_an_end() -> None:
    with pytest.raises(TokenError):
        encode_varint(VARINT_MAX + 1)


@pytest.mark.parametrize("length", ["4000", "403f", "80000000", "80003fff", "c000000000000001", "ff"])
def test_length_in_a_longer_form_is_refused(length: str) -> None:
    with pytest.raises(TokenError):
        Reader(bytes.fromhex(length) + bytes(20000)).variable_vector("field")


@CHEAP
@given(content=st.binary(max_size=300))
def test_variable_vector_survives(content: bytes) -> None:
    reader = Reader(encode_varint(len(content)) + content + b"next")
    assert reader.variable_vector("field") == content
    assert reader.remaining == 4
    with pytest.raises(TokenError, match="field is cut off"):
        Reader(encode_varint(len(content) + 1) + content).variable_vector("field")
