"""Whatever arrives as a JWT is verified or refused with JwtError: no other exception (threat row A25)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crypto.encoding import b64url_encode
from crypto.errors import JwtError
from crypto.jwt import JwtSigner, VerifiedJwt, check_claims
from tests.crypto.jose_keys import KEYS
from tests.crypto.jwt_samples import CLAIMS, NOW, token_of, verify

TOKEN = JwtSigner(KEYS["ES256"]).sign(CLAIMS, "JWT")
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
HEADER_NAMES = st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "jku", "b64", "zip", "enc", "x5c", "x"])
HEADERS = st.dictionaries(HEADER_NAMES, JSON | st.sampled_from(["ES256", "none", "EdDSA", "RS256"]), max_size=5)
CLAIM_NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "x"])


def refused_or(token: str) -> VerifiedJwt | None:
    try:
        return verify(token, *KEYS.values())
    except JwtError:
        return None


@settings(max_examples=500, deadline=None, database=None)
@given(st.text(max_size=200) | st.text(alphabet="AZaz09-_.=", max_size=200))
def test_any_text_is_refused(token: str) -> None:
    assert refused_or(token) is None


@settings(max_examples=300, deadline=None, database=None)
@given(header=st.binary(max_size=60), payload=st.binary(max_size=60), signature=st.binary(max_size=80))
def test_any_bytes_in_three_parts_are_refused(header: bytes, payload: bytes, signature: bytes) -> None:
    assert refused_or(".".join(map(b64url_encode, (header, payload, signature)))) is None


@settings(max_examples=500, deadline=None, database=None)
@given(header=HEADERS, payload=JSON | st.dictionaries(CLAIM_NAMES, JSON, max_size=5))
def test_any_signed_json_gives_its_claims_or_jwt_error(header: dict[str, Any], payload: Any) -> None:
    key = KEYS["EdDSA"]
    verified = refused_or(token_of(key, {"alg": "EdDSA", "typ": "JWT", **header}, payload))
    if verified is not None:
        assert verified.claims == payload
        assert not {"crit", "jwk", "jku", "b64", "zip", "enc", "x5c"} & set(header)
        try:
            check_claims(verified.claims, now=NOW, issuer="iss", audience="aud", max_age=5, max_lifetime=5)
        except JwtError:
            pass


@settings(max_examples=500, deadline=None, database=None)
@given(position=st.integers(0, 10_000), character=st.characters(max_codepoint=0x17F))
def test_one_changed_character_anywhere_is_refused(position: int, character: str) -> None:
    key = KEYS["ES256"]
    at = position % len(TOKEN)
    changed = TOKEN[:at] + character + TOKEN[at + 1 :]
    if changed != TOKEN:
        with pytest.raises(JwtError):
            verify(changed, key)
