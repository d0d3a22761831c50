"""A client that proves possession of a key as RFC 9449 has it: a fresh proof each, and one retry for a nonce."""

import hashlib
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from werkzeug.test import TestResponse

_KEYS: dict[str, Callable[[], Any]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
    "Ed25519": lambda: OKPKey.generate_key("Ed25519"),
    "RS256": lambda: RSAKey.generate_key(2048),
}
_REQUIRED = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}


class Send(Protocol):
    """How a request reaches the issuer."""

    def __call__(
        self, method: str, path: str, form: Mapping[str, str] | None = None, *, headers: Mapping[str, str]
    ) -> TestResponse: ...


class DpopClient:
    """One key pair. `nonce` is the last one that the issuer handed out, None before the first."""

    def __init__(self, send: Send, origin: str, now: Callable[[], int], alg: str = "ES256") -> None:
        self._send, self._origin, self._now = send, origin, now
        self.alg = alg
        self.key = _KEYS[alg]()
        self.nonce: str | None = None

    @property
    def jwk(self) -> dict[str, Any]:
        """The public key, required members only."""
        public = self.key.as_dict(private=False)
        return {name: public[name] for name in _REQUIRED[public["kty"]]}

    @property
    def jkt(self) -> str:
        """Its SHA-256 thumbprint (RFC 7638)."""
        text = json.dumps(self.jwk, sort_keys=True, separators=(",", ":"))
        return _b64(hashlib.sha256(text.encode()).digest())

    def claims(self, method: str, path: str, access_token: str | None = None) -> dict[str, Any]:
        """The claims of a proof that is right in everything."""
        claims: dict[str, Any] = {
            "jti": secrets.token_urlsafe(16),
            "htm": method,
            "htu": self._origin + path,
            "iat": self._now(),
        }
        if self.nonce is not None:
            claims["nonce"] = self.nonce
        if access_token is not None:
            claims["ath"] = _b64(hashlib.sha256(access_token.encode()).digest())
        return claims

    def sign(self, claims: Mapping[str, Any], **header: Any) -> str:
        """A proof of these claims; `header` replaces members of the right header, None takes one out."""
        members = {"typ": "dpop+jwt", "alg": self.alg, "jwk": self.jwk, **header}
        members = {name: value for name, value in members.items() if value is not None}
        payload = json.dumps(claims).encode()
        # By hand: a library would refuse some of the headers that tests want to see refused by the issuer.
        signing_input = f"{_b64(json.dumps(members).encode())}.{_b64(payload)}"
        signature = jws.JWSRegistry.algorithms[self.alg].sign(signing_input.encode(), self.key)
        return f"{signing_input}.{_b64(signature)}"

    def proof(self, method: str, path: str, access_token: str | None = None, **changes: Any) -> str:
        """A proof; `changes` replace claims, None takes one out."""
        claims = {**self.claims(method, path, access_token), **changes}
        return self.sign({name: value for name, value in claims.items() if value is not None})

    def send(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        access_token: str | None = None,
    ) -> TestResponse:
        """A request with a proof, and with the token where there is one; once more when a nonce is demanded."""
        given = dict(headers or {})
        if access_token is not None:
            given.setdefault("Authorization", f"DPoP {access_token}")
        answer = self._send(method, path, form, headers={**given, "DPoP": self.proof(method, path, access_token)})
        if "DPoP-Nonce" not in answer.headers:
            return answer
        self.nonce = answer.headers["DPoP-Nonce"]
        return self._send(method, path, form, headers={**given, "DPoP": self.proof(method, path, access_token)})


def _b64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
