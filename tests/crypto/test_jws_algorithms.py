"""The JWS signature algorithms RS256, ES256 and EdDSA: RFC 7518 section 3, RFC 8037, and what fits no key."""

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jws

from crypto.encoding import b64url_encode
from crypto.errors import JwkError
from crypto.jwk import ALGORITHMS, PublicKey, SigningKey
from crypto.jws_algorithms import raw_signature
from tests.crypto.jose_keys import (
    KEYS,
    P256_ORDER,
    RFC8037_KEY,
    RFC8037_SEED,
    joserfc_key,
    joserfc_private_key,
)


@pytest.fixture(params=sorted(ALGORITHMS))
def key(request: pytest.FixtureRequest) -> SigningKey:
    return KEYS[request.param]


def joserfc_algorithm(alg: str) -> str:
    # joserfc warns of the name EdDSA; Ed25519 (RFC 9864) is the same signature.
    return "Ed25519" if alg == "EdDSA" else alg


def test_signature_of_rfc_8037_appendix_a() -> None:
    private = ed25519.Ed25519PrivateKey.from_private_bytes(RFC8037_SEED)
    key = SigningKey("EdDSA", "rfc8037", private)
    signing_input = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"
    signature = key.sign(signing_input)
    assert b64url_encode(signature) == (
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
    )
    assert {name: key.public_jwk()[name] for name in RFC8037_KEY} == RFC8037_KEY
    assert PublicKey.from_jwk(RFC8037_KEY).verify(signature, signing_input)


def test_signature_verifies_here_with_cryptography_and_with_joserfc(key: SigningKey) -> None:
    data = b"eyJhbGciOiJ4In0.payload"
    signature = key.sign(data)
    assert key.public_key().verify(signature, data)
    verify_with_cryptography(key, signature, data)
    other = joserfc_key({name: value for name, value in key.public_jwk().items() if name != "alg"})
    assert jws.default_registry.algorithms[joserfc_algorithm(key.alg)].verify(data, signature, other)


def verify_with_cryptography(key: SigningKey, signature: bytes, data: bytes) -> None:
    public = key.private.public_key()
    if isinstance(public, rsa.RSAPublicKey):
        public.verify(signature, data, padding.PKCS1v15(), SHA256())
    elif isinstance(public, ec.EllipticCurvePublicKey):
        assert len(signature) == 64
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        public.verify(encode_dss_signature(r, s), data, ec.ECDSA(SHA256()))
    else:
        public.verify(signature, data)


def test_signatures_of_joserfc_verify_here(key: SigningKey) -> None:
    other = joserfc_private_key(key)
    signature = jws.default_registry.algorithms[joserfc_algorithm(key.alg)].sign(b"data", other)
    assert key.public_key().verify(signature, b"data")


def test_changed_data_or_signature_does_not_verify(key: SigningKey) -> None:
    signature, public = key.sign(b"data"), key.public_key()
    assert public.verify(signature, b"data")
    assert not public.verify(signature, b"date")
    for position in range(len(signature)):
        changed = bytearray(signature)
        changed[position] ^= 0x80
        assert not public.verify(bytes(changed), b"data")
    for wrong in (
        b"",
        signature[:-1],
        signature + b"\0",
        b"\0" + signature,
        bytes(len(signature)),
        b"\xff" * 256,
    ):
        assert not public.verify(wrong, b"data")


@pytest.mark.parametrize("r", [1, 0x7F, 0x80, 2**247, 2**248 - 1, 2**255, P256_ORDER - 1])
@pytest.mark.parametrize("s", [1, 0xFF, 2**120, 2**248 - 1, 2**255, P256_ORDER - 1])
def test_es256_numbers_take_32_bytes_however_short(r: int, s: int) -> None:
    raw = raw_signature(encode_dss_signature(r, s))
    assert raw == r.to_bytes(32, "big") + s.to_bytes(32, "big")
    assert len(raw) == 64


def test_es256_signatures_with_short_numbers_verify() -> None:
    """Real signatures, drawn until both an r and an s with a leading zero byte were met."""
    key = KEYS["ES256"]
    public = key.public_key()
    seen: set[str] = set()
    for number in range(20_000):
        data = str(number).encode()
        signature = key.sign(data)
        assert len(signature) == 64
        short = {name for name, at in (("r", 0), ("s", 32)) if signature[at] == 0}
        if short - seen:
            verify_with_cryptography(key, signature, data)
            assert public.verify(signature, data)
            seen |= short
        if seen == {"r", "s"}:
            return
    pytest.fail("no short number in 20,000 signatures")


def test_a_signature_has_one_spelling(key: SigningKey) -> None:
    """Other lengths are refused even where the numbers, or signature || data, would come out the same."""
    data = b"data"
    signature, public = key.sign(data), key.public_key()
    half = len(signature) // 2
    assert not public.verify(signature[:half] + b"\0" + signature[half:], data)
    assert not public.verify(signature + data[:1], data[1:])
    assert not public.verify(signature[:-1], signature[-1:] + data)


def test_es256_der_signature_is_refused() -> None:
    key = KEYS["ES256"]
    raw = key.sign(b"data")
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    assert decode_dss_signature(der)
    assert not key.public_key().verify(der, b"data")


@pytest.mark.parametrize("r", [0, 1, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
@pytest.mark.parametrize("s", [0, 1, P256_ORDER, P256_ORDER + 1, 2**256 - 1])
def test_es256_numbers_out_of_range_do_not_verify(r: int, s: int) -> None:
    assert not KEYS["ES256"].public_key().verify(r.to_bytes(32, "big") + s.to_bytes(32, "big"), b"data")


def test_eddsa_point_of_small_order_signs_nothing() -> None:
    """Under the neutral element, R = neutral and S = 0 would verify for every message."""
    neutral = b"\x01" + bytes(31)
    weak = PublicKey.from_jwk({"kty": "OKP", "crv": "Ed25519", "x": b64url_encode(neutral)})
    forged = neutral + bytes(32)
    ed25519.Ed25519PublicKey.from_public_bytes(neutral).verify(forged, b"any message")
    assert not weak.verify(forged, b"any message")


def test_a_key_verifies_with_its_one_algorithm() -> None:
    for alg, key in KEYS.items():
        for other in (*(ALGORITHMS - {alg}), "none", "HS256", "Ed25519", ""):
            with pytest.raises(JwkError):
                PublicKey(other, None, key.private.public_key())


@settings(max_examples=300, deadline=None, database=None)
@given(signature=st.binary(max_size=300), data=st.binary(max_size=20))
def test_no_stray_signature_verifies_or_raises(signature: bytes, data: bytes) -> None:
    for key in KEYS.values():
        assert key.public_key().verify(signature, data) is False
