"""`/ops/passkeys`: a member's own passkeys."""

import json

from flask import Response, url_for

from idp.domain.errors import Refused
from idp.protocol.errors import InvalidRequest
from idp.services import staff_passkeys
from idp.services.staff_passkeys import passkeys_of
from idp.services.staff_sign_in import OnDuty
from idp.web.answer import page, see_other
from idp.web.moment import day
from idp.web.site import Visit


def show(visit: Visit, duty: OnDuty) -> Response:
    """The list, and the form for another one."""
    return _page(visit, duty, done=visit.query.get("done"))


def begin(visit: Visit, duty: OnDuty) -> Response:
    """A challenge for a new passkey, for the page's script."""
    ceremony = staff_passkeys.begin_adding(visit.realm, visit.provider.cookies, visit.browser, duty)
    body = json.dumps({"options": ceremony.options, "ceremony": ceremony.sealed})
    return Response(body, content_type="application/json")


def add(visit: Visit, duty: OnDuty) -> Response:
    """Keep the passkey that the browser made."""
    try:
        staff_passkeys.add_passkey(
            visit.realm, visit.provider.cookies, visit.browser, duty,
            visit.form.get("ceremony") or "", visit.form.get("credential") or "",
        )  # fmt: skip
    except Refused as refused:
        return _page(visit, duty, problem=refused.reason, status=400)
    return see_other(url_for("ops.passkeys", done="added"))


def remove(visit: Visit, duty: OnDuty) -> Response:
    """Take a passkey of the member's own away."""
    try:
        removed = bytes.fromhex(visit.need(visit.form, "passkey"))
    except ValueError as error:
        raise InvalidRequest("passkey is malformed") from error
    staff_passkeys.remove_passkey(visit.realm, duty, removed)
    return see_other(url_for("ops.passkeys", done="removed"))


def _page(
    visit: Visit, duty: OnDuty, problem: str | None = None, done: str | None = None, status: int = 200
) -> Response:
    visit.modules = visit.site.offers_passkeys
    return page(
        "ops/passkeys.html",
        status,
        passkeys=[{"id": one.id.hex(), "day": day(visit, one.created_at)} for one in passkeys_of(visit.realm, duty)],
        offered=visit.site.offers_passkeys,
        problem=problem,
        done=done,
        here=url_for("ops.passkeys"),
    )
