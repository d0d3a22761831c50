"""Signed JSON Web Tokens: prepared signing, strict verifying (RFC 7515, RFC 7519, RFC 8725)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256, sha512
from typing import Any, Final

import orjson

from crypto.encoding import b64url_decode, b64url_encode
from crypto.errors import CryptoError, EncodingError, JwkError, JwtError
from crypto.jwk import PublicKey, SigningKey, check_kid, key_algorithm
from crypto.strict_json import parse_json_strict

KeyFinder = Callable[[str | None, str], Sequence[PublicKey]]

MAX_JWT_BYTES: Final = 8192
# Past the year 9999 conversions to dates overflow, which would turn a token into a server error.
MAX_TIME: Final = 253_402_300_799
_HASHES: Final = {"RS256": sha256, "ES256": sha256, "EdDSA": sha512}
# Headers that name a key, change the signing input or belong to encryption: a sender of one expects an
# effect it must not have here, so the token is refused rather than read without it.
_REFUSED_HEADERS: Final = frozenset({"crit", "b64", "jwk", "jku", "x5u", "x5c", "zip", "enc"})
# orjson would write these in forms that are no JWT claim values; a mistake should be heard.
_PAYLOAD_OPTIONS: Final = orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


class JwtSigner:
    """Signs claims with one key; the encoded header is kept for each `typ` (RFC 7515, section 7.1)."""

    __slots__ = ("_prefixes", "key")

    def __init__(self, key: SigningKey) -> None:
        self.key: Final = key
        self._prefixes: dict[str | None, str] = {}

    def sign(self, claims: Mapping[str, Any], typ: str | None = None) -> str:
        """The compact JWT of `claims`; JwtError when they are not JSON. `typ` is a constant of ours."""
        prefix = self._prefixes.get(typ)
        if prefix is None:
            prefix = self._prefixes[typ] = self._encoded_header(typ)
        try:
            payload = orjson.dumps(claims if type(claims) is dict else dict(claims), None, _PAYLOAD_OPTIONS)
        except TypeError as error:
            raise JwtError("claims are not JSON") from error
        signing_input = prefix + b64url_encode(payload)
        return f"{signing_input}.{b64url_encode(self.key.sign(signing_input.encode('ascii')))}"

    def _encoded_header(self, typ: str | None) -> str:
        header = {"alg": self.key.alg, "kid": self.key.kid}
        if typ is not None:
            header["typ"] = typ
        return b64url_encode(orjson.dumps(header)) + "."


@dataclass(frozen=True, slots=True)
class VerifiedJwt:
    """Header and claims of a JWT whose signature was verified; only `verify_jwt` makes one."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class UnverifiedJws:
    """The parts of a compact JWS as they arrived; nothing in it is proven yet."""

    header: Mapping[str, Any]
    alg: str
    kid: str | None
    payload: bytes
    signature: bytes
    signing_input: bytes


def verify_jwt(
    token: str,
    keys: KeyFinder,
    *,
    algorithms: frozenset[str],
    typ: frozenset[str | None],
    max_bytes: int = MAX_JWT_BYTES,
) -> VerifiedJwt:
    """Verify a compact JWT (RFC 7519, section 7.2, with the checks of RFC 8725); any failure is JwtError.

    `keys(kid, alg)` gives the candidates, where Ed25519 is asked for as EdDSA (RFC 9864); `algorithms` and `typ` are
    closed lists (None: no typ header).
    Registered claims are not judged here: see `check_claims`. An error of `keys` that is not a
    CryptoError (a dead database) passes through, as it says nothing about the token.

    The order: 1 size, three parts, strict base64url and JSON; 2 headers; 3 algorithm; 4 typ; 5 a key
    of that very algorithm; 6 signature; 7 and only then the payload.
    """
    jws = read_compact(token, max_bytes=max_bytes)  # 1, 2
    check_header(jws, algorithms, typ)  # 3, 4
    alg = key_algorithm(jws.alg)
    try:
        candidates = [key for key in keys(jws.kid, alg) if key.alg == alg]  # 5
    except CryptoError as error:
        raise JwtError("no key for the token") from error
    if not any(key.verify(jws.signature, jws.signing_input) for key in candidates):  # 6
        raise JwtError("signature does not verify")
    return VerifiedJwt(jws.header, read_claims(jws.payload))  # 7


def unverified_claims(token: str, *, max_bytes: int = MAX_JWT_BYTES) -> Mapping[str, Any]:
    """The claims of a JWT that nobody verified, to choose whose keys verify it; JwtError when malformed."""
    return read_claims(read_compact(token, max_bytes=max_bytes).payload)


def read_compact(token: object, *, max_bytes: int, allow_jwk: bool = False) -> UnverifiedJws:
    """Take a compact JWS apart (RFC 7515, section 7.1); JwtError for any other form or a refused header.

    `allow_jwk` lets an embedded `jwk` through, for DPoP proofs alone.
    """
    if not isinstance(token, str) or len(token) > max_bytes:
        raise JwtError("not a compact JWS")
    parts = token.split(".", 3)
    if len(parts) != 3 or not parts[2]:
        raise JwtError("not a compact JWS")
    try:
        header = parse_json_strict(b64url_decode(parts[0]))
        payload, signature = b64url_decode(parts[1]), b64url_decode(parts[2])
    except EncodingError as error:
        raise JwtError("not a compact JWS") from error
    if not isinstance(header, dict):
        raise JwtError("header is not an object")
    if any(name in _REFUSED_HEADERS and not (allow_jwk and name == "jwk") for name in header):
        raise JwtError("header is refused")
    alg, kid = header.get("alg"), header.get("kid")
    if not isinstance(alg, str) or (kid is None and "kid" in header):
        raise JwtError("alg or kid is malformed")
    try:
        check_kid(kid)
    except JwkError as error:
        raise JwtError("kid is malformed") from error
    return UnverifiedJws(header, alg, kid, payload, signature, token.rpartition(".")[0].encode("ascii"))


def check_header(jws: UnverifiedJws, algorithms: frozenset[str], typ: frozenset[str | None]) -> None:
    """JwtError unless `alg` and `typ` are on the lists; typ is a media type (RFC 7515, section 4.1.9)."""
    if jws.alg not in algorithms:
        raise JwtError("algorithm is not allowed")
    given = jws.header.get("typ")
    if given is None and "typ" not in jws.header:
        allowed = None in typ
    else:
        allowed = isinstance(given, str) and _media_type(given) in {_media_type(one) for one in typ if one}
    if not allowed:
        raise JwtError("typ is not allowed")


def read_claims(payload: bytes) -> Mapping[str, Any]:
    """The JSON object of a JWT payload; JwtError for anything else."""
    try:
        claims = parse_json_strict(payload)
    except EncodingError as error:
        raise JwtError("payload is not JSON") from error
    if not isinstance(claims, dict):
        raise JwtError("payload is not an object")
    return claims


def check_claims(
    claims: Mapping[str, Any],
    *,
    now: int,
    issuer: str | None,
    audience: str | None,
    leeway: int = 0,
    require_exp: bool = True,
    sole_audience: bool = False,
    max_age: int | None = None,
    max_lifetime: int | None = None,
) -> None:
    """Check iss, aud, exp, nbf and iat (RFC 7519, section 4.1); JwtError for any that is wrong or mistyped.

    Times are whole seconds. `issuer` and `audience` of None are not compared, though a present `aud`
    must be well formed. `sole_audience` wants `aud` to be that one string, not a list. `max_age` wants
    an `iat` no older than that; `max_lifetime` refuses an `exp` further ahead than that.
    """
    expires, not_before, issued = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if issuer is not None and claims.get("iss") != issuer:
        raise JwtError("iss is not the expected issuer")
    audiences = _audiences(claims, sole_audience)
    if audience is not None and audience not in audiences:
        raise JwtError("aud does not name this audience")
    if expires is None and (require_exp or max_lifetime is not None):
        raise JwtError("exp is missing")
    if expires is not None and now >= expires + leeway:
        raise JwtError("expired")
    if expires is not None and max_lifetime is not None and expires > now + max_lifetime + leeway:
        raise JwtError("exp is too far ahead")
    if not_before is not None and now + leeway < not_before:
        raise JwtError("not valid yet")
    if issued is None and max_age is not None:
        raise JwtError("iat is missing")
    if issued is not None and issued > now + leeway:
        raise JwtError("issued in the future")
    if issued is not None and max_age is not None and now - issued > max_age + leeway:
        raise JwtError("issued too long ago")


def half_hash(alg: str, value: str) -> str:
    """The `at_hash` or `c_hash` of an ASCII value under `alg` (OpenID Connect Core, section 3.1.3.6).

    The left half of the algorithm's own hash: SHA-256, or SHA-512 for EdDSA over Ed25519.
    """
    if alg not in _HASHES or not value.isascii():
        raise JwtError("nothing to hash under this algorithm")
    digest = _HASHES[alg](value.encode("ascii")).digest()
    return b64url_encode(digest[: len(digest) // 2])


def _media_type(typ: str) -> str:
    return typ.lower().removeprefix("application/")


def _time(claims: Mapping[str, Any], name: str) -> int | None:
    if name not in claims:
        return None
    value = claims[name]
    # `type`, not isinstance: True is an int to Python and must not be second 1.
    if type(value) is not int or not 0 <= value <= MAX_TIME:
        raise JwtError(f"{name} is not a time in whole seconds")
    return value


def _audiences(claims: Mapping[str, Any], sole: bool) -> list[str]:
    value = claims.get("aud")
    if isinstance(value, str):
        return [value]
    if value is None and "aud" not in claims:
        return []
    if sole or not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise JwtError("aud is malformed")
    return value
