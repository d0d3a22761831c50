"""JSON Web Keys: our signing keys, and the public keys of clients (RFC 7517, RFC 7518, RFC 8037)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import orjson
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import EncodingError, JwkError
from crypto.jws_algorithms import (
    RSA_BITS,
    RSA_EXPONENT,
    NativePublicKey,
    PrivateKey,
    signer_of,
    verifier_of,
)
from crypto.strict_json import parse_json_strict

ALGORITHMS: Final = frozenset({"RS256", "ES256", "EdDSA"})
# Everything below bounds the work a stranger's key can cost before it is refused.
MAX_DOCUMENT_BYTES: Final = 16_384
MAX_KEYS: Final = 20
MAX_KID_CHARS: Final = 64

_ALGORITHM_OF: Final = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
# RFC 9864 gives EdDSA over Ed25519 the name Ed25519; in a key both mean the same.
_KEY_ALGORITHM_NAMES: Final = {"RS256": "RS256", "ES256": "ES256", "EdDSA": "EdDSA", "Ed25519": "EdDSA"}
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_THUMBPRINT_MEMBERS: Final = {"RSA": ("e", "n"), "EC": ("crv", "x", "y"), "OKP": ("crv", "x")}
_P256: Final = SECP256R1()


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that verifies with one algorithm and no other (RFC 8725, section 3.1).

    `alg` is RS256, ES256 or EdDSA; a key of another kind, curve or size raises JwkError.
    """

    alg: str
    kid: str | None
    key: NativePublicKey
    _verifies: Callable[[bytes, bytes], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_verifies", verifier_of(self.alg, self.key))
        check_kid(self.kid)

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> "PublicKey":
        """The signature key in one public JWK; JwkError when it is private, of another use or malformed."""
        _refuse_private(jwk)
        alg = _signature_algorithm(jwk)
        if alg is None:
            raise JwkError("not a signature key of a supported kind")
        return cls(alg, _optional_text(jwk, "kid"), _native_key(alg, jwk))

    def verify(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` (JWS form: ES256 is r || s, 64 bytes) is this key's over `data`."""
        return self._verifies(signature, data)

    def to_jwk(self) -> dict[str, Any]:
        """The JWK with `use`, `alg` and, when known, `kid` (RFC 7517, section 4)."""
        jwk: dict[str, Any] = {**_key_members(self.key), "use": "sig", "alg": self.alg}
        if self.kid is not None:
            jwk["kid"] = self.kid
        return jwk

    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint, 43 characters."""
        return thumbprint(_key_members(self.key))


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key for JWS with one algorithm; `kid` is its thumbprint unless it came with another.

    A private key that does not fit `alg` raises JwkError.
    """

    alg: str
    kid: str
    private: PrivateKey = field(repr=False, compare=False)
    _signs: Callable[[bytes], bytes] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # The public half goes through the same checks of kind, curve and size as a stranger's key.
        PublicKey(self.alg, self.kid, self.private.public_key())
        object.__setattr__(self, "_signs", signer_of(self.private))

    @classmethod
    def generate(cls, alg: str) -> "SigningKey":
        """A fresh key: RSA of 2048 bits, P-256 or Ed25519; JwkError for another `alg`."""
        private: PrivateKey
        if alg == "RS256":
            private = generate_rsa_key(RSA_EXPONENT, 2048)
        elif alg == "ES256":
            private = generate_ec_key(_P256)
        elif alg == "EdDSA":
            private = Ed25519PrivateKey.generate()
        else:
            raise JwkError("algorithm is not supported")
        return cls(alg, thumbprint(_key_members(private.public_key())), private)

    @classmethod
    def from_bytes(cls, alg: str, kid: str, der: bytes) -> "SigningKey":
        """The inverse of `to_sealed_bytes`; JwkError when the bytes are no such key."""
        try:
            private = load_der_private_key(der, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise JwkError("not a PKCS #8 private key") from error
        if not isinstance(private, PrivateKey):
            raise JwkError("private key of an unsupported kind")
        return cls(alg, kid, private)

    def to_sealed_bytes(self) -> bytes:
        """PKCS #8 in DER, in the clear: the caller seals it before it is stored."""
        return self.private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())

    def sign(self, data: bytes) -> bytes:
        """A JWS signature over `data` (RFC 7518, section 3; ES256 is r || s in 64 bytes)."""
        return self._signs(data)

    def public_key(self) -> PublicKey:
        """The key that verifies what this one signs."""
        return PublicKey(self.alg, self.kid, self.private.public_key())

    def public_jwk(self) -> dict[str, Any]:
        """The public JWK with kid, use and alg, as it stands in a JWKS."""
        return self.public_key().to_jwk()


@dataclass(frozen=True, slots=True)
class ClientKeySet:
    """The signature keys of a client's JWK Set (RFC 7517, section 5)."""

    keys: tuple[PublicKey, ...]

    @classmethod
    def parse(cls, document: bytes | Mapping[str, Any]) -> "ClientKeySet":
        """Read a JWK Set; JwkError when it is too big, malformed, or holds a private or symmetric key.

        Keys of a kind, curve, use or algorithm not used here are passed over, as section 5 asks; a key
        that claims a supported kind and breaks its limits refuses the whole set, and so does a set
        without a usable key. Limits: 16,384 bytes, 20 keys, RSA 2048 to 4096 bits with e = 65537.
        """
        keys = []
        for jwk in _key_list(document):
            _refuse_private(jwk)
            if _signature_algorithm(jwk) is not None:
                keys.append(PublicKey.from_jwk(jwk))
        if not keys:
            raise JwkError("no usable signature key in the set")
        return cls(tuple(keys))

    def find(self, kid: str | None, alg: str) -> list[PublicKey]:
        """Keys for `alg`; those named `kid` when it is given, all of them when it is not."""
        return [key for key in self.keys if key.alg == alg and (kid is None or key.kid == kid)]

    def to_document(self) -> dict[str, Any]:
        """The JWK Set of just the keys that were kept, in a form `parse` accepts."""
        return {"keys": [key.to_jwk() for key in self.keys]}


def key_algorithm(name: str) -> str:
    """The algorithm of the keys that verify a JWS under `name`: EdDSA for Ed25519 (RFC 9864, section 2.2), else itself.

    Whether `name` may stand in a header at all is for the caller's closed list.
    """
    return _KEY_ALGORITHM_NAMES.get(name, name)


def thumbprint(jwk: Mapping[str, Any]) -> str:
    """SHA-256 thumbprint of a JWK, 43 characters (RFC 7638, section 3); JwkError for an unknown `kty`."""
    kty = jwk.get("kty")
    members = _THUMBPRINT_MEMBERS.get(kty) if isinstance(kty, str) else None
    if members is None:
        raise JwkError("key type has no thumbprint here")
    required = {name: _segment(jwk, name) for name in members}
    return b64url_encode(sha256(orjson.dumps({**required, "kty": kty}, option=orjson.OPT_SORT_KEYS)).digest())


def check_kid(kid: object) -> None:
    """JwkError unless `kid` is None or 1 to 64 printable ASCII characters (it ends up in look-ups)."""
    if kid is None:
        return
    if not isinstance(kid, str) or not 0 < len(kid) <= MAX_KID_CHARS:
        raise JwkError("kid is not 1 to 64 characters")
    if not (kid.isascii() and kid.isprintable()):
        raise JwkError("kid is not printable ASCII")


def _key_list(document: object) -> list[Mapping[str, Any]]:
    if isinstance(document, Mapping):
        try:
            document = orjson.dumps(dict(document))
        except TypeError as error:
            raise JwkError("key set is not JSON") from error
    if not isinstance(document, bytes) or len(document) > MAX_DOCUMENT_BYTES:
        raise JwkError("key set is too large")
    try:
        parsed = parse_json_strict(document)
    except EncodingError as error:
        raise JwkError("key set is not JSON") from error
    keys = parsed.get("keys") if isinstance(parsed, dict) else None
    if not isinstance(keys, list) or len(keys) > MAX_KEYS or not all(isinstance(key, dict) for key in keys):
        raise JwkError("key set has no list of at most 20 keys")
    return keys


def _refuse_private(jwk: Mapping[str, Any]) -> None:
    if jwk.get("kty") == "oct" or not _PRIVATE_MEMBERS.isdisjoint(jwk):
        raise JwkError("private or symmetric key")


def _signature_algorithm(jwk: Mapping[str, Any]) -> str | None:
    """The one algorithm the JWK verifies, or None when it is meant for something else."""
    kty, crv = _optional_text(jwk, "kty"), _optional_text(jwk, "crv")
    use, named = _optional_text(jwk, "use"), _optional_text(jwk, "alg")
    operations = jwk.get("key_ops", ["verify"])
    if kty is None:
        raise JwkError("kty is missing")
    if not isinstance(operations, list):
        raise JwkError("key_ops is not a list")
    alg = _ALGORITHM_OF.get((kty, None if kty == "RSA" else crv))
    if use not in (None, "sig") or "verify" not in operations:
        return None
    if named is not None and _KEY_ALGORITHM_NAMES.get(named) != alg:
        # ES256 on an RSA key is a contradiction; PS256 on one is merely not for us.
        if named in _KEY_ALGORITHM_NAMES and alg is not None:
            raise JwkError("alg does not fit the key")
        return None
    return alg


def _native_key(alg: str, jwk: Mapping[str, Any]) -> NativePublicKey:
    try:
        if alg == "ES256":
            point = b"\x04" + _octets(jwk, "x", 32) + _octets(jwk, "y", 32)
            return EllipticCurvePublicKey.from_encoded_point(_P256, point)
        if alg == "EdDSA":
            return Ed25519PublicKey.from_public_bytes(_octets(jwk, "x", 32))
        modulus = _octets(jwk, "n", RSA_BITS.start // 8, RSA_BITS[-1] // 8)
        # RFC 7518 section 2: no leading zero octet, so one key has one spelling and one thumbprint.
        if modulus[0] == 0 or modulus[-1] % 2 == 0 or _octets(jwk, "e", 3) != b"\x01\x00\x01":
            raise JwkError("RSA modulus or exponent is refused")
        return RSAPublicNumbers(RSA_EXPONENT, int.from_bytes(modulus, "big")).public_key()
    except ValueError as error:
        raise JwkError("not a public key") from error


def _optional_text(jwk: Mapping[str, Any], name: str) -> str | None:
    value = jwk.get(name)
    if isinstance(value, str) or (value is None and name not in jwk):
        return value
    raise JwkError(f"{name} is not text")


def _segment(jwk: Mapping[str, Any], name: str) -> str:
    value = _optional_text(jwk, name)
    if value is None:
        raise JwkError(f"{name} is missing")
    return value


def _octets(jwk: Mapping[str, Any], name: str, shortest: int, longest: int | None = None) -> bytes:
    text = _segment(jwk, name)
    # The length is known before anything is decoded: 4 characters carry 3 bytes.
    if len(text) > ((longest or shortest) * 4 + 2) // 3:
        raise JwkError(f"{name} is too long")
    try:
        data = b64url_decode(text)
    except EncodingError as error:
        raise JwkError(f"{name} is not base64url") from error
    if len(data) < shortest:
        raise JwkError(f"{name} is too short")
    return data


def _key_members(key: NativePublicKey) -> dict[str, str]:
    if isinstance(key, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url_encode(key.public_bytes_raw())}
    if isinstance(key, EllipticCurvePublicKey):
        point = key.public_numbers()
        coordinates = {"x": b64url_encode(point.x.to_bytes(32)), "y": b64url_encode(point.y.to_bytes(32))}
        return {"kty": "EC", "crv": "P-256", **coordinates}
    numbers = key.public_numbers()
    modulus = b64url_encode(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8))
    return {"kty": "RSA", "n": modulus, "e": "AQAB"}
