"""Claims, and JWTs of any content with a true signature, for the tests of JWT."""

import json
from typing import Any

from crypto.encoding import b64url_encode
from crypto.jwk import ALGORITHMS, ClientKeySet, SigningKey
from crypto.jwt import MAX_JWT_BYTES, VerifiedJwt, verify_jwt

NOW = 1_800_000_000
CLAIMS = {
    "iss": "https://id.example",
    "sub": "A" * 43,
    "aud": "client",
    "exp": NOW + 300,
    "iat": NOW,
    "nonce": "n-0S6_WzA2Mj",
}
UNCAPPED = 10_000_000


def verify(token: str, *keys: SigningKey, typ: str | None = "JWT", max_bytes: int = MAX_JWT_BYTES) -> VerifiedJwt:
    """As a careless caller would: every algorithm allowed, so that the key itself must refuse."""
    known = ClientKeySet(tuple(one.public_key() for one in keys))
    return verify_jwt(token, known.find, algorithms=ALGORITHMS, typ=frozenset({typ}), max_bytes=max_bytes)


def token_of(key: SigningKey, header: Any, payload: Any) -> str:
    """A truly signed token with any header and payload (text as it stands, else as JSON)."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signing_input = ".".join(b64url_encode(part) for part in parts)
    return f"{signing_input}.{b64url_encode(key.sign(signing_input.encode()))}"
