"""An app as tests play it: it knows its registration and speaks to the issuer the way its metadata says."""

from base64 import b64encode
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

from werkzeug.test import TestResponse

from idp.domain.client import Client
from tests.dpop_client import DpopClient
from tests.web.visitor import returned

if TYPE_CHECKING:
    from tests.app import App, Browser, Person

# RFC 7636, appendix B.
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@dataclass
class RelyingParty:
    """A registered app. With `dpop` it proves that key with every request to a machine endpoint."""

    app: "App"
    client: Client
    secret: str | None
    dpop: DpopClient | None = None

    @property
    def id(self) -> str:
        """Its client_id."""
        return self.client.id

    @property
    def callback(self) -> str:
        """Its first redirect URI."""
        return self.client.redirect_uris[0]

    def with_dpop(self, alg: str = "ES256") -> "RelyingParty":
        """The same app with a fresh DPoP key."""
        return replace(self, dpop=DpopClient(self.app.send, self.app.origin, self.app.clock.now, alg))

    # ----------------------------------------------------------------------------------------------- in the browser
    def parameters(self, **changes: str | None) -> dict[str, str]:
        """Parameters of an authorization request; None leaves one out."""
        parameters: dict[str, str | None] = {
            "client_id": self.id,
            "redirect_uri": self.callback,
            "response_type": "code",
            "scope": "openid age",
            "state": "st-é-1",
            "nonce": "n-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in parameters.items() if value is not None}

    def authorize_url(self, **changes: str | None) -> str:
        """The address an app sends the browser to, relative to the issuer."""
        return f"{self.app.base}/authorize?{urlencode(self.parameters(**changes))}"

    def ask(self, browser: "Browser", **changes: str | None) -> TestResponse:
        """The issuer's first answer to an authorization request."""
        return browser.get(self.authorize_url(**changes))

    def refused(self, browser: "Browser", **changes: str | None) -> str:
        """The error that an authorization request is answered with at the app, without any page."""
        answer = self.ask(browser, **changes)
        assert answer.location.startswith(self.callback), answer.location
        return returned(answer)["error"]

    def sign_in(self, person: "Person", decision: str = "allow", **changes: str | None) -> dict[str, str]:
        """The whole way through the pages; what the app is given at its redirect URI."""
        answer = self.ask(person.browser, **changes)
        return returned(person.browser.complete(answer, person.username, decision))

    def code(self, person: "Person", **changes: str | None) -> str:
        """A fresh code."""
        answer = self.sign_in(person, **changes)
        assert "code" in answer, answer
        return answer["code"]

    # ------------------------------------------------------------------------------------------------ back channel
    def post(self, path: str, form: dict[str, str], **options: Any) -> TestResponse:
        """A POST authenticated as registered (basic, post or none); `headers` are added."""
        headers, form = dict(options.pop("headers", {})), dict(form)
        method = self.client.token_endpoint_auth_method
        if method == "client_secret_basic":
            headers.setdefault("Authorization", basic(self.id, self.secret or ""))
        else:
            form.setdefault("client_id", self.id)
            if method == "client_secret_post":
                form.setdefault("client_secret", self.secret or "")
        send = self.dpop.send if self.dpop is not None else self.app.send
        return send("POST", self.app.base + path, form, headers=headers, **options)

    def exchange(self, code: str, **changes: str | None) -> TestResponse:
        """Redeem a code; None leaves a parameter out."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.callback,
            "code_verifier": VERIFIER,
            **changes,
        }
        return self.post("/token", {name: value for name, value in form.items() if value is not None})

    def tokens(self, person: "Person", **changes: str | None) -> dict[str, Any]:
        """Sign a person in and redeem the code."""
        return success(self.exchange(self.code(person, **changes)))

    def refresh(self, refresh_token: str, **changes: str) -> TestResponse:
        """Use a refresh token."""
        return self.post("/token", {"grant_type": "refresh_token", "refresh_token": refresh_token, **changes})

    def introspect(self, token: str, **options: Any) -> TestResponse:
        """Ask what a token is worth."""
        return self.post("/introspect", {"token": token}, **options)

    def revoke(self, token: str, **changes: str) -> TestResponse:
        """Give a token back."""
        return self.post("/revoke", {"token": token, **changes})

    def push(self, **changes: str | None) -> TestResponse:
        """Push an authorization request (RFC 9126)."""
        return self.post("/par", self.parameters(**changes))

    def userinfo(self, access_token: str, method: str = "GET", **headers: str) -> TestResponse:
        """Ask UserInfo, with the token in the header."""
        path = f"{self.app.base}/userinfo"
        if self.dpop is None:
            return self.app.send(method, path, headers={"Authorization": f"Bearer {access_token}", **headers})
        return self.dpop.send(method, path, headers=headers, access_token=access_token)

    def holds(self, access_token: str) -> bool:
        """Whether UserInfo still accepts an access token."""
        status = self.userinfo(access_token).status_code
        assert status in (200, 401), status
        return status == 200


def basic(client_id: str, secret: str) -> str:
    """An Authorization header after RFC 6749, section 2.3.1: both halves form-encoded."""
    return "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


def success(answer: TestResponse) -> dict[str, Any]:
    """The members of an answer that must be 200."""
    assert answer.status_code == 200, answer.text
    body = answer.json
    assert isinstance(body, dict)
    return body


def error_of(answer: TestResponse, status: int = 400) -> str:
    """The registered code of a refusal in JSON, which must be complete and must not be cached (RFC 6749, 5.2)."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text}"
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json
    assert isinstance(body, dict) and set(body) <= {"error", "error_description"}, body
    return str(body["error"])
