"""Keys, published vectors and round trips that the blind RSA and Privacy Pass tests share."""

import json
import os
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from crypto.blind_rsa_keys import Backend, BlindRsaKey, choose_backend
from crypto.errors import BlindRsaError
from crypto.privacy_pass import Token
from crypto.privacy_pass_challenge import TokenChallenge
from crypto.privacy_pass_client import create_token_request, finalize_token
from crypto.privacy_pass_issuer import issue
from tests.need import ROOT, need

FIXTURES = ROOT / "tests" / "vectors"
BACKENDS = ("libcrypto", "gmpy2")
CHALLENGE = TokenChallenge(0x0002, "issuer.example", b"", "door.example")


def published(name: str) -> list[dict[str, Any]]:
    """The vectors of one published file, or of one that was made with other people's software and lies here."""
    own = FIXTURES / name
    vectors = json.loads((own if own.exists() else need("vectors") / name).read_bytes())
    assert vectors, name
    return vectors if isinstance(vectors, list) else [vectors]


def backend(name: str) -> Backend:
    """The named backend; without a libcrypto the test is skipped, or fails under REQUIRE_ALL=1."""
    try:
        return choose_backend(name)
    except BlindRsaError as error:
        if os.environ.get("REQUIRE_ALL") == "1":
            raise
        pytest.skip(str(error))


@cache
def _pkcs8() -> bytes:
    return BlindRsaKey.generate(backend=choose_backend("gmpy2")).to_pkcs8()


@cache
def token_key(backend_name: str = "gmpy2") -> BlindRsaKey:
    """One fresh key for the whole run, opened with the named backend."""
    return BlindRsaKey.from_pkcs8(_pkcs8(), backend(backend_name))


@cache
def other_key() -> BlindRsaKey:
    """A key that is not `token_key`."""
    return BlindRsaKey.generate(frozenset({token_key().public.truncated_token_key_id}))


@cache
def spendable_token() -> Token:
    """A good token for CHALLENGE, signed by `token_key`."""
    key = token_key()
    request, pending = create_token_request(CHALLENGE, key.public)
    return finalize_token(pending, issue(request, {key.public.truncated_token_key_id: key}))


def pkcs8_of_pem(pem: bytes) -> bytes:
    """The published private keys are PEM in hexadecimal."""
    key = load_pem_private_key(pem, None)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
