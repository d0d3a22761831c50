"""The three JWS signature algorithms RS256, ES256 and EdDSA (RFC 7518, section 3; RFC 8037, section 3.1)."""

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from nacl.bindings import crypto_sign, crypto_sign_open
from nacl.exceptions import CryptoError as NaclError

from crypto.errors import JwkError

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey | Ed25519PrivateKey
NativePublicKey = RSAPublicKey | EllipticCurvePublicKey | Ed25519PublicKey

# Below, a modulus is too weak (RFC 7518, section 3.3); above, one verification costs a stranger nothing
# and this server much. The exponent is fixed for the same reason.
RSA_BITS: Final = range(2048, 4096 + 1)
RSA_EXPONENT: Final = 65537

_ES256: Final = ECDSA(SHA256())
_PKCS1: Final = PKCS1v15()
_SHA256: Final = SHA256()


def signer_of(private: PrivateKey) -> Callable[[bytes], bytes]:
    """The function from data to JWS signature for a private key, which is not judged here."""
    if isinstance(private, EllipticCurvePrivateKey):
        return lambda data: raw_signature(private.sign(data, _ES256))
    if isinstance(private, RSAPrivateKey):
        return lambda data: private.sign(data, _PKCS1, _SHA256)
    # libsodium signs a quarter faster than OpenSSL; it wants seed || public key.
    expanded = private.private_bytes_raw() + private.public_key().public_bytes_raw()
    return lambda data: crypto_sign(data, expanded)[:64]


def verifier_of(alg: str, key: NativePublicKey) -> Callable[[bytes, bytes], bool]:
    """The function from (signature, data) to whether it holds; JwkError when the key does not fit `alg`."""
    if alg == "ES256" and isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1):
        return lambda signature, data: _verifies_es256(key, signature, data)
    if alg == "RS256" and isinstance(key, RSAPublicKey) and key.key_size in RSA_BITS:
        if key.public_numbers().e == RSA_EXPONENT:
            return lambda signature, data: _verifies_rs256(key, signature, data)
    if alg == "EdDSA" and isinstance(key, Ed25519PublicKey):
        raw = key.public_bytes_raw()
        return lambda signature, data: _verifies_eddsa(raw, signature, data)
    raise JwkError("key does not fit the algorithm")


def raw_signature(der: bytes) -> bytes:
    """A DER ECDSA signature as r || s in 64 bytes (RFC 7518, section 3.4)."""
    # DER drops leading zeros; here both numbers take exactly 32 bytes, however short they are.
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _verifies_es256(key: EllipticCurvePublicKey, signature: bytes, data: bytes) -> bool:
    if len(signature) != 64:
        return False
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), data, _ES256)
    except InvalidSignature:
        return False
    return True


def _verifies_rs256(key: RSAPublicKey, signature: bytes, data: bytes) -> bool:
    try:
        key.verify(signature, data, _PKCS1, _SHA256)
    except InvalidSignature:
        return False
    return True


def _verifies_eddsa(key: bytes, signature: bytes, data: bytes) -> bool:
    if len(signature) != 64:
        return False
    # libsodium also refuses points of small order, under which one signature fits every message.
    try:
        crypto_sign_open(signature + data, key)
    except NaclError:
        return False
    return True
