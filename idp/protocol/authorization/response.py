"""Answers to an authorization request: by query, fragment or form post, always with `iss` (RFC 9207)."""

from dataclasses import dataclass
from urllib.parse import urlencode

from idp.domain.app_use import Use
from idp.domain.client import ClientState
from idp.protocol.authorization.request import AuthorizationRequest
from idp.protocol.errors import ProtocolError
from idp.protocol.provider import Provider


@dataclass(frozen=True, slots=True)
class AuthorizationResponse:
    """Parameters for the app. `form_post`: a page that posts them (Form Post Response Mode), else a 303 redirect.

    `reviewed`: the app is no stranger; to others a browser goes by the person's click only (RFC 9700, 4.11.2).
    `fragment`: they stand behind `#`, where only a script of the app's own page reads them and no server gets them.
    """

    redirect_uri: str
    parameters: tuple[tuple[str, str], ...]
    form_post: bool
    fragment: bool = False
    reviewed: bool = True

    @property
    def location(self) -> str:
        """The redirect URI with the parameters added to its query, or as its fragment."""
        if self.fragment:
            return f"{self.redirect_uri}#{urlencode(self.parameters)}"
        separator = "&" if "?" in self.redirect_uri else "?"
        return f"{self.redirect_uri}{separator}{urlencode(self.parameters)}"


def success(provider: Provider, request: AuthorizationRequest, code: str) -> AuthorizationResponse:
    """`code`, `state` as it came, `iss` (RFC 6749, 4.1.2)."""
    return _response(provider, request, (("code", code),))


def refusal(provider: Provider, request: AuthorizationRequest, error: ProtocolError) -> AuthorizationResponse:
    """`error`, `error_description`, `state`, `iss` (RFC 6749, 4.1.2.1)."""
    provider.app_use.count(request.client.id, Use.REFUSED)
    parameters: tuple[tuple[str, str], ...] = (("error", error.error),)
    if error.text:
        parameters += (("error_description", error.text),)
    return _response(provider, request, parameters)


def _response(
    provider: Provider, request: AuthorizationRequest, parameters: tuple[tuple[str, str], ...]
) -> AuthorizationResponse:
    if request.state is not None:
        parameters += (("state", request.state),)
    parameters += (("iss", provider.issuer),)
    mode = request.response_mode
    reviewed = request.client.state is ClientState.ACTIVE
    return AuthorizationResponse(request.redirect_uri, parameters, mode == "form_post", mode == "fragment", reviewed)
