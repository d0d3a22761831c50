"""An app that authenticates with a key of its own: client assertions as OIDC Core section 9 has them."""

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MAKERS: dict[str, Callable[[str], Any]] = {
    "ES256": lambda kid: ECKey.generate_key("P-256", {"kid": kid}),
    "EdDSA": lambda kid: OKPKey.generate_key("Ed25519", {"kid": kid}),
    "Ed25519": lambda kid: OKPKey.generate_key("Ed25519", {"kid": kid}),
    "RS256": lambda kid: RSAKey.generate_key(2048, {"kid": kid}),
}


class AssertionKey:
    """A key pair of an app, signing by hand: a library would refuse what tests want to see refused by the issuer."""

    def __init__(self, alg: str = "ES256", kid: str | None = None) -> None:
        self.alg = alg
        self.kid = kid or secrets.token_urlsafe(8)
        self.key = _MAKERS[alg](self.kid)

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key as it stands in the app's JWK Set."""
        return {**self.key.as_dict(private=False), "kid": self.kid, "use": "sig", "alg": self.alg}

    def sign_bytes(self, data: bytes) -> bytes:
        """The JWS signature over bytes."""
        return bytes(jws.JWSRegistry.algorithms[self.alg].sign(data, self.key))

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A JWT of these claims; `header` replaces members of the right header, None takes one out."""
        members = {name: value for name, value in {**self.header, **header}.items() if value is not None}
        signing_input = f"{_b64(json.dumps(members).encode())}.{_b64(json.dumps(claims).encode())}"
        return f"{signing_input}.{_b64(self.sign_bytes(signing_input.encode()))}"

    @property
    def header(self) -> dict[str, Any]:
        """The right header."""
        return {"alg": self.alg, "kid": self.kid}


def key_set(*keys: AssertionKey) -> dict[str, Any]:
    """The app's JWK Set."""
    return {"keys": [key.jwk for key in keys]}


def assertion_claims(client_id: str, audience: str, now: int, **changes: Any) -> dict[str, Any]:
    """Claims that are right in everything; `changes` replace some, None takes one out."""
    claims: dict[str, Any] = {
        "iss": client_id,
        "sub": client_id,
        "aud": audience,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + 60,
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def assertion_form(assertion: str, **fields: str) -> dict[str, str]:
    """A request's form with an assertion."""
    return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion, **fields}


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
