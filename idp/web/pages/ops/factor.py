"""`/ops/factor`: the second factor, a code of an authenticator app or a passkey."""

import json

from flask import Response, url_for

from idp.domain.errors import Refused
from idp.services import staff_passkeys
from idp.services.staff_passkeys import passkeys_of
from idp.services.staff_sign_in import OnDuty, prove_by_totp
from idp.web.answer import page, see_other
from idp.web.pages.ops.entering import begin_again, entered, failed, within_limits
from idp.web.site import Visit


def show(visit: Visit, duty: OnDuty) -> Response:
    """The form; who has no factor yet sets one up first."""
    if duty.member.may_enrol(visit.provider.now()):
        return see_other(url_for("ops.enrol"))
    return _form(visit, duty, "wrong_passkey" if visit.query.get("done") == "passkey_refused" else None)


def submit(visit: Visit, duty: OnDuty) -> Response:
    """Check a code; on success a whole session with a new id."""
    within_limits(visit)
    code = visit.form.get("code")
    if code is None:
        return _form(visit, duty, "missing_code", status=400)
    try:
        return entered(visit, prove_by_totp(visit.realm, duty.session, code))
    except Refused as refused:
        failed(visit, refused)
        if refused.reason == "signed_out":
            return begin_again(visit, "begin_again")
        return _form(visit, duty, refused.reason, status=400)


def begin_passkey(visit: Visit, duty: OnDuty) -> Response:
    """A challenge for the member's passkeys, for the page's script."""
    ceremony = staff_passkeys.begin_proving(visit.realm, visit.provider.cookies, visit.browser, duty)
    body = json.dumps({"options": ceremony.options, "ceremony": ceremony.sealed})
    return Response(body, content_type="application/json")


def by_passkey(visit: Visit, duty: OnDuty) -> Response:
    """Check what a passkey signed; on success a whole session with a new id."""
    within_limits(visit)
    try:
        opened = staff_passkeys.prove_by_passkey(
            visit.realm, visit.provider.cookies, visit.browser, duty,
            visit.form.get("ceremony") or "", visit.form.get("credential") or "",
        )  # fmt: skip
    except Refused as refused:
        failed(visit, refused)
        if refused.reason == "signed_out":
            return begin_again(visit, "begin_again")
        return see_other(url_for("ops.factor", done="passkey_refused"))
    return entered(visit, opened)


def _form(visit: Visit, duty: OnDuty, problem: str | None = None, status: int = 200) -> Response:
    offered = visit.site.offers_passkeys and bool(passkeys_of(visit.realm, duty))
    visit.modules = offered
    return page(
        "ops/factor.html",
        status,
        codes=duty.member.totp_secret is not None,
        passkeys=offered,
        problem=problem,
        here=url_for("ops.factor"),
    )
