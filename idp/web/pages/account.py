"""`/account`: my apps and what each learns, my sessions, my password, my recovery codes."""

from datetime import UTC, datetime

from babel.dates import format_date, format_time, get_timezone_name
from flask import Response, url_for
from flask_babel import get_locale

from idp.domain.errors import Refused
from idp.domain.session import Session
from idp.protocol.errors import InvalidRequest
from idp.services.consents import withdraw_consent
from idp.services.evidence import describe
from idp.services.my_account import change_password as change_my_password
from idp.services.my_account import end_session as end_my_session
from idp.services.my_account import my_account
from idp.services.password_rules import MAX_LENGTH, MIN_LENGTH
from idp.services.recovery import make_recovery_codes
from idp.services.sign_in import WINDOW_SECONDS
from idp.services.sign_in import sign_out as end_own_session
from idp.web.answer import page, see_other
from idp.web.app_card import app_card
from idp.web.disclosures import disclosures
from idp.web.site import Visit


def show(visit: Visit) -> Response:
    """The account page; without a session, sign-in."""
    if visit.session is None:
        return _sign_in()
    return _page(visit, visit.session, done=visit.query.get("done"))


def withdraw(visit: Visit) -> Response:
    """Take back what one app was allowed; its grants end with it."""
    if visit.session is None:
        return _sign_in()
    withdraw_consent(visit.realm, visit.session.account_id, visit.need(visit.form, "client"))
    return _back("withdrawn")


def end_session(visit: Visit) -> Response:
    """End one of the person's sessions, this one too."""
    if visit.session is None:
        return _sign_in()
    try:
        ended = bytes.fromhex(visit.need(visit.form, "session"))
    except ValueError as error:
        raise InvalidRequest("session is malformed") from error
    end_my_session(visit.realm, visit.session.account_id, ended)
    return _signed_out(visit) if ended == visit.session.id else _back("session_ended")


def change_password(visit: Visit) -> Response:
    """A new password for the right old one; every other session ends."""
    session = visit.session
    if session is None:
        return _sign_in()
    current, fresh = visit.form.get("current_password"), visit.form.get("new_password")
    if current is None or fresh is None:
        return _page(visit, session, problem="missing", status=400)
    try:
        change_my_password(visit.realm, session, current, fresh)
    except Refused as refused:
        return _refused(visit, session, refused, "password")
    return _back("password_changed")


def recovery_codes(visit: Visit) -> Response:
    """Fresh recovery codes for the right password, shown this once: nobody has them afterwards."""
    session = visit.session
    if session is None:
        return _sign_in()
    password = visit.form.get("current_password")
    if password is None:
        return _page(visit, session, problem="missing", place="recovery", status=400)
    try:
        codes = make_recovery_codes(visit.realm, session, password)
    except Refused as refused:
        return _refused(visit, session, refused, "recovery")
    return page("recovery_codes.html", codes=codes)


def sign_out(visit: Visit) -> Response:
    """End this browser's session."""
    if visit.session is not None:
        end_own_session(visit.realm, visit.session)
    return _signed_out(visit)


def change_password_url(visit: Visit) -> Response:
    """Where password managers look for the form (W3C, A Well-Known URL for Changing Passwords)."""
    return see_other(url_for("account", _anchor="password"))


def home(visit: Visit) -> Response:
    """The issuer's bare address leads to the account."""
    return see_other(url_for("account"))


def _refused(visit: Visit, session: Session, refused: Refused, place: str) -> Response:
    if refused.reason != "too_many_tries":
        return _page(visit, session, problem=refused.reason, place=place, status=400)
    response = _page(visit, session, problem=refused.reason, place=place, status=429)
    response.headers["Retry-After"] = str(WINDOW_SECONDS - visit.provider.now() % WINDOW_SECONDS)
    return response


def _page(
    visit: Visit,
    session: Session,
    problem: str | None = None,
    place: str = "password",
    done: str | None = None,
    status: int = 200,
) -> Response:
    """The page. `problem` is shown in the section called `place`."""
    mine = my_account(visit.realm, session)
    if mine is None:
        # A session whose account was locked: without `other` the sign-in page would lead straight back here.
        return see_other(url_for("sign_in", other="1"))
    age = describe(visit.realm, mine.account.age) if mine.account.age is not None else None
    return page(
        "account.html",
        status,
        username=mine.account.username,
        age=age,
        apps=[
            {
                "client": app.client.id,
                "card": app_card(app.client),
                "learns": disclosures(visit.realm.policy, app.client, app.scope, app.claims),
                "since": _day(visit, app.since),
            }
            for app in mine.apps
        ],
        sessions=[
            {
                "id": one.id.hex(),
                "day": _day(visit, one.created_at),
                "time": _time(visit, one.created_at),
                "here": one.id == session.id,
            }
            for one in mine.sessions
        ],
        looks=[
            {"day": _day(visit, look.at), "time": _time(visit, look.at), "reason": look.reason} for look in mine.looks
        ],
        zone=get_timezone_name(visit.realm.policy.time_zone, locale=get_locale()),
        recovery_codes=mine.recovery_codes,
        passkeys=len(mine.passkeys),
        problem=problem,
        place=place,
        done=done,
        password_min=MIN_LENGTH,
        password_max=MAX_LENGTH,
        here=url_for("account"),
    )


def _back(done: str) -> Response:
    return see_other(url_for("account", done=done))


def _sign_in() -> Response:
    return see_other(url_for("sign_in"))


def _signed_out(visit: Visit) -> Response:
    response = see_other(url_for("sign_in", done="signed_out"))
    visit.site.cookies.clear_session(response)
    return response


def _day(visit: Visit, at: int) -> str:
    zone = visit.realm.policy.time_zone
    return format_date(datetime.fromtimestamp(at, UTC).astimezone(zone).date(), "long", get_locale())


def _time(visit: Visit, at: int) -> str:
    return format_time(datetime.fromtimestamp(at, UTC), "short", visit.realm.policy.time_zone, get_locale())
