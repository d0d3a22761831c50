"""JSON Web Tokens: RFC 7515, 7519, 8725, OpenID Connect's at_hash; threat rows A17, A20, A25 to A28."""

import json
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

import pytest
from joserfc import jws
from joserfc.errors import SecurityWarning

from crypto.errors import JwkError, JwtError
from crypto.jwk import ALGORITHMS, ClientKeySet, PublicKey, SigningKey
from crypto.jwt import (
    MAX_JWT_BYTES,
    JwtSigner,
    check_claims,
    unverified_claims,
    verify_jwt,
)
from tests.attacks.hostile_jwts import hostile_jwts, signed_bad_times, signed_hostile_jwts
from tests.attacks.hostile_values import BAD_KIDS, is_printable_kid
from tests.crypto.jose_keys import KEYS, RFC7515_EC_KEY, RFC7515_RSA_KEY, joserfc_key, joserfc_private_key
from tests.crypto.jwt_samples import CLAIMS, NOW, UNCAPPED, token_of, verify

JOE = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"


@pytest.fixture(params=sorted(ALGORITHMS))
def key(request: pytest.FixtureRequest) -> SigningKey:
    return KEYS[request.param]


def joserfc_warning(alg: str) -> AbstractContextManager[object]:
    """joserfc warns that RFC 9864 renames EdDSA; OpenID providers still speak the old name."""
    return pytest.warns(SecurityWarning, match="RFC 9864") if alg == "EdDSA" else nullcontext()


def test_signed_claims_come_back(key: SigningKey) -> None:
    verified = verify(JwtSigner(key).sign(CLAIMS, "JWT"), key)
    assert verified.claims == CLAIMS
    assert verified.header == {"alg": key.alg, "kid": key.kid, "typ": "JWT"}


def test_one_signer_serves_several_types(key: SigningKey) -> None:
    signer = JwtSigner(key)
    for typ in (None, "JWT", "at+jwt", "logout+jwt", None, "at+jwt"):
        assert verify(signer.sign(CLAIMS, typ), key, typ=typ).header.get("typ") == typ


def test_token_verifies_with_joserfc(key: SigningKey) -> None:
    token = JwtSigner(key).sign(CLAIMS, "at+jwt")
    other = joserfc_key(key.public_jwk())
    with joserfc_warning(key.alg):
        read = jws.deserialize_compact(token, other, [key.alg])
    assert json.loads(read.payload) == CLAIMS
    assert read.headers() == {"alg": key.alg, "kid": key.kid, "typ": "at+jwt"}


def test_token_of_joserfc_verifies(key: SigningKey) -> None:
    other = joserfc_private_key(key)
    with joserfc_warning(key.alg):
        token = jws.serialize_compact({"alg": key.alg, "kid": key.kid}, json.dumps(CLAIMS), other, [key.alg])
    assert verify(token, key, typ=None).claims == CLAIMS


@pytest.mark.parametrize(
    ("jwk", "header", "signature"),
    [
        (
            RFC7515_RSA_KEY,
            "eyJhbGciOiJSUzI1NiJ9",
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5juj"
            "Gbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe"
            "7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8"
            "np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
        ),
        (
            RFC7515_EC_KEY,
            "eyJhbGciOiJFUzI1NiJ9",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        ),
    ],
    ids=["RFC 7515 A.2", "RFC 7515 A.3"],
)
def test_published_tokens_verify(jwk: dict[str, Any], header: str, signature: str) -> None:
    key = PublicKey.from_jwk(jwk)
    verified = verify_jwt(
        f"{header}.{JOE}.{signature}",
        lambda kid, alg: [key],
        algorithms=frozenset({key.alg}),
        typ=frozenset({None}),
    )
    assert verified.claims == {"iss": "joe", "exp": 1300819380, "http://example.com/is_root": True}


@pytest.mark.parametrize("max_bytes", [MAX_JWT_BYTES, UNCAPPED])
def test_hostile_tokens_are_refused(key: SigningKey, max_bytes: int) -> None:
    valid = JwtSigner(key).sign(CLAIMS, "JWT")
    assert verify(valid, key).claims == CLAIMS
    cases = hostile_jwts(valid, key.public_jwk())
    assert len(cases) >= 60
    assert len(dict(cases)) == len(cases)
    accepted = []
    for name, token in cases:
        try:
            verify(token, *KEYS.values(), max_bytes=max_bytes)
        except JwtError:
            continue
        accepted.append(name)
    assert accepted == []


@pytest.mark.parametrize("max_bytes", [MAX_JWT_BYTES, UNCAPPED])
def test_hostile_tokens_with_a_true_signature_are_refused(key: SigningKey, max_bytes: int) -> None:
    header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
    assert verify(token_of(key, header, CLAIMS), key).claims == CLAIMS
    cases = signed_hostile_jwts(key.sign, header, CLAIMS)
    assert len(dict(cases)) == len(cases) >= 60
    accepted = []
    for name, token in cases:
        try:
            verify(token, *KEYS.values(), max_bytes=max_bytes)
        except JwtError:
            continue
        accepted.append(name)
    assert accepted == []


def test_hostile_tokens_are_no_more_than_refused_unverified(key: SigningKey) -> None:
    """Reading without verifying may succeed, but raises nothing except JwtError."""
    valid = JwtSigner(key).sign(CLAIMS, "JWT")
    header = {"alg": key.alg, "kid": key.kid}
    for _, token in hostile_jwts(valid, key.public_jwk()) + signed_hostile_jwts(key.sign, header, CLAIMS):
        for max_bytes in (MAX_JWT_BYTES, UNCAPPED):
            try:
                assert isinstance(unverified_claims(token, max_bytes=max_bytes), dict)
            except JwtError:
                pass


def test_tokens_with_bad_times_verify_and_fail_their_check(key: SigningKey) -> None:
    header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
    for name, token in signed_bad_times(key.sign, header, CLAIMS):
        with pytest.raises(JwtError):
            check_claims(verify(token, key).claims, now=NOW, issuer=None, audience=None)
            pytest.fail(name)


@pytest.mark.parametrize("token", [None, 7, b"a.b.c", ["a.b.c"], {"a": 1}, True])
def test_what_is_no_text_is_refused(token: Any) -> None:
    with pytest.raises(JwtError):
        verify(token, *KEYS.values())
    with pytest.raises(JwtError):
        unverified_claims(token)


def test_key_refuses_the_algorithm_of_another_even_when_the_caller_offers_it() -> None:
    token = JwtSigner(KEYS["ES256"]).sign(CLAIMS, "JWT")
    everything = [key.public_key() for key in KEYS.values() if key.alg != "ES256"]
    with pytest.raises(JwtError):
        verify_jwt(token, lambda kid, alg: everything, algorithms=ALGORITHMS, typ=frozenset({"JWT"}))


def test_true_signature_under_the_name_of_another_algorithm_is_refused(key: SigningKey) -> None:
    """Even by a caller whose look-up heeds neither kid nor algorithm."""
    known = [one.public_key() for one in KEYS.values()]
    for alg in ALGORITHMS - {key.alg}:
        token = token_of(key, {"alg": alg, "kid": key.kid}, CLAIMS)
        with pytest.raises(JwtError):
            verify_jwt(token, lambda kid, alg: known, algorithms=ALGORITHMS, typ=frozenset({None}))


@pytest.mark.parametrize("kid", [kid for _, kid in BAD_KIDS if not is_printable_kid(kid)])
def test_malformed_kid_reaches_no_look_up(key: SigningKey, kid: Any) -> None:
    public = key.public_key()
    token = token_of(key, {"alg": key.alg, "kid": kid}, CLAIMS)
    with pytest.raises(JwtError):
        verify_jwt(token, lambda kid, alg: [public], algorithms=ALGORITHMS, typ=frozenset({None}), max_bytes=UNCAPPED)


def test_algorithm_off_the_list_is_refused_before_a_key_is_asked_for(key: SigningKey) -> None:
    def no_keys(kid: str | None, alg: str) -> Sequence[PublicKey]:
        raise AssertionError("keys were asked for")

    token = JwtSigner(key).sign(CLAIMS, "JWT")
    for allowed in (ALGORITHMS - {key.alg}, frozenset[str]()):
        with pytest.raises(JwtError):
            verify_jwt(token, no_keys, algorithms=allowed, typ=frozenset({"JWT"}))


def test_allowing_none_or_hmac_by_mistake_still_opens_nothing(key: SigningKey) -> None:
    public = key.public_key()
    for name, token in hostile_jwts(JwtSigner(key).sign(CLAIMS, "JWT"), key.public_jwk()):
        if name.startswith(("alg ", "HS")):
            with pytest.raises(JwtError):
                verify_jwt(
                    token,
                    lambda kid, alg: [public],
                    algorithms=ALGORITHMS | {"none", "None", "HS256", "HS384", "HS512", ""},
                    typ=frozenset({"JWT", None}),
                )


def test_payload_is_not_read_before_the_signature_holds(key: SigningKey, monkeypatch: pytest.MonkeyPatch) -> None:
    def unread(payload: bytes) -> Any:
        raise AssertionError("payload was read")

    monkeypatch.setattr("crypto.jwt.read_claims", unread)
    token = JwtSigner(key).sign(CLAIMS, "JWT")
    with pytest.raises(JwtError):
        verify(token[:-8] + "AAAAAAAA", key)
    with pytest.raises(AssertionError):
        verify(token, key)


@pytest.mark.parametrize(
    ("given", "allowed", "good"),
    [
        ("at+jwt", {"at+jwt"}, True),
        ("AT+JWT", {"at+jwt"}, True),
        ("application/at+jwt", {"at+jwt"}, True),
        ("at+jwt", {"JWT", None}, False),
        ("JWT", {"at+jwt"}, False),
        ("JWT", {None, "JWT"}, True),
        ("JWT", {None}, False),
        (None, {None}, True),
        (None, {"JWT"}, False),
        ("", {None}, False),
        ("application/", {None, "JWT"}, False),
        ("application/application/at+jwt", {"at+jwt"}, False),
        ("at+jwt", set(), False),
        (None, set(), False),
    ],
)
def test_typ_is_on_the_list(given: str | None, allowed: set[str | None], good: bool) -> None:
    key = KEYS["EdDSA"]
    header = {"alg": key.alg, "kid": key.kid} | ({} if given is None else {"typ": given})
    token = token_of(key, header, CLAIMS)
    known = ClientKeySet((key.public_key(),))
    if good:
        assert verify_jwt(token, known.find, algorithms=ALGORITHMS, typ=frozenset(allowed)).claims == CLAIMS
    else:
        with pytest.raises(JwtError):
            verify_jwt(token, known.find, algorithms=ALGORITHMS, typ=frozenset(allowed))


def test_typ_of_null_is_no_missing_typ(key: SigningKey) -> None:
    assert verify(token_of(key, {"alg": key.alg}, CLAIMS), key, typ=None).claims == CLAIMS
    with pytest.raises(JwtError):
        verify(token_of(key, {"alg": key.alg, "typ": None}, CLAIMS), key, typ=None)


def test_token_without_kid_is_tried_with_every_key_of_its_algorithm(key: SigningKey) -> None:
    others = tuple(SigningKey("ES256", f"k{n}", SigningKey.generate("ES256").private) for n in range(3))
    token = token_of(key, {"alg": key.alg}, CLAIMS)
    assert verify(token, *others, key, typ=None).claims == CLAIMS
    with pytest.raises(JwtError):
        verify(token, *others, typ=None)


def test_unknown_headers_are_ignored(key: SigningKey) -> None:
    header = {"alg": key.alg, "kid": key.kid, "x5t": "AAAA", "cty": "x", "urn:example": {"a": [1, 2]}}
    assert verify(token_of(key, header, CLAIMS), key, typ=None).claims == CLAIMS


def test_key_finder_that_refuses_is_a_refused_token_and_one_that_breaks_is_not() -> None:
    token = JwtSigner(KEYS["ES256"]).sign(CLAIMS)

    def refuses(kid: str | None, alg: str) -> Sequence[PublicKey]:
        raise JwkError("client has no keys")

    def breaks(kid: str | None, alg: str) -> Sequence[PublicKey]:
        raise ConnectionError("database is gone")

    with pytest.raises(JwtError):
        verify_jwt(token, refuses, algorithms=ALGORITHMS, typ=frozenset({None}))
    with pytest.raises(ConnectionError):
        verify_jwt(token, breaks, algorithms=ALGORITHMS, typ=frozenset({None}))


def test_size_limit_is_exact(key: SigningKey) -> None:
    token = JwtSigner(key).sign(CLAIMS, "JWT")
    assert verify(token, key, max_bytes=len(token)).claims == CLAIMS
    with pytest.raises(JwtError):
        verify(token, key, max_bytes=len(token) - 1)
    with pytest.raises(JwtError):
        unverified_claims(JwtSigner(key).sign({"a": "b" * MAX_JWT_BYTES}))


def test_unverified_claims_are_read_without_a_key(key: SigningKey) -> None:
    token = JwtSigner(key).sign(CLAIMS)
    assert unverified_claims(token) == unverified_claims(token[:-4] + "AAAA") == CLAIMS


def test_refusals_do_not_repeat_the_token(key: SigningKey) -> None:
    header = {"alg": key.alg, "kid": key.kid, "typ": "JWT"}
    cases = hostile_jwts(token_of(key, header, {"secret": "5up3r"}), key.public_jwk())
    for _, token in [*cases, *signed_hostile_jwts(key.sign, header, {"secret": "5up3r"})]:
        with pytest.raises(JwtError) as refused:
            verify(token, key)
        assert len(str(refused.value)) < 60
        assert "5up3r" not in str(refused.value)


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, datetime(2026, 1, 1, tzinfo=UTC), 2**70, "\ud800", object()])
def test_claims_that_are_not_json_are_not_signed(value: Any) -> None:
    with pytest.raises(JwtError):
        JwtSigner(KEYS["ES256"]).sign({"claim": value})


def test_any_mapping_can_be_signed(key: SigningKey) -> None:
    assert verify(JwtSigner(key).sign(MappingProxyType(CLAIMS), "JWT"), key).claims == CLAIMS


def test_es256_signing_keeps_its_pace() -> None:
    """The hot path of the token endpoint; a quiet machine makes 50,000 a second."""
    signer = JwtSigner(KEYS["ES256"])
    best = 0.0
    for _ in range(10):
        started = time.thread_time()
        for _ in range(200):
            signer.sign(CLAIMS, "at+jwt")
        best = max(best, 200 / (time.thread_time() - started))
    assert best > 10_000
