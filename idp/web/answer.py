"""Answers of pages: rendered templates, 303 redirects, and what an outcome of the authorization flow becomes."""

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from flask import Response, render_template, url_for
from werkzeug.datastructures import Headers

from idp.protocol.authorization.device import DeviceAnswered
from idp.protocol.authorization.flow import ConsentNeeded, Outcome, SignInNeeded, proceed
from idp.protocol.authorization.pending import seal_pending
from idp.protocol.authorization.request import DeviceRequest
from idp.protocol.authorization.response import AuthorizationResponse
from idp.protocol.errors import UnreviewedApp
from idp.services.sign_in import SignedIn
from idp.web.fields import Fields
from idp.web.interaction import Interaction
from idp.web.security_headers import form_source
from idp.web.site import Visit

MAX_QUERY = 8 * 1024
"""Characters of a posted request that may travel on as an address; servers take 16 kB of headers."""

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

SUBMIT = "document.forms[0].submit()"
"""The one script there is, allowed by its digest: it presses the button of the form post page."""


class SeeOther(Response):
    """A 303 redirect: never 307, which would send a password on (RFC 9700, section 4.12)."""

    def __init__(self, location: str) -> None:
        super().__init__(status=303, headers={"Location": location}, content_type="text/html; charset=utf-8")

    def get_wsgi_headers(self, environ: "WSGIEnvironment") -> Headers:
        """Werkzeug would repair the address; a registered redirect URI is answered byte for byte."""
        headers = super().get_wsgi_headers(environ)
        headers["Location"] = self.headers["Location"]
        return headers


def page(template: str, status: int = 200, **context: Any) -> Response:
    """A rendered page."""
    return Response(render_template(template, **context), status, content_type="text/html; charset=utf-8")


def see_other(location: str) -> Response:
    """A 303 redirect."""
    return SeeOther(location)


def asked_by_get(path: str, fields: Fields) -> Response | None:
    """A posted request once more, by GET, which brings the cookies that were withheld from the POST.

    None where the fields cannot travel in an address.
    """
    query = urlencode(fields.pairs)
    return see_other(f"{path}?{query}") if fields.problem is None and len(query) <= MAX_QUERY else None


def answer(visit: Visit, outcome: Outcome, clicked: bool = False) -> Response:
    """Bring an outcome to the browser: back to the app, or to the page that asks or tells the person.

    Anybody may register an app where registration is open: until its review a browser goes there only by a tester's
    request or because the person `clicked` (RFC 9700, section 4.11.2; threats A12). UnreviewedApp otherwise.
    """
    if isinstance(outcome, AuthorizationResponse):
        if not (outcome.reviewed or clicked or _is_tester(visit)):
            raise UnreviewedApp(outcome.parameters[0][1])
        return _to_app(visit, outcome)
    if isinstance(outcome, DeviceAnswered):
        return see_other(url_for("device", done=outcome.answer))
    if isinstance(outcome, SignInNeeded):
        endpoint = "sign_in"
    elif isinstance(outcome, ConsentNeeded):
        endpoint = "device.confirm" if isinstance(outcome.pending.request, DeviceRequest) else "consent"
    else:
        endpoint = "notice"
    sealed = seal_pending(visit.provider, outcome.pending, visit.browser)
    return see_other(url_for(endpoint, request=sealed))


def answer_signed_in(visit: Visit, interaction: Interaction | None, signed_in: SignedIn) -> Response:
    """Go on where the person was going, with the cookie of the fresh session."""
    if interaction is None:
        response = see_other(url_for("account"))
    else:
        response = answer(visit, proceed(visit.provider, interaction.pending, signed_in.session))
    cookies = visit.site.cookies
    cookies.set_secret(response, cookies.session, signed_in.cookie_secret)
    return response


def _is_tester(visit: Visit) -> bool:
    session = visit.session
    account = visit.realm.store.read(lambda tx: tx.accounts.get(session.account_id)) if session is not None else None
    return account is not None and account.tester


def _to_app(visit: Visit, response: AuthorizationResponse) -> Response:
    if not response.form_post:
        return see_other(response.location)
    # OAuth 2.0 Form Post Response Mode, section 2.
    visit.form_targets = (form_source(response.redirect_uri),)
    visit.script = SUBMIT
    return page("form_post.html", action=response.redirect_uri, parameters=response.parameters, script=SUBMIT)
