"""`/ops/sign-in`: the password of a member of staff; and signing out."""

from flask import Response, url_for

from idp.domain.errors import Refused
from idp.domain.session import session_id
from idp.services.staff_sign_in import open_half_session, staff_sign_out
from idp.web.answer import page, see_other
from idp.web.pages.ops.entering import begin_again, entered, failed, within_limits
from idp.web.site import Visit


def show(visit: Visit) -> Response:
    """The form; whoever is signed in goes on."""
    if visit.duty is not None:
        return see_other(url_for("ops.factor" if visit.duty.session.factor is None else "ops"))
    return _form(done=visit.query.get("done"))


def submit(visit: Visit) -> Response:
    """Check the password, and on to the second factor with a half session."""
    within_limits(visit)
    username, password = visit.form.get("username"), visit.form.get("password")
    if username is None or password is None:
        return _form(problem="missing", status=400)
    replaces = None if visit.staff_secret is None else session_id(visit.staff_secret)
    try:
        opened = open_half_session(visit.realm, username, password, replaces)
    except Refused as refused:
        failed(visit, refused)
        return _form(problem=refused.reason, status=400)
    return entered(visit, opened)


def sign_out(visit: Visit) -> Response:
    """End this browser's staff session, whole or half."""
    if visit.duty is not None:
        staff_sign_out(visit.realm, visit.duty.session)
    return begin_again(visit, "signed_out")


def _form(problem: str | None = None, done: str | None = None, status: int = 200) -> Response:
    # The name is not shown again: an answer must not differ by what was typed (threats B03).
    return page("ops/sign_in.html", status, problem=problem, done=done, here=url_for("ops.sign_in"))
