"""`/ops/records`: an officer looks at one account's record, with a stated reason."""

from datetime import date

from flask import Response, url_for

from idp.domain.errors import Refused
from idp.domain.staff import LookReason
from idp.services.staff_looks import look_at_record
from idp.services.staff_sign_in import OnDuty
from idp.web.answer import page
from idp.web.moment import day, public_day
from idp.web.site import Visit


def show(visit: Visit, duty: OnDuty) -> Response:
    """The form."""
    return _form(visit)


def look(visit: Visit, duty: OnDuty) -> Response:
    """The record, once the look is in the trail. Shown to this request alone: nothing links to it."""
    username, reason, case = (visit.form.get(name) for name in ("username", "reason", "case"))
    if username is None or case is None or reason not in [one.value for one in LookReason]:
        return _form(visit, "missing_all", 400)
    try:
        record = look_at_record(visit.realm, duty, username, LookReason(reason), case)
    except Refused as refused:
        return _form(visit, refused.reason, 429 if refused.reason == "too_many_looks" else 400)
    if record is None:
        return _form(visit, "no_record", 404)
    return page(
        "ops/record.html",
        record=record,
        created=day(visit, record.created_at),
        changes=_in_words(record.age["changes_on"] if record.age else None),
        reason=reason,
        case=case.strip(),
        here=url_for("ops.records"),
    )


def _in_words(on: str | None) -> str | None:
    return public_day(date.fromisoformat(on)) if on else None


def _form(visit: Visit, problem: str | None = None, status: int = 200) -> Response:
    reasons = [one.value for one in LookReason]
    return page("ops/records.html", status, reasons=reasons, problem=problem, here=url_for("ops.records"))
