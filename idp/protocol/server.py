"""Authlib's AuthorizationServer as grant registry, dispatcher and error model; nothing else of it is used.

Its own token generator, client authentication and storage hooks stay untouched: every grant's body is ours.
"""

from typing import Any

from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Payload

from idp.domain.client import Client
from idp.domain.value import value
from idp.protocol.dpop import proven_key
from idp.protocol.errors import InvalidDpopProof, InvalidTarget
from idp.protocol.message import NO_STORE, Request, Response, json_response
from idp.protocol.provider import Provider


class FormPayload(OAuth2Payload):  # type: ignore[misc]  # Authlib carries no types
    """A checked form, in the shape Authlib's grants look at."""

    def __init__(self, form: dict[str, str]) -> None:
        self._form = form

    @property
    def data(self) -> dict[str, str]:
        """Parameters by name."""
        return self._form


@value
class TokenRequest:
    """A token request after form parsing and client authentication."""

    message: Request
    form: dict[str, str]
    client: Client

    @property
    def method(self) -> str:
        """The HTTP method, as Authlib asks for it."""
        return self.message.method

    @property
    def payload(self) -> FormPayload:
        """The form, as Authlib asks for it."""
        return FormPayload(self.form)


class TokenServer(AuthorizationServer):  # type: ignore[misc]  # Authlib carries no types
    """Dispatches a token request to the grant registered for its `grant_type`."""

    def __init__(self, provider: Provider) -> None:
        super().__init__()
        self.provider = provider

    def create_oauth2_request(self, request: TokenRequest) -> TokenRequest:
        """Requests arrive parsed and authenticated."""
        return request

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        """Authlib's answer triple as a Response; `no-store` on every one (RFC 6749, 5.1)."""
        return json_response(body, status, (*NO_STORE, *_extra(headers)))

    def send_signal(self, name: str, *args: object, **kwargs: object) -> None:
        """No signals: audit and metrics have their own places."""

    @property
    def grant_types(self) -> tuple[str, ...]:
        """Grant types that are registered, for the metadata."""
        return tuple(grant.GRANT_TYPE for grant, _ in self._token_grants)


def bound_key(provider: Provider, request: TokenRequest) -> str | None:
    """The DPoP key this token request proves; required where the client registered it (RFC 9449, section 5.2)."""
    jkt = proven_key(provider, request.message)
    if jkt is None and request.client.dpop_bound_access_tokens:
        raise InvalidDpopProof("this client must prove possession of a DPoP key")
    return jkt


def target(client: Client, granted: tuple[str, ...], form: dict[str, str]) -> str | None:
    """The resource this access token is for (RFC 8707, section 2.2): the granted one, or one the client may name.

    InvalidTarget for any other; None: the token is for this provider's own endpoints.
    """
    asked = form.get("resource")
    if asked is None:
        return granted[0] if granted else None
    if asked not in (granted or client.resources):
        raise InvalidTarget("this app may not ask for this resource")
    return asked


def _extra(headers: list[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Authlib sets content type and cache headers itself; only the others are news."""
    ours = {"content-type", "cache-control", "pragma"}
    return tuple((name, value) for name, value in headers if name.lower() not in ours)
