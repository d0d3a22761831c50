"""`/account/passkeys` and `/sign-in/passkey`: passkeys are added, removed, and used to sign in."""

import json
from datetime import UTC, datetime

from babel.dates import format_date
from flask import Response, url_for
from flask_babel import get_locale

from idp.domain.errors import Refused
from idp.domain.session import Session
from idp.protocol.errors import InvalidRequest
from idp.services import passkeys
from idp.services.my_account import my_account
from idp.services.passkeys import Ceremony
from idp.services.sign_in import WINDOW_SECONDS
from idp.web.answer import answer_signed_in, page, see_other
from idp.web.interaction import continue_interaction
from idp.web.rate_limit import SIGN_INS
from idp.web.site import Visit

LIMIT = "sign-in"


def begin_signing_in(visit: Visit) -> Response:
    """A challenge for a sign-in, for the page's script. It changes nothing, and names nobody."""
    return _ceremony(passkeys.begin_signing_in(visit.realm, visit.provider.cookies, visit.browser))


def sign_in(visit: Visit) -> Response:
    """Check what the browser signed; on success a new session, and on to where the person was going."""
    interaction = continue_interaction(visit, visit.form)
    limits = visit.site.limits
    refused = see_other(url_for(
        "sign_in", request=interaction.sealed if interaction else None, other="1", done="passkey_refused"
    ))
    if not limits.check(SIGN_INS, LIMIT, visit.peer).allowed:
        return refused
    try:
        signed_in = passkeys.sign_in_with_passkey(
            visit.realm, visit.provider.cookies, visit.browser,
            visit.form.get("ceremony") or "", visit.form.get("credential") or "", replaces=visit.session_id,
        )  # fmt: skip
    except Refused:
        limits.failed(SIGN_INS, LIMIT, visit.peer)
        return refused
    return answer_signed_in(visit, interaction, signed_in)


def show(visit: Visit) -> Response:
    """The person's passkeys."""
    if visit.session is None:
        return _to_sign_in()
    return _page(visit, visit.session, done=visit.query.get("done"))


def begin_adding(visit: Visit) -> Response:
    """A challenge for a new passkey, for the page's script."""
    if visit.session is None:
        return _to_sign_in()
    return _ceremony(passkeys.begin_adding(visit.realm, visit.provider.cookies, visit.browser, visit.session))


def add(visit: Visit) -> Response:
    """Keep the passkey that the browser made, for the right password."""
    session = visit.session
    if session is None:
        return _to_sign_in()
    password = visit.form.get("current_password")
    if password is None:
        return _page(visit, session, problem="missing_password", status=400)
    try:
        passkeys.add_passkey(
            visit.realm, visit.provider.cookies, visit.browser, session, password,
            visit.form.get("ceremony") or "", visit.form.get("credential") or "",
        )  # fmt: skip
    except Refused as refused:
        if refused.reason != "too_many_tries":
            return _page(visit, session, problem=refused.reason, status=400)
        response = _page(visit, session, problem=refused.reason, status=429)
        response.headers["Retry-After"] = str(WINDOW_SECONDS - visit.provider.now() % WINDOW_SECONDS)
        return response
    return see_other(url_for("passkeys", done="added"))


def remove(visit: Visit) -> Response:
    """Take a passkey off the person's account."""
    if visit.session is None:
        return _to_sign_in()
    try:
        removed = bytes.fromhex(visit.need(visit.form, "passkey"))
    except ValueError as error:
        raise InvalidRequest("passkey is malformed") from error
    passkeys.remove_passkey(visit.realm, visit.session.account_id, removed)
    return see_other(url_for("passkeys", done="removed"))


def _page(
    visit: Visit, session: Session, problem: str | None = None, done: str | None = None, status: int = 200
) -> Response:
    mine = my_account(visit.realm, session)
    if mine is None:
        return see_other(url_for("sign_in", other="1"))
    visit.modules = visit.site.offers_passkeys
    zone = visit.realm.policy.time_zone
    return page(
        "passkeys.html",
        status,
        username=mine.account.username,
        passkeys=[
            {
                "id": passkey.id.hex(),
                "day": format_date(
                    datetime.fromtimestamp(passkey.created_at, UTC).astimezone(zone).date(), "long", get_locale()
                ),
            }
            for passkey in mine.passkeys
        ],
        offered=visit.site.offers_passkeys,
        problem=problem,
        done=done,
        here=url_for("passkeys"),
    )


def _ceremony(ceremony: Ceremony) -> Response:
    body = json.dumps({"options": ceremony.options, "ceremony": ceremony.sealed})
    return Response(body, content_type="application/json")


def _to_sign_in() -> Response:
    return see_other(url_for("sign_in"))
