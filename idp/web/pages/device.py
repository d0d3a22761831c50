"""`/device`: a person types the code that a device shows, and answers for it (RFC 8628, section 3.3).

Whether the device is the one in front of them only the person can tell, so that is asked every time, and with
`verification_uri_complete` too: there the code is shown to be compared (sections 3.3.1 and 5.4).
"""

from datetime import UTC, datetime

from babel.dates import format_time, get_timezone_name
from flask import Response, url_for
from flask_babel import get_locale

from idp.domain.device_grant import USER_CODE_LENGTH, read_user_code, show_user_code
from idp.domain.errors import Refused
from idp.protocol.authorization import flow
from idp.protocol.authorization.device import ALLOWED, DENIED, LATE
from idp.protocol.authorization.flow import ConsentNeeded
from idp.protocol.authorization.pending import begin, device_request
from idp.protocol.authorization.request import DeviceRequest
from idp.services.my_account import username_of
from idp.services.user_codes import WINDOW_SECONDS, find_by_user_code, network_digest
from idp.web.answer import answer, page
from idp.web.app_card import app_card
from idp.web.decision import decided
from idp.web.disclosures import disclosures
from idp.web.interaction import need_interaction
from idp.web.site import Visit


def show(visit: Visit) -> Response:
    """The field for the code, or what became of an answer. An address that carries the code leads on from it."""
    done = visit.query.get("done")
    if done in (ALLOWED, DENIED, LATE):
        return page("device_done.html", answer=done)
    typed = visit.query.get("user_code")
    # Only where somebody goes there: a page of others must not use tries up by what it embeds.
    if typed is None or visit.request.headers.get("Sec-Fetch-Mode", "navigate") != "navigate":
        return _form()
    return _look_up(visit, typed)


def submit(visit: Visit) -> Response:
    """Look the code up, within the limits."""
    return _look_up(visit, visit.form.get("user_code") or "")


def confirm(visit: Visit) -> Response:
    """The question: is this the device in front of you, and may the app on it learn this?"""
    interaction = need_interaction(visit, visit.query)
    outcome = flow.proceed(visit.provider, interaction.pending, visit.session)
    request = interaction.pending.request
    if not isinstance(outcome, ConsentNeeded) or visit.session is None or not isinstance(request, DeviceRequest):
        return answer(visit, outcome)
    grant = request.grant
    return page(
        "device_confirm.html",
        sealed=interaction.sealed,
        app=app_card(interaction.client),
        learns=disclosures(visit.realm.policy, interaction.client, outcome.scope, outcome.claims),
        username=username_of(visit.realm, visit.session),
        code=show_user_code(request.user_code),
        device=request.device_type.value,
        asked_at=_moment(visit, grant.created_at),
        same_network=grant.network == network_digest(visit.realm, visit.peer),
    )


def decide(visit: Visit) -> Response:
    """Carry the decision out; the device hears of it at its next poll."""
    return decided(visit, need_interaction(visit, visit.form), "device.confirm")


def _look_up(visit: Visit, typed: str) -> Response:
    code = read_user_code(typed)
    if code is None:
        # It cannot be right, so that it says nothing and is not counted.
        return _form("not_a_code", 400)
    try:
        grant = find_by_user_code(visit.realm, code, visit.browser, visit.peer)
    except Refused as refused:
        response = _form(refused.reason, 429)
        response.headers["Retry-After"] = str(WINDOW_SECONDS)
        return response
    if grant is None:
        return _form("unknown_code", 400)
    pending = begin(visit.provider, device_request(visit.provider, grant, code), visit.session)
    return answer(visit, flow.proceed(visit.provider, pending, visit.session))


def _form(problem: str | None = None, status: int = 200) -> Response:
    return page("device.html", status, problem=problem, here=url_for("device"), letters=USER_CODE_LENGTH)


def _moment(visit: Visit, at: int) -> dict[str, str]:
    """Time and time zone in words, on the clocks of the policy's zone."""
    zone, locale = visit.realm.policy.time_zone, get_locale()
    moment = datetime.fromtimestamp(at, UTC)
    return {"time": format_time(moment, "short", zone, locale), "zone": get_timezone_name(zone, locale=locale)}
