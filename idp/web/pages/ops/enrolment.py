"""`/ops/enrol`: the second factor is set up at the first sign-in, and after a reset."""

import segno
from flask import Response, url_for
from markupsafe import Markup

from idp.domain.errors import Refused
from idp.services.staff_sign_in import OnDuty, begin_enrolment, enrol
from idp.web.answer import page, see_other
from idp.web.pages.ops.entering import begin_again, entered, failed, within_limits
from idp.web.site import Visit


def show(visit: Visit, duty: OnDuty) -> Response:
    """A fresh secret, as a QR code and as text; this page shows it and no other does."""
    try:
        begun = begin_enrolment(visit.realm, visit.provider.cookies, visit.browser, duty)
    except Refused:
        return see_other(url_for("ops.factor"))
    # Error correction M: the address is long, and a screen is not a crumpled sheet.
    drawn = segno.make(begun.uri, error="m", micro=False).svg_inline(omitsize=True, dark="#000", light="#fff", border=4)
    return page("ops/enrol.html", secret=begun.text, picture=Markup(drawn), begun=begun.sealed)  # noqa: S704


def submit(visit: Visit, duty: OnDuty) -> Response:
    """Keep the secret for a right code of it, and in with a whole session."""
    within_limits(visit)
    code, begun = visit.form.get("code"), visit.form.get("begun")
    if code is None or begun is None:
        return _again(begun, "missing_code")
    try:
        return entered(visit, enrol(visit.realm, visit.provider.cookies, visit.browser, duty, begun, code))
    except Refused as refused:
        failed(visit, refused)
        if refused.reason == "wrong_code":
            return _again(begun, refused.reason)
        return begin_again(visit, "begin_again")


def _again(begun: str | None, problem: str) -> Response:
    """The form once more, without the secret: it was shown."""
    return page("ops/enrol.html", 400, secret=None, begun=begun or "", problem=problem)
