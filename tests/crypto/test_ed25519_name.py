"""EdDSA's fully-specified name, Ed25519 (RFC 9864): the same keys and signatures, where a list says that name."""

from typing import Any

import pytest

from crypto.dpop import verify_proof
from crypto.errors import CryptoError, DpopError, JwtError
from crypto.jwk import ALGORITHMS, ClientKeySet, SigningKey, key_algorithm
from crypto.jwt import verify_jwt
from tests.attacks.hostile_jwts import hostile_jwts, signed_hostile_jwts
from tests.crypto.jose_keys import KEYS
from tests.crypto.jwt_samples import token_of

NAME = "Ed25519"
CLAIMS = {"iss": "app", "n": 1}
BOTH = ALGORITHMS | {NAME}


def _header(key: SigningKey, **members: Any) -> dict[str, Any]:
    return {"alg": NAME, "kid": key.kid, **members}


def _verified(token: str, document: dict[str, Any], allowed: frozenset[str]) -> Any:
    return verify_jwt(token, ClientKeySet.parse(document).find, algorithms=allowed, typ=frozenset({None})).claims


@pytest.mark.parametrize("named", ["EdDSA", NAME, None])
def test_a_key_verifies_both_names_whichever_it_bears(named: str | None) -> None:
    key = KEYS["EdDSA"]
    jwk = {name: value for name, value in {**key.public_jwk(), "alg": named}.items() if value is not None}
    for alg in ("EdDSA", NAME):
        assert _verified(token_of(key, {**_header(key), "alg": alg}, CLAIMS), {"keys": [jwk]}, BOTH) == CLAIMS


def test_a_list_of_names_is_taken_by_the_letter() -> None:
    key = KEYS["EdDSA"]
    document = {"keys": [key.public_jwk()]}
    with pytest.raises(JwtError):
        _verified(token_of(key, _header(key), CLAIMS), document, ALGORITHMS)
    with pytest.raises(JwtError):
        _verified(token_of(key, {**_header(key), "alg": "EdDSA"}, CLAIMS), document, frozenset({NAME}))


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_no_other_key_verifies_under_the_name(alg: str) -> None:
    key = KEYS[alg]
    with pytest.raises(JwtError):
        _verified(token_of(key, _header(key), CLAIMS), {"keys": [key.public_jwk()]}, BOTH)


def test_other_names_stay_what_they_are() -> None:
    assert [key_algorithm(name) for name in ("RS256", "ES256", "EdDSA", NAME)] == ["RS256", "ES256", "EdDSA", "EdDSA"]
    for name in ("Ed448", "ed25519", "none", "HS256", "", "ESP256"):
        assert key_algorithm(name) == name


def test_no_hostile_jwt_is_accepted_under_the_name() -> None:
    """Threats A25: the whole corpus, made from a token of this name."""
    key = KEYS["EdDSA"]
    document = {"keys": [key.public_jwk()]}
    valid = token_of(key, _header(key), CLAIMS)
    cases = hostile_jwts(valid, key.public_jwk()) + signed_hostile_jwts(key.sign, _header(key), CLAIMS)
    # A kid that a key does not have finds none; those the corpus gives to the right key are refused as well.
    assert len(cases) >= 300
    for name, token in cases:
        with pytest.raises(CryptoError):
            _verified(token, document, BOTH)
            pytest.fail(name)
    assert _verified(valid, document, BOTH) == CLAIMS


def test_a_proof_of_possession_may_bear_the_name() -> None:
    key, url = KEYS["EdDSA"], "https://id.example/token"
    public = {name: key.public_jwk()[name] for name in ("kty", "crv", "x")}
    claims = {"jti": "one", "htm": "POST", "htu": url, "iat": 1_767_225_600}
    proof = token_of(key, {"typ": "dpop+jwt", "alg": NAME, "jwk": public}, claims)

    def verified(allowed: frozenset[str]) -> str:
        return verify_proof(
            proof, method="POST", url=url, now=1_767_225_600, access_token=None, algorithms=allowed
        ).jkt

    assert verified(BOTH) == key.public_key().thumbprint()
    with pytest.raises(DpopError):
        verified(ALGORITHMS)
