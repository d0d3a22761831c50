"""An issuer over real HTTP that can be made to lie, for tests of what a relying party believes."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from crypto.encoding import b64url_encode
from crypto.jwk import SigningKey
from crypto.jwt import JwtSigner, half_hash
from crypto.pkce import verifier_matches

CLIENT_ID, CLIENT_SECRET = "demo-client", "demo secret/with+signs"
SUBJECT = "p" * 43
ACCESS_TOKEN = "opaque-access-token"


@dataclass
class FakeIssuer:
    """What it says is what a test has set; unchanged, it is an honest issuer of an adult.

    `claims` and `metadata` override single members (None takes one out); `id_token` replaces the signed token;
    `broken` maps a path to status and bytes sent instead of its answer; `asked` are the parameters of the last
    authorization request, by browser or by device; `token_requests` every form that came to `/token`; `codes` override
    members of what a device is given, `polls` are the errors its first polls meet.
    """

    url: str
    key: SigningKey
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    id_token: str | None = None
    broken: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    token_requests: list[dict[str, str]] = field(default_factory=list)
    other_keys: list[SigningKey] = field(default_factory=list)
    codes: dict[str, Any] = field(default_factory=dict)
    polls: list[str] = field(default_factory=list)

    def authorize(self, location: str) -> dict[str, str]:
        """Take the app's redirect to `/authorize`; the honest parameters for its callback."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        return {"code": "the-code", "state": self.asked["state"], "iss": self.url}

    def honest_claims(self) -> dict[str, Any]:
        """The claims of the ID token with this test's overrides."""
        now = int(time.time())
        return _overridden(
            {
                "iss": self.url,
                "sub": SUBJECT,
                "aud": CLIENT_ID,
                "iat": now,
                "exp": now + 300,
                "nonce": self.asked.get("nonce"),
                "at_hash": half_hash(self.key.alg, ACCESS_TOKEN),
                "age_band": "adult",
            },
            self.claims,
        )

    def answer(self, path: str, form: dict[str, str], authorization: str | None) -> tuple[int, dict[str, Any]]:
        """Status and JSON of one request."""
        if path == "/.well-known/openid-configuration":
            return 200, _overridden(
                {
                    "issuer": self.url,
                    "authorization_endpoint": self.url + "/authorize",
                    "token_endpoint": self.url + "/token",
                    "device_authorization_endpoint": self.url + "/device_authorization",
                    "jwks_uri": self.url + "/jwks",
                    "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "HS256", "none"],
                },
                self.metadata,
            )
        if path == "/jwks":
            return 200, {"keys": [key.public_jwk() for key in (self.key, *self.other_keys)]}
        if path == "/device_authorization":
            self.asked = form
            return 200, _overridden(
                {
                    "device_code": "the-device-code",
                    "user_code": "WDJB-MJHT",
                    "verification_uri": self.url + "/device",
                    "verification_uri_complete": self.url + "/device?user_code=WDJB-MJHT",
                    "expires_in": 600,
                    "interval": 5,
                },
                self.codes,
            )
        if path == "/token" and "device_code" in form:
            self.token_requests.append(form)
            if self.polls:
                return 400, {"error": self.polls.pop(0)}
            id_token = self.id_token or JwtSigner(self.key).sign(self.honest_claims())
            return 200, {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300, "id_token": id_token}
        if path == "/token":
            self.token_requests.append(form)
            refusal = self._refusal(form, authorization)
            if refusal is not None:
                return 400, {"error": refusal}
            id_token = self.id_token or JwtSigner(self.key).sign(self.honest_claims())
            return 200, {"access_token": ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 300, "id_token": id_token}
        return 404, {}

    def _refusal(self, form: dict[str, str], authorization: str | None) -> str | None:
        scheme, _, credentials = (authorization or "").partition(" ")
        named = [unquote(part) for part in base64.b64decode(credentials).decode().split(":", 1)]
        # Authlib does not form-encode the two (RFC 6749, 2.3.1); this secret is the same either way but for the sign +.
        if scheme != "Basic" or named != [CLIENT_ID, CLIENT_SECRET]:
            return "invalid_client"
        if not verifier_matches(form.get("code_verifier", ""), self.asked.get("code_challenge", "")):
            return "invalid_grant"
        return None if form.get("redirect_uri") == self.asked.get("redirect_uri") else "invalid_grant"


def unsigned_token(claims: dict[str, Any], header: dict[str, Any]) -> str:
    """A token that nobody signed, with any header."""
    parts = (b64url_encode(json.dumps(part).encode()) for part in (header, claims))
    return ".".join(parts) + "."


@contextmanager
def running_issuer(key: SigningKey) -> Iterator[FakeIssuer]:
    """A fake issuer on a loopback port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({}, None)

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._answer(form, self.headers["Authorization"])

        def _answer(self, form: dict[str, str], authorization: str | None) -> None:
            status, document = issuer.answer(self.path, form, authorization)
            status, body = issuer.broken.get(self.path, (status, json.dumps(document).encode()))
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = FakeIssuer(f"http://127.0.0.1:{server.server_port}", key)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()


def callback(parameters: dict[str, str]) -> str:
    """The address of the app's callback with these parameters."""
    return "/callback?" + urlencode(parameters)


def _overridden(document: dict[str, Any], overrides: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**document, **overrides}.items() if value is not None}
