"""`/authorize`: an app sends a person (OIDC Core, section 3.1.2.1; RFC 6749, section 3.1)."""

from flask import Response, url_for

from idp.domain.errors import Unavailable
from idp.protocol.app_use import note_request
from idp.protocol.authorization import checks, flow
from idp.protocol.authorization.flow import Outcome
from idp.protocol.authorization.pending import begin
from idp.protocol.authorization.request import AuthorizationRequest, UnverifiedRequest
from idp.protocol.authorization.response import refusal
from idp.protocol.errors import ProtocolError
from idp.web.answer import answer, asked_by_get
from idp.web.errors import report_unexpected
from idp.web.fields import Fields
from idp.web.site import Visit


def ask(visit: Visit) -> Response:
    """Answer an authorization request, sent by a link or by a form of the app.

    Errors of `locate` (app unknown, redirect URI unproven) become a page, all later ones an answer to the app.
    """
    posted = visit.request.method == "POST"
    fields = visit.form if posted else visit.query
    if posted and visit.cookies_withheld:
        again = asked_by_get(url_for("authorize"), fields)
        if again is not None:
            return again
    visit.ui_locales = tuple(word for value in fields.values("ui_locales")[:1] for word in value.split())
    unverified = UnverifiedRequest(fields.pairs)
    located = checks.locate(visit.provider, unverified)
    return answer(visit, _outcome(visit, fields, unverified, located))


def _outcome(
    visit: Visit, fields: Fields, unverified: UnverifiedRequest, located: AuthorizationRequest
) -> Outcome:
    provider = visit.provider
    try:
        note_request(provider, located)
        fields.check()
        checked = checks.check(provider, unverified, located)
        return flow.proceed(provider, begin(provider, checked, visit.session), visit.session)
    except ProtocolError as error:
        return refusal(provider, located, error)
    except Unavailable:
        raise
    except Exception as error:
        # A status 500 cannot travel through a redirect: `server_error` is there for it (RFC 6749, 4.1.2.1).
        return refusal(provider, located, ProtocolError(f"reference {report_unexpected(error)}"))
