"""`/logout`: an app asks that the person be signed out (OpenID Connect RP-Initiated Logout 1.0)."""

from flask import Response, url_for

from idp.protocol.logout import check_logout
from idp.services.sign_in import sign_out
from idp.web.answer import asked_by_get, page, see_other
from idp.web.app_card import app_card
from idp.web.fields import Fields
from idp.web.security_headers import form_source
from idp.web.site import Visit

PARAMETERS = ("id_token_hint", "client_id", "post_logout_redirect_uri", "state")
"""What the confirmation form carries on; everything else an app may send has no effect."""


def ask(visit: Visit) -> Response:
    """The app's request, by GET or POST: at once with a hint that means this person, else after a question."""
    posted = visit.request.method == "POST"
    fields = visit.form if posted else visit.query
    fields.check()
    if posted and visit.cookies_withheld:
        again = asked_by_get(url_for("sign_out"), fields)
        if again is not None:
            return again
    asked = check_logout(visit.provider, list(fields.pairs), visit.session)
    if asked.confirmed:
        return _end(visit, asked.location)
    if asked.location is not None:
        visit.form_targets = (form_source(asked.location),)
    return page(
        "sign_out.html",
        app=app_card(asked.client) if asked.client is not None else None,
        carried=[(name, value) for name, value in fields.pairs if name in PARAMETERS],
    )


def confirm(visit: Visit) -> Response:
    """The person's answer: sign out, and back to the app where it proved its address."""
    carried = Fields(tuple(pair for pair in visit.form.pairs if pair[0] in PARAMETERS))
    asked = check_logout(visit.provider, list(carried.pairs), visit.session)
    return _end(visit, asked.location)


def _end(visit: Visit, location: str | None) -> Response:
    if visit.session is not None:
        sign_out(visit.realm, visit.session)
    response = page("signed_out.html") if location is None else see_other(location)
    # A cookie that did not come is left alone: else a form on any site could sign people out (threats A29).
    if visit.session_secret is not None:
        visit.site.cookies.clear_session(response)
    return response
