"""DPoP proofs and the nonces a server may demand in them (RFC 9449)."""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from crypto.encoding import b64url_encode, lp
from crypto.errors import DpopError, JwkError, JwtError
from crypto.jwk import PublicKey, key_algorithm
from crypto.jwt import check_claims, check_header, read_claims, read_compact

# A proof with an RSA-4096 key needs about 2,300 bytes.
MAX_PROOF_BYTES: Final = 4096
# Both are stored or compared by the caller; the longest seen in use are UUIDs and 43-character digests.
MAX_TEXT_CHARS: Final = 256
PROOF_TYP: Final[frozenset[str | None]] = frozenset({"dpop+jwt"})

# RFC 3986, for http and https alone: no user information, ASCII host, path of pchars.
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[a-z0-9._~!$&'()*+,;=-]+)(?::(?P<port>[0-9]{0,5}))?"
    r"(?P<path>(?:/(?:[a-z0-9._~!$&'()*+,;=:@-]|%[0-9a-f]{2})*+)*+)(?:[?#].*)?",
    re.IGNORECASE | re.ASCII,
)
_ESCAPE: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class DpopProof:
    """What a verified proof says: `jkt` (thumbprint, 43 characters), `jti`, `iat` in seconds, `nonce`."""

    jkt: str
    jti: str
    iat: int
    nonce: str | None


def verify_proof(
    proof: str,
    *,
    method: str,
    url: str,
    now: int,
    access_token: str | None,
    algorithms: frozenset[str],
    window: int = 60,
) -> DpopProof:
    """Check one DPoP proof (RFC 9449, section 4.3); DpopError when any check fails.

    `url` is the address the request reached; `access_token` is given at resources, None elsewhere;
    `window` is seconds either side of `now`. Numbers below are those of section 4.3. Left to the caller:
    1 one header field only, 10 whether the nonce is one of ours, 12b the token's own `cnf.jkt`, and
    single use of (jkt, jti) until `iat + window`.
    """
    try:
        jws = read_compact(proof, max_bytes=MAX_PROOF_BYTES, allow_jwk=True)  # 2
        check_header(jws, algorithms, PROOF_TYP)  # 4, 5
        key = _embedded_key(jws.header.get("jwk"))  # 7
        if key.alg != key_algorithm(jws.alg) or not key.verify(jws.signature, jws.signing_input):  # 6
            raise DpopError("signature does not verify")
        claims = read_claims(jws.payload)
        _check_times(claims, now, window)  # 11
    except (JwtError, JwkError) as error:
        raise DpopError(str(error)) from error
    jti, target = _text(claims.get("jti")), claims.get("htu")  # 3
    if claims.get("htm") != method:  # 8
        raise DpopError("htm is another method")
    if not isinstance(target, str) or (target != url and normal_url(target) != normal_url(url)):  # 9
        raise DpopError("htu is another address")
    if access_token is not None:
        _check_access_token_hash(claims.get("ath"), access_token)  # 12a
    nonce = _text(claims["nonce"]) if "nonce" in claims else None
    return DpopProof(key.thumbprint(), jti, claims["iat"], nonce)


class ServerNonces:
    """Nonces for DPoP that every worker with the key agrees on, without storage (RFC 9449, section 8).

    One nonce per `period` seconds, HMAC-SHA-256 of the period's number, so that it can be neither
    guessed nor used for longer than two periods.
    """

    __slots__ = ("_key", "_period")

    def __init__(self, key: bytes, period: int = 60) -> None:
        if len(key) != 32 or period <= 0:
            raise DpopError("nonces need a 32-byte key and a period of at least one second")
        self._key = key
        self._period = period

    def current(self, now: int) -> str:
        """The nonce to hand out at `now`, 22 characters."""
        return self._nonce(now // self._period)

    def accepts(self, nonce: str, now: int) -> bool:
        """Whether `nonce` is that of this period or the one before."""
        given = nonce.encode("utf-8", "replace")
        number = now // self._period
        # Both are always compared: the time taken says nothing about which one was close.
        matches = [hmac.compare_digest(self._nonce(n).encode("ascii"), given) for n in (number, number - 1)]
        return any(matches)

    def _nonce(self, number: int) -> str:
        message = lp("blindage/dpop-nonce/v1", str(self._period), str(number))
        return b64url_encode(hmac.digest(self._key, message, "sha256")[:16])


def normal_url(url: str) -> str:
    """An http or https address, normalised, without query and fragment (RFC 3986, 6.2); else DpopError."""
    match = _URL.fullmatch(url)
    if match is None:
        raise DpopError("not an http address")
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = int(match["port"]) if match["port"] else _DEFAULT_PORTS[scheme]
    authority = host if port == _DEFAULT_PORTS[scheme] else f"{host}:{port}"
    return f"{scheme}://{authority}{_without_dots(_ESCAPE.sub(_normal_escape, match['path']))}"


def _normal_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def _without_dots(path: str) -> str:
    """Remove dot segments (RFC 3986, section 5.2.4) from an absolute or empty path."""
    segments: list[str] = []
    parts = path.split("/")[1:]
    for part in parts:
        if part == "..":
            del segments[-1:]
        elif part != ".":
            segments.append(part)
    if parts and parts[-1] in (".", ".."):
        segments.append("")
    return "/" + "/".join(segments)


def _embedded_key(jwk: Any) -> PublicKey:
    if not isinstance(jwk, dict):
        raise DpopError("jwk is missing")
    return PublicKey.from_jwk(jwk)


def _check_times(claims: Mapping[str, Any], now: int, window: int) -> None:
    # An age of nought with the window as leeway on both sides; exp and nbf bind too when they are there.
    check_claims(claims, now=now, issuer=None, audience=None, leeway=window, require_exp=False, max_age=0)


def _text(value: Any) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= MAX_TEXT_CHARS:
        raise DpopError("jti or nonce is missing or malformed")
    # Printable ASCII: a NUL or a lone surrogate would fail later, in a database.
    if not (value.isascii() and value.isprintable()):
        raise DpopError("jti or nonce is missing or malformed")
    return value


def _check_access_token_hash(ath: Any, access_token: str) -> None:
    if not isinstance(ath, str) or not (ath.isascii() and access_token.isascii()):
        raise DpopError("ath is missing or malformed")
    expected = b64url_encode(sha256(access_token.encode("ascii")).digest())
    if not hmac.compare_digest(ath, expected):
        raise DpopError("ath is of another access token")
