"""`/present`: the wallet's page shows a token for the request it was made for; the answer leads to the app."""

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


def presentation_table(door: Door) -> dict[str, Route]:
    """The one path of it."""
    return {PATH: Route("present", lambda request: answer_presentation(door, request), guarded=True)}


def answer_presentation(door: Door, request: Request) -> Response:
    """Answer POST /present: `{location}`, or `{form_post: {action, fields}}` for the app's Form Post Response Mode.

    1 POST, form body, each field once   2 from a page of ours, in the browser that it was made for   3 the token
    With the answer the request's cookie goes.
    """
    issuer, realm = door.provider.issuer, door.provider.realm
    form = machine_form(request)  # 1
    cookies = Cookies(secure=issuer.startswith("https://"))
    browser = read_header(request.cookie, cookies.request)
    own = from_own_page(request.origin, request.fetch_site, origin_of(issuer))
    if browser is None or not own or not FormTokens(realm.ring, browser, b"").holds(form.get(FIELD, ""), PATH):  # 2
        raise RequestExpired("the request is not of this browser")
    answer = present(door, form, browser)  # 3
    return json_response(_told(answer), 200, (*NO_STORE, cookies.request_header(None, 0)))


def origin_of(issuer: str) -> str:
    """The issuer's origin as browsers write it in an `Origin` header (RFC 6454, section 6.2)."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc.removesuffix(_DEFAULT_PORTS[parts.scheme])}"


def _told(answer: AuthorizationResponse) -> dict[str, object]:
    if answer.form_post:
        return {"form_post": {"action": answer.redirect_uri, "fields": dict(answer.parameters)}}
    return {"location": answer.location}
