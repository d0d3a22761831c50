"""JSON Web Keys: RFC 7515, 7517, 7518, 7638, 8037, and the bombs of threat rows A26 and A27."""

import json
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import JwkError
from crypto.jwk import (
    ALGORITHMS,
    MAX_DOCUMENT_BYTES,
    ClientKeySet,
    PublicKey,
    SigningKey,
    check_kid,
    thumbprint,
)
from tests.attacks.hostile_values import BAD_DOCUMENTS, BAD_KIDS, is_printable_kid
from tests.crypto.jose_keys import KEYS, RFC7515_EC_KEY, RFC7515_RSA_KEY, RFC7638_KEY, RFC8037_KEY, joserfc_key


@pytest.fixture(params=sorted(ALGORITHMS))
def key(request: pytest.FixtureRequest) -> SigningKey:
    return KEYS[request.param]


def test_thumbprint_is_that_of_rfc_7638() -> None:
    assert thumbprint(RFC7638_KEY) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def test_thumbprint_is_that_of_rfc_8037() -> None:
    assert thumbprint(RFC8037_KEY) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_thumbprint_agrees_with_joserfc(key: SigningKey) -> None:
    assert thumbprint(key.public_jwk()) == joserfc_key(key.public_jwk()).thumbprint() == key.kid
    assert key.public_key().thumbprint() == key.kid


def test_thumbprint_looks_at_required_members_only(key: SigningKey) -> None:
    assert thumbprint({**key.public_jwk(), "kid": "other", "use": "enc", "x5c": ["a"]}) == key.kid


@pytest.mark.parametrize(
    "jwk",
    [
        {},
        {"kty": "oct", "k": "AAAA"},
        {"kty": ["RSA"]},
        {"kty": "RSA", "n": "AQAB"},
        {"kty": "OKP", "crv": 1, "x": "AA"},
    ],
)
def test_thumbprint_of_no_public_key_is_refused(jwk: dict[str, Any]) -> None:
    with pytest.raises(JwkError):
        thumbprint(jwk)


def test_generated_keys_are_of_the_promised_kind() -> None:
    rsa_key, ec_key = KEYS["RS256"].private, KEYS["ES256"].private
    assert isinstance(rsa_key, rsa.RSAPrivateKey) and rsa_key.key_size == 2048
    assert rsa_key.public_key().public_numbers().e == 65537
    assert isinstance(ec_key, ec.EllipticCurvePrivateKey) and isinstance(ec_key.curve, ec.SECP256R1)
    assert isinstance(KEYS["EdDSA"].private, ed25519.Ed25519PrivateKey)
    assert SigningKey.generate("ES256").kid != SigningKey.generate("ES256").kid


@pytest.mark.parametrize("alg", ["none", "HS256", "es256", "ES384", "PS256", "Ed25519", ""])
def test_other_algorithms_have_no_keys(alg: str) -> None:
    with pytest.raises(JwkError):
        SigningKey.generate(alg)


def test_public_jwk_names_kid_use_and_alg_and_nothing_private(key: SigningKey) -> None:
    jwk = key.public_jwk()
    assert (jwk["kid"], jwk["use"], jwk["alg"]) == (key.kid, "sig", key.alg)
    assert set(jwk) - {"kid", "use", "alg", "kty"} in ({"n", "e"}, {"crv", "x", "y"}, {"crv", "x"})
    assert PublicKey.from_jwk(json.loads(json.dumps(jwk))) == key.public_key()


def test_sealed_form_round_trips(key: SigningKey) -> None:
    again = SigningKey.from_bytes(key.alg, key.kid, key.to_sealed_bytes())
    assert again.public_jwk() == key.public_jwk()
    assert key.public_key().verify(again.sign(b"data"), b"data")


def test_sealed_form_of_another_kind_is_refused(key: SigningKey) -> None:
    for other in ALGORITHMS - {key.alg}:
        with pytest.raises(JwkError):
            SigningKey.from_bytes(other, key.kid, key.to_sealed_bytes())


@pytest.mark.parametrize(
    "damage", [lambda der: der[:-1], lambda der: b"", lambda der: der[5:], lambda der: b"\0" + der]
)
def test_damaged_sealed_form_is_refused(key: SigningKey, damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(JwkError):
        SigningKey.from_bytes(key.alg, key.kid, damage(key.to_sealed_bytes()))


def test_private_keys_outside_the_limits_are_refused() -> None:
    weak_bits = 1024
    small = rsa.generate_private_key(65537, weak_bits)
    exponent = rsa.generate_private_key(3, 2048)
    curve = ec.generate_private_key(ec.SECP384R1())
    koblitz = ec.generate_private_key(ec.SECP256K1())
    for alg, private in (("RS256", small), ("RS256", exponent), ("ES256", curve), ("ES256", koblitz)):
        with pytest.raises(JwkError):
            SigningKey(alg, "kid", private)
        der = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        with pytest.raises(JwkError):
            SigningKey.from_bytes(alg, "kid", der)


def test_signing_key_does_not_print_its_secret(key: SigningKey) -> None:
    assert repr(key) == f"SigningKey(alg={key.alg!r}, kid={key.kid!r})"


def test_published_examples_are_read() -> None:
    assert PublicKey.from_jwk(RFC7638_KEY).kid == "2011-04-29"
    assert PublicKey.from_jwk(RFC7515_RSA_KEY).alg == "RS256"
    assert PublicKey.from_jwk(RFC7515_EC_KEY).alg == "ES256"
    assert PublicKey.from_jwk({**RFC8037_KEY, "alg": "Ed25519"}).alg == "EdDSA"


def rsa_jwk(bits: int, **members: Any) -> dict[str, Any]:
    """An RSA JWK with an odd number of `bits` for its modulus: nobody needs its primes to refuse it."""
    modulus = (1 << (bits - 1)) | 1
    return {
        "kty": "RSA",
        "n": b64url_encode(modulus.to_bytes((bits + 7) // 8, "big")),
        "e": "AQAB",
        **members,
    }


P256_X = RFC7515_EC_KEY["x"]
XY = b64url_decode(RFC7515_EC_KEY["x"]) + b64url_decode(RFC7515_EC_KEY["y"])
BAD_KEYS: dict[str, dict[str, Any]] = {
    "no kty": {"crv": "P-256", "x": P256_X, "y": P256_X},
    "kty null": {**RFC7515_EC_KEY, "kty": None},
    "kty list": {**RFC7515_EC_KEY, "kty": ["EC"]},
    "crv list": {**RFC7515_EC_KEY, "crv": ["P-256"]},
    "symmetric": {"kty": "oct", "k": "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0i"},
    "symmetric without k": {"kty": "oct"},
    "symmetric member in EC": {**RFC7515_EC_KEY, "k": "AA"},
    "private EC": {**RFC7515_EC_KEY, "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"},
    "private OKP": {**RFC8037_KEY, "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"},
    "private null": {**RFC7515_EC_KEY, "d": None},
    "private RSA by one prime": {**RFC7515_RSA_KEY, "p": "AQAB"},
    "private RSA by its CRT": {**RFC7515_RSA_KEY, "qi": "AQAB"},
    "private RSA of more primes": {**RFC7515_RSA_KEY, "oth": []},
    "point not on the curve": {**RFC7515_EC_KEY, "y": P256_X},
    "point at nought": {**RFC7515_EC_KEY, "x": "A" * 43, "y": "A" * 43},
    "coordinate past p": {**RFC7515_EC_KEY, "x": "_" * 42 + "8"},
    "x and y divided elsewhere": {**RFC7515_EC_KEY, "x": b64url_encode(XY[:33]), "y": b64url_encode(XY[33:])},
    "x short": {**RFC7515_EC_KEY, "x": P256_X[:-4]},
    "x long": {**RFC7515_EC_KEY, "x": P256_X + "A"},
    "x of 1 MB": {**RFC7515_EC_KEY, "x": "A" * 1_000_000},
    "x padded": {**RFC7515_EC_KEY, "x": P256_X + "="},
    "x in the standard alphabet": {**RFC7515_EC_KEY, "x": "+" + P256_X[1:]},
    "x with stray bits": {**RFC7515_EC_KEY, "x": P256_X[:-1] + "V"},
    "x a number": {**RFC7515_EC_KEY, "x": 5},
    "y missing": {"kty": "EC", "crv": "P-256", "x": P256_X},
    "y null": {**RFC7515_EC_KEY, "y": None},
    "Ed25519 x short": {**RFC8037_KEY, "x": "AAAA"},
    "Ed25519 x long": {**RFC8037_KEY, "x": "A" * 46},
    "RSA 512": rsa_jwk(512),
    "RSA 1024": rsa_jwk(1024),
    "RSA 2047": rsa_jwk(2047),
    "RSA 4097": rsa_jwk(4097),
    "RSA 8192": rsa_jwk(8192),
    "RSA 16384": rsa_jwk(16384),
    "RSA even": {**RFC7515_RSA_KEY, "n": b64url_encode(((1 << 2047) | 2).to_bytes(256, "big"))},
    "RSA leading zero octet": {**RFC7515_RSA_KEY, "n": b64url_encode(b"\0" + b"\xff" * 256)},
    "RSA e 1": {**RFC7515_RSA_KEY, "e": "AQ"},
    "RSA e 3": {**RFC7515_RSA_KEY, "e": "Aw"},
    "RSA e huge": {**RFC7515_RSA_KEY, "e": RFC7515_RSA_KEY["n"]},
    "RSA e longer spelling": {**RFC7515_RSA_KEY, "e": "AAEAAQ"},
    "RSA e a number": {**RFC7515_RSA_KEY, "e": 65537},
    "RSA n missing": {"kty": "RSA", "e": "AQAB"},
    "RSA n empty": {**RFC7515_RSA_KEY, "n": ""},
    "ES256 on RSA": {**RFC7515_RSA_KEY, "alg": "ES256"},
    "RS256 on EC": {**RFC7515_EC_KEY, "alg": "RS256"},
    "EdDSA on EC": {**RFC7515_EC_KEY, "alg": "EdDSA"},
    "alg list": {**RFC7515_EC_KEY, "alg": ["ES256"]},
    "alg null": {**RFC7515_EC_KEY, "alg": None},
    "use list": {**RFC7515_EC_KEY, "use": ["sig"]},
    "key_ops text": {**RFC7515_EC_KEY, "key_ops": "verify"},
    **{f"kid {name}": {**RFC7515_EC_KEY, "kid": kid} for name, kid in BAD_KIDS if not is_printable_kid(kid)},
}
OTHER_KEYS: dict[str, dict[str, Any]] = {
    "P-384": dict(ECKey.generate_key("P-384", private=False).as_dict()),
    "P-521": dict(ECKey.generate_key("P-521", private=False).as_dict()),
    "X25519": dict(OKPKey.generate_key("X25519", private=False).as_dict()),
    "Ed448": dict(OKPKey.generate_key("Ed448", private=False).as_dict()),
    "curve without name": {"kty": "EC", "x": P256_X, "y": P256_X},
    "unknown key type": {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
    "for encryption": {**RFC7515_RSA_KEY, "use": "enc", "alg": "RSA-OAEP"},
    "for key agreement": {**RFC7515_EC_KEY, "key_ops": ["deriveKey"]},
    "for PS256": {**RFC7515_RSA_KEY, "alg": "PS256"},
    "for HS256": {**RFC7515_EC_KEY, "alg": "HS256"},
}


@pytest.mark.parametrize("name", BAD_KEYS)
def test_bad_key_is_refused_alone_and_spoils_its_set(name: str) -> None:
    with pytest.raises(JwkError):
        PublicKey.from_jwk(BAD_KEYS[name])
    with pytest.raises(JwkError):
        ClientKeySet.parse({"keys": [RFC7515_EC_KEY, BAD_KEYS[name]]})


@pytest.mark.parametrize("name", OTHER_KEYS)
def test_key_for_something_else_is_passed_over_in_a_set_and_refused_alone(name: str) -> None:
    with pytest.raises(JwkError):
        PublicKey.from_jwk(OTHER_KEYS[name])
    with pytest.raises(JwkError):
        ClientKeySet.parse({"keys": [OTHER_KEYS[name]]})
    assert ClientKeySet.parse({"keys": [OTHER_KEYS[name], RFC7515_EC_KEY]}).keys == (
        PublicKey.from_jwk(RFC7515_EC_KEY),
    )


def test_key_sizes_at_the_limits_are_accepted() -> None:
    for bits in (2048, 3072, 4096):
        assert PublicKey.from_jwk(rsa_jwk(bits)).alg == "RS256"


def test_key_set_finds_by_kid_and_algorithm() -> None:
    document = {"keys": [key.public_jwk() for key in KEYS.values()] + [RFC7638_KEY]}
    keys = ClientKeySet.parse(json.dumps(document).encode())
    assert [key.kid for key in keys.find(None, "RS256")] == [KEYS["RS256"].kid, "2011-04-29"]
    assert [key.kid for key in keys.find("2011-04-29", "RS256")] == ["2011-04-29"]
    assert keys.find("2011-04-29", "ES256") == []
    assert keys.find("nobody", "RS256") == []
    assert keys.find(None, "none") == keys.find(None, "HS256") == []


def test_key_without_kid_is_not_found_under_one() -> None:
    keys = ClientKeySet.parse({"keys": [RFC7515_EC_KEY]})
    assert keys.find("some", "ES256") == []
    assert len(keys.find(None, "ES256")) == 1


def test_key_set_round_trips_and_drops_what_it_does_not_know() -> None:
    noisy = {
        **RFC7515_EC_KEY,
        "kid": "a",
        "x5c": ["MII"],
        "x5u": "https://attacker.example/",
        "iat": 5,
        "extra": {},
    }
    keys = ClientKeySet.parse({"keys": [noisy, RFC7638_KEY]})
    document = keys.to_document()
    assert document["keys"][0] == {**RFC7515_EC_KEY, "kid": "a", "use": "sig", "alg": "ES256"}
    assert ClientKeySet.parse(document) == ClientKeySet.parse(json.dumps(document).encode()) == keys


def test_at_most_twenty_keys() -> None:
    assert len(ClientKeySet.parse({"keys": [RFC7515_EC_KEY] * 20}).keys) == 20
    with pytest.raises(JwkError):
        ClientKeySet.parse({"keys": [RFC7515_EC_KEY] * 21})


def test_at_most_16_kilobytes() -> None:
    bare = json.dumps({"keys": [RFC7515_EC_KEY]}).encode()
    assert len(ClientKeySet.parse(bare + b" " * (MAX_DOCUMENT_BYTES - len(bare))).keys) == 1
    with pytest.raises(JwkError):
        ClientKeySet.parse(bare + b" " * (MAX_DOCUMENT_BYTES - len(bare) + 1))


BAD_SETS: list[Any] = [
    *(data for _, data in BAD_DOCUMENTS),
    {},
    {"keys": []},
    {"keys": None},
    {"keys": {"0": RFC7515_EC_KEY}},
    {"keys": [None]},
    {"keys": [[RFC7515_EC_KEY]]},
    {"keys": "https://attacker.example/"},
    RFC7515_EC_KEY,
    {"keys": [{**RFC7515_EC_KEY, "kid": b"bytes"}]},
    {"keys": [{1: 2}]},
    {"keys": [{**RFC7515_EC_KEY, "note": "\ud800"}]},
    b'{"keys":[],"keys":[' + json.dumps(RFC7515_EC_KEY).encode() + b"]}",
    json.dumps({"keys": [RFC7515_EC_KEY]}),
    None,
    7,
]


@pytest.mark.parametrize("number", range(len(BAD_SETS)))
def test_what_is_no_key_set_is_refused(number: int) -> None:
    with pytest.raises(JwkError):
        ClientKeySet.parse(BAD_SETS[number])


def deep() -> Any:
    value: Any = 1
    for _ in range(5000):
        value = [value]
    return value


BOMBS: dict[str, Callable[[], Any]] = {
    "RSA 16384": lambda: {"keys": [rsa_jwk(16384)]},
    "RSA e huge": lambda: {"keys": [{**RFC7515_RSA_KEY, "e": RFC7515_RSA_KEY["n"]}]},
    "1000 keys": lambda: {"keys": [RFC7515_EC_KEY] * 1000},
    "1000 keys in bytes": lambda: json.dumps({"keys": [RFC7515_EC_KEY] * 1000}).encode(),
    "500 kB segment": lambda: json.dumps({"keys": [{**RFC7515_RSA_KEY, "n": "A" * 500_000}]}).encode(),
    "nested 5000 deep": lambda: {"keys": deep()},
    "nested in bytes": lambda: b'{"keys":' + b"[" * 16_000,
    "20 small-step keys": lambda: {"keys": [{**RFC7515_EC_KEY, "y": P256_X}] * 20},
}


@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_refused_within_50_ms_and_5_mb(name: str) -> None:
    document = BOMBS[name]()
    started = time.thread_time()
    with pytest.raises(JwkError):
        ClientKeySet.parse(document)
    assert time.thread_time() - started < 0.05
    tracemalloc.start()
    try:
        with pytest.raises(JwkError):
            ClientKeySet.parse(document)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kid", [kid for _, kid in BAD_KIDS if kid is not None])
def test_kid_is_short_printable_text_or_refused(kid: Any) -> None:
    if is_printable_kid(kid):
        check_kid(kid)
    else:
        with pytest.raises(JwkError):
            check_kid(kid)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["kty", "crv", "x", "y", "n", "e", "d", "kid", "use", "alg", "key_ops", "x5c"])
TEXTS = st.sampled_from(["RSA", "EC", "OKP", "oct", "P-256", "Ed25519", P256_X, "AQAB", "sig", "enc", "ES256", ""])


@settings(max_examples=300, deadline=None, database=None)
@given(
    base=st.sampled_from([{}, RFC7515_EC_KEY, RFC8037_KEY, RFC7515_RSA_KEY]),
    changes=st.dictionaries(MEMBERS, JSON | TEXTS | st.just(["verify"]), max_size=4),
)
def test_any_jwk_gives_a_key_or_jwk_error(base: dict[str, Any], changes: dict[str, Any]) -> None:
    jwk = {**base, **changes}
    for read in (PublicKey.from_jwk, thumbprint, lambda one: ClientKeySet.parse({"keys": [one]})):
        try:
            read(jwk)
        except JwkError:
            pass


def test_oct_key_of_joserfc_is_refused() -> None:
    with pytest.raises(JwkError):
        ClientKeySet.parse({"keys": [dict(OctKey.generate_key(256).as_dict())]})
