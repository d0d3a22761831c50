"""The door as the wallet meets it: static wallet, configuration, a page with a request in it, and the presentation."""

import json
import secrets
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from crypto.encoding import b64url_decode, lp
from crypto.errors import TokenError
from crypto.privacy_pass import Token, verify_token
from crypto.privacy_pass_challenge import TokenChallenge, server_name
from tests.crypto.token_keys import token_key
from tests.wallet.integrity import PAGE, WALLET
from tests.wallet.key_log import trust
from tests.wallet.loopback import Answer, Asked, LoopbackServer
from tests.wallet.stub_issuer import CLIENT_ID, StubIssuer

TYPES = {".mjs": "text/javascript", ".css": "text/css", ".html": "text/html; charset=utf-8"}
EMPTY = b'id="presentation">null<'


@dataclass
class StubDoor:
    """`apps` receive codes; `told` is what they heard. `changed` replaces files, as someone on the way could."""

    issuer: StubIssuer
    batch: int = 32
    demo: bool = False
    changed_config: dict[str, Any] = field(default_factory=dict)
    expires_in: int = 600
    form_post: bool = False
    app_name: str = "Sample Game"
    failing: list[int] = field(default_factory=list)
    answers_lost: int = 0
    changed: dict[str, bytes] = field(default_factory=dict)
    spent: dict[bytes, tuple[str, str]] = field(default_factory=dict)
    subjects: list[tuple[str, str]] = field(default_factory=list)
    _pending: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.server = LoopbackServer("localhost", self.answer)
        self.app = LoopbackServer("app.localhost", self._app)

    @property
    def csp(self) -> str:
        """The policy of the wallet's page and of the page with a request."""
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; "
            f"connect-src 'self' {self.issuer.server.url}; base-uri 'none'; frame-ancestors 'none'; "
            "require-trusted-types-for 'script'; trusted-types 'none'"
        )

    def config(self) -> dict[str, Any]:
        """What `wallet/config.json` says."""
        url = self.server.url
        return {
            "door": url,
            "account_issuer": self.issuer.server.url,
            "client_id": CLIENT_ID,
            "redirect_uri": f"{url}/wallet",
            "batch": self.batch,
            **(trust((), 0) if self.demo else trust()),
            **self.changed_config,
        }

    def answer(self, asked: Asked) -> Answer:
        if asked.path == "/wallet":
            return self._page(PAGE.read_bytes())
        if asked.path == "/wallet/config.json":
            return Answer(200, json.dumps(self.config()).encode(), {"Content-Type": "application/json"})
        if asked.path == "/authorize":
            return self._authorize(asked)
        if asked.path == "/present":
            return self._present(asked)
        path = WALLET / asked.path.removeprefix("/wallet/")
        if not path.is_file() or path.parent != WALLET:
            return Answer(404)
        body = self.changed.get(path.name, path.read_bytes())
        return Answer(200, body, {"Content-Type": TYPES[path.suffix], "Cache-Control": "no-cache"})

    def _page(self, body: bytes, **headers: str) -> Answer:
        policy = {"Content-Security-Policy": self.csp, "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
        return Answer(200, body, {"Content-Type": TYPES[".html"], **policy, **headers})

    def request(self, sector: str = "", shown: str = "") -> dict[str, Any]:
        """A pending request of an app; `shown` is the address it is said to have, by itself that of the sector."""
        host = sector or f"app.localhost:{self.app.port}"
        pending: dict[str, Any] = {
            "door": self.server.url,
            "request_id": secrets.token_urlsafe(16),
            "sector": host,
            "app_domain": shown or host,
            "app_name": self.app_name,
            "csrf": secrets.token_urlsafe(16),
            "request": secrets.token_urlsafe(64),
            "present": "/present",
            "expires_at": int(time.time()) + self.expires_in,
        }
        self._pending[pending["request"]] = pending
        return pending

    def _authorize(self, asked: Asked) -> Answer:
        pending = self.request(asked.query.get("sector", ""), asked.query.get("shown", ""))
        safe = json.dumps(pending).replace("<", "\\u003c")
        page = PAGE.read_bytes()
        assert page.count(EMPTY) == 1
        cookie = f"request={pending['request_id']}; Path=/; HttpOnly; SameSite=Lax"
        return self._page(page.replace(EMPTY, EMPTY.replace(b"null", safe.encode())), **{"Set-Cookie": cookie})

    def _present(self, asked: Asked) -> Answer:
        if self.failing:
            return self._json({"error": "temporarily_unavailable"}, self.failing.pop(0))
        form = asked.form
        pending = self._pending.get(form["request"])
        if pending is None or form["csrf"] != pending["csrf"]:
            return self._json({"error": "invalid_request"}, 400)
        if "Cookie" in asked.headers:
            assert asked.headers["Cookie"] == f"request={pending['request_id']}"
        if form["decision"] == "deny":
            assert set(form) == {"csrf", "request", "decision"}
            return self._to_app({"error": "access_denied"})
        assert set(form) == {"csrf", "request", "decision", "token", "pk", "sig"}
        data = b64url_decode(form["token"])
        try:
            token = Token.from_bytes(data)
            verify_token(token, self.challenge.digest, token_key().public)
            signed = lp(
                "blindage/veil/present/v1", self.server.url, pending["sector"], pending["request_id"],
                sha256(data).digest(),
            )  # fmt: skip
            VerifyKey(b64url_decode(form["pk"])).verify(signed, b64url_decode(form["sig"]))
        except (TokenError, BadSignatureError):
            return self._json({"error": "invalid_token"}, 400)
        code = secrets.token_urlsafe(16)
        spent_for, code = self.spent.setdefault(token.nonce, (pending["request_id"], code))
        if spent_for != pending["request_id"]:
            return self._json({"error": "invalid_token"}, 400)
        if self.answers_lost:
            self.answers_lost -= 1
            return Answer(200, b"", {"Content-Length": "999", "Connection": "close"})
        self.subjects.append((pending["sector"], form["pk"]))
        return self._to_app({"code": code})

    @property
    def challenge(self) -> TokenChallenge:
        """The challenge every token of this door answers."""
        issuer = server_name("127.0.0.1", self.issuer.server.port)
        return TokenChallenge(0x0002, issuer, b"", server_name("localhost", self.server.port))

    def _to_app(self, parameters: dict[str, str]) -> Answer:
        if self.form_post:
            return self._json({"form_post": {"action": f"{self.app.url}/callback", "fields": parameters}})
        query = "&".join(f"{name}={value}" for name, value in parameters.items())
        return self._json({"location": f"{self.app.url}/callback?{query}"})

    def _json(self, document: Any, status: int = 200) -> Answer:
        return Answer(status, json.dumps(document).encode(), {"Content-Type": "application/json"})

    def _app(self, asked: Asked) -> Answer:
        return Answer(200, b"<!doctype html><title>App</title><h1>App</h1>", {"Content-Type": TYPES[".html"]})
