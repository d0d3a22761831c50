"""`/notice`: why a sign-in cannot go on, and what to do; the app learns no more than a refusal (threats C05)."""

from datetime import UTC, datetime

from babel.dates import format_date, format_time, get_timezone_name
from flask import Response
from flask_babel import get_locale

from idp.protocol.authorization import flow
from idp.protocol.authorization.flow import Obstacle
from idp.protocol.authorization.request import DeviceRequest
from idp.web.answer import answer, page
from idp.web.app_card import app_card
from idp.web.interaction import need_interaction
from idp.web.site import Visit


def show(visit: Visit) -> Response:
    """The obstacle. Asked again when it is gone, the flow goes on."""
    interaction = need_interaction(visit, visit.query)
    outcome = flow.proceed(visit.provider, interaction.pending, visit.session)
    if not isinstance(outcome, Obstacle):
        return answer(visit, outcome)
    return page(
        "notice.html",
        sealed=interaction.sealed,
        app=app_card(interaction.client, interaction.redirect_uri),
        reason=outcome.reason,
        opens=_opening(visit, outcome.opens_at),
        consent_age=visit.realm.policy.consent_age,
        device=isinstance(interaction.pending.request, DeviceRequest),
    )


def submit(visit: Visit) -> Response:
    """Back to the app, which is told `access_denied`; a device hears it at its next poll."""
    interaction = need_interaction(visit, visit.form)
    return answer(visit, flow.deny(visit.provider, interaction.pending), clicked=True)


def _opening(visit: Visit, opens_at: int | None) -> dict[str, str] | None:
    """Day, time and time zone in words, on the clocks of the policy's zone."""
    if opens_at is None:
        return None
    zone, locale = visit.realm.policy.time_zone, get_locale()
    moment = datetime.fromtimestamp(opens_at, UTC).astimezone(zone)
    return {
        "day": format_date(moment.date(), "full", locale),
        "time": format_time(moment, "short", zone, locale),
        "zone": get_timezone_name(zone, locale=locale),
    }
