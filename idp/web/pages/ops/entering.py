"""What the steps of a staff sign-in share: limits by address, and the cookie of the next session."""

from flask import Response, url_for

from idp.domain.errors import Refused
from idp.services.sign_in import WINDOW_SECONDS
from idp.services.staff_sign_in import StaffSignedIn
from idp.web.answer import see_other
from idp.web.errors import PageError
from idp.web.rate_limit import STAFF_SIGN_INS
from idp.web.site import Visit

_LIMIT = "staff-sign-in"


def within_limits(visit: Visit) -> None:
    """PageError 429 when too much was refused to this network."""
    verdict = visit.site.limits.check(STAFF_SIGN_INS, _LIMIT, visit.peer)
    if not verdict.allowed:
        raise PageError("staff_limit", 429, verdict.retry_after)


def failed(visit: Visit, refused: Refused) -> None:
    """Count a refusal; of too many tries it is told at once, with the time to wait."""
    visit.site.limits.failed(STAFF_SIGN_INS, _LIMIT, visit.peer)
    if refused.reason == "too_many_tries":
        raise PageError("staff_limit", 429, WINDOW_SECONDS - visit.provider.now() % WINDOW_SECONDS)


def entered(visit: Visit, opened: StaffSignedIn) -> Response:
    """On with the session that was opened: to the second factor, or in."""
    response = see_other(url_for("ops.factor" if opened.session.factor is None else "ops"))
    visit.site.cookies.set_staff(response, opened.cookie_secret)
    return response


def begin_again(visit: Visit, done: str) -> Response:
    """Back to the password, without a session."""
    response = see_other(url_for("ops.sign_in", done=done))
    visit.site.cookies.clear_staff(response)
    return response
