"""A device without a keyboard, as tests play it: it asks for codes, polls, and a person answers in a browser."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import orjson
from werkzeug.test import TestResponse

from idp.domain.client import Client
from idp.domain.device_grant import GRANT_TYPE
from idp.protocol.device_authorization import answer_device_authorization
from idp.protocol.message import FORM, Request
from idp.protocol.provider import Provider
from tests.relying_party import RelyingParty, success

if TYPE_CHECKING:
    from tests.app import App, Browser, Person

DEVICE_CLIENT: dict[str, Any] = {
    "name": "Garden TV",
    "redirect_uris": (),
    "grant_types": frozenset({GRANT_TYPE, "refresh_token"}),
    "token_endpoint_auth_method": "none",
}
"""Metadata of an app on devices that cannot keep a secret, as the operator registers it."""

CONFIDENTIAL: dict[str, Any] = {"token_endpoint_auth_method": "client_secret_basic"}


@dataclass(frozen=True)
class Device:
    """One device with its app; `codes` is what the issuer answered when it asked."""

    party: RelyingParty
    codes: dict[str, Any]

    @property
    def user_code(self) -> str:
        """The code it shows."""
        return str(self.codes["user_code"])

    def poll(self, **changes: str | None) -> TestResponse:
        """Ask for tokens; None leaves a parameter out."""
        form: dict[str, str | None] = {
            "grant_type": GRANT_TYPE, "device_code": self.codes["device_code"], **changes
        }  # fmt: skip
        return self.party.post("/token", {name: value for name, value in form.items() if value is not None})

    def tokens(self) -> dict[str, Any]:
        """A poll that must succeed."""
        return success(self.poll())

    def open(self, browser: "Browser", path: str = "") -> TestResponse:
        """Scan the QR code: `verification_uri_complete` in a browser, not followed."""
        parts = urlsplit(self.codes["verification_uri_complete"])
        return browser.get(path or f"{parts.path}?{parts.query}")

    def answered_by(self, person: "Person", decision: str = "allow") -> TestResponse:
        """A person scans the code, signs in if need be, and answers; the page where that ends."""
        return person.browser.complete(self.open(person.browser), person.username, decision)


def register_device_app(app: "App", **changes: Any) -> RelyingParty:
    """An app for devices; public unless said otherwise."""
    return app.register_client(**{**DEVICE_CLIENT, **changes})


def ask(party: RelyingParty, **changes: str | None) -> TestResponse:
    """POST /device_authorization, authenticated as registered; None leaves a parameter out."""
    form = {"scope": "openid age", **changes}
    return party.post("/device_authorization", {name: value for name, value in form.items() if value is not None})


def new_device(party: RelyingParty, **changes: str | None) -> Device:
    """A device that has its codes and has not polled yet."""
    return Device(party, success(ask(party, **changes)))


def waiting_code(provider: Provider, client: Client, peer: str = "", **changes: str) -> str:
    """The user code of a device that waits, where only the pages of an issuer are there; `client` is public."""
    body = urlencode({"client_id": client.id, "scope": "openid age", **changes}).encode()
    request = Request("POST", "/device_authorization", body=body, content_type=FORM, peer=peer)
    return str(orjson.loads(answer_device_authorization(provider, request).body)["user_code"])
