"""`/present`: the wallet's page shows a token for the request it was made for; the answer leads to the app."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from idp.protocol.authorization.response import AuthorizationResponse
from idp.protocol.door.door import Door
from idp.protocol.door.presentation import present
from idp.protocol.errors import RequestExpired
from idp.protocol.message import NO_STORE, Request, Response, json_response
from idp.protocol.token import machine_form
from idp.web.cookies import Cookies, read_header
from idp.web.csrf import FIELD, FormTokens, from_own_page
from idp.web.machine.edge import Route

PATH = "/present"
_DEFAULT_PORTS = {"https": ":443", "http": ":80"}


@dataclass(frozen=True, slots=True)
class PresentEndpoint:
    """The endpoint of one door, with what stays the same from request to request."""

    door: Door
    cookies: Cookies
    origin: str

    def answer(self, request: Request) -> Response:
        """Answer POST /present: `{location}`, or `{form_post: {action, fields}}` for the app's Form Post Response Mode.

        1 POST, form body, each field once   2 from a page of ours, in the browser that it was made for   3 the token
        With the answer the request's cookie goes.
        """
        form = machine_form(request)  # 1
        browser = read_header(request.cookie, self.cookies.request)
        if browser is None or not self._is_ours(request, browser, form.get(FIELD, "")):  # 2
            raise RequestExpired("the request is not of this browser")
        answer = present(self.door, form, browser)  # 3
        return json_response(_told(answer), 200, (*NO_STORE, self.cookies.request_header(None, 0)))

    def _is_ours(self, request: Request, browser: bytes, token: str) -> bool:
        own = from_own_page(request.origin, request.fetch_site, self.origin)
        return own and FormTokens(self.door.provider.realm.ring, browser, b"").holds(token, PATH)


def presentation_table(door: Door) -> dict[str, Route]:
    """The one path of it."""
    issuer = door.provider.issuer
    endpoint = PresentEndpoint(door, Cookies(secure=issuer.startswith("https://")), origin_of(issuer))
    return {PATH: Route("present", endpoint.answer, guarded=True)}


def origin_of(issuer: str) -> str:
    """The issuer's origin as browsers write it in an `Origin` header (RFC 6454, section 6.2)."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])}"


def _told(answer: AuthorizationResponse) -> dict[str, object]:
    if answer.form_post:
        return {"form_post": {"action": answer.redirect_uri, "fields": dict(answer.parameters)}}
    return {"location": answer.location}
