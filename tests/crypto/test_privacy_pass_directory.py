"""The issuer directory (RFC 9578, section 4)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.blind_rsa_keys import BlindRsaPublicKey
from crypto.encoding import b64_padded_url_encode
from crypto.errors import TokenError
from crypto.privacy_pass_directory import TOKEN_KEYS_MAX, IssuerDirectory, TokenKey
from tests.crypto.cheap import CHEAP
from tests.crypto.token_keys import token_key

KEYS = st.builds(TokenKey, st.integers(0, 0xFFFF), st.binary(max_size=40), st.one_of(st.none(), st.integers(0, 2**40)))
KEY: dict[str, Any] = {"token-type": 2, "token-key": "AAE=", "not-before": 1686913811}
DOCUMENT: dict[str, Any] = {"issuer-request-uri": "/token-request", "token-keys": [KEY]}


def with_key(**changes: Any) -> dict[str, Any]:
    key = {name: value for name, value in (KEY | changes).items() if value is not ...}
    return DOCUMENT | {"token-keys": [key]}


def test_directory_as_the_standard_shows_it() -> None:
    public = token_key().public
    directory = IssuerDirectory(
        "https://issuer.example.net/request",
        (TokenKey(2, public.to_spki(), 1686913811), TokenKey(2, public.to_spki())),
    )
    document = json.loads(directory.to_json())
    encoded = b64_padded_url_encode(public.to_spki())
    assert encoded.startswith("MIIBUjA9BgkqhkiG9w0BAQowMKANMAsGCWCGSAFlAwQCAqEaMBgGCSqGSIb3DQEBCDALBglghkgBZQMEAgKi")
    assert document == {
        "issuer-request-uri": "https://issuer.example.net/request",
        "token-keys": [
            {"token-type": 2, "token-key": encoded, "not-before": 1686913811},
            {"token-type": 2, "token-key": encoded},
        ],
    }
    read = IssuerDirectory.from_json(directory.to_json())
    assert read == directory
    assert BlindRsaPublicKey.from_spki(read.token_keys[0].token_key) == public


@CHEAP
@given(keys=st.lists(KEYS, max_size=5).map(tuple))
def test_directory_survives_its_bytes(keys: tuple[TokenKey, ...]) -> None:
    directory = IssuerDirectory("/token-request", keys)
    assert IssuerDirectory.from_json(directory.to_json()) == directory


def test_client_takes_the_first_key_in_use() -> None:
    later, older, other = TokenKey(2, b"later", 2000), TokenKey(2, b"older"), TokenKey(1, b"other")
    directory = IssuerDirectory("/request", (other, later, older))
    assert directory.preferred_key(2, 1999) == older
    assert directory.preferred_key(2, 2000) == later
    assert directory.preferred_key(1, 0) == other
    assert directory.preferred_key(5, 0) is None
    assert IssuerDirectory("/request", (later,)).preferred_key(2, 1999) is None


def test_members_unknown_to_us_are_passed_over() -> None:
    document = with_key(comment="x") | {"version": [1]}
    assert IssuerDirectory.from_json(json.dumps(document).encode()).token_keys == (
        TokenKey(2, b"\x00\x01", 1686913811),
    )


@pytest.mark.parametrize(
    "document",
    [
        [],
        None,
        {"token-keys": []},
        {"issuer-request-uri": "/x"},
        DOCUMENT | {"issuer-request-uri": ""},
        DOCUMENT | {"issuer-request-uri": 5},
        DOCUMENT | {"issuer-request-uri": "/a b"},
        DOCUMENT | {"issuer-request-uri": "/ü"},
        DOCUMENT | {"token-keys": {}},
        DOCUMENT | {"token-keys": ["x"]},
        DOCUMENT | {"token-keys": [KEY] * (TOKEN_KEYS_MAX + 1)},
        with_key(**{"token-type": True}),
        with_key(**{"token-type": "2"}),
        with_key(**{"token-type": 2.0}),
        with_key(**{"token-type": -1}),
        with_key(**{"token-type": 65536}),
        with_key(**{"token-type": ...}),
        with_key(**{"token-key": ...}),
        with_key(**{"token-key": "AAE"}),
        with_key(**{"token-key": "AAE=\n"}),
        with_key(**{"token-key": "A+E="}),
        with_key(**{"token-key": 5}),
        with_key(**{"not-before": -1}),
        with_key(**{"not-before": None}),
        with_key(**{"not-before": "1"}),
        with_key(**{"not-before": False}),
    ],
    ids=str,
)
def test_directory_with_anything_amiss_is_refused_whole(document: object) -> None:
    with pytest.raises(TokenError):
        IssuerDirectory.from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff",
        json.dumps(DOCUMENT).encode() + b"x",
        json.dumps(DOCUMENT).encode()[:-1] + b', "token-keys": []}',
        json.dumps(DOCUMENT | {"padding": "x" * 70000}).encode(),
        b'{"issuer-request-uri": "/x", "token-keys": ' + b"[" * 20 + b"]" * 20 + b"}",
    ],
    ids=["empty", "cut", "not UTF-8", "trailing", "repeated member", "too long", "too deep"],
)
def test_directory_that_is_no_plain_json_is_refused(data: bytes) -> None:
    with pytest.raises(TokenError):
        IssuerDirectory.from_json(data)


@pytest.mark.parametrize(("token_type", "not_before"), [(-1, None), (0x10000, None), (2, -1)])
def test_key_out_of_range_is_not_made(token_type: int, not_before: int | None) -> None:
    with pytest.raises(TokenError):
        TokenKey(token_type, b"", not_before)
