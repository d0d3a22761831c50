"""`/sign-up`: a new account, signed in at once. Nothing is asked but a username and a password."""

from flask import Response, url_for

from idp.domain.errors import Conflict, Refused
from idp.services.accounts import USERNAME_MAX, create_account
from idp.services.password_rules import MAX_LENGTH, MIN_LENGTH
from idp.services.sign_in import sign_in
from idp.web.answer import answer_signed_in, page, see_other
from idp.web.app_card import app_card
from idp.web.interaction import Interaction, continue_interaction
from idp.web.rate_limit import SIGN_UPS
from idp.web.site import Visit

LIMIT = "sign-up"


def show(visit: Visit) -> Response:
    """The form."""
    return _form(continue_interaction(visit, visit.query))


def submit(visit: Visit) -> Response:
    """Make the account, sign in, and go on to where the person was going."""
    interaction = continue_interaction(visit, visit.form)
    username, password = visit.form.get("username"), visit.form.get("password")
    limits = visit.site.limits
    verdict = limits.check(SIGN_UPS, LIMIT, visit.peer)
    if not verdict.allowed:
        response = _form(interaction, username, "too_many_tries", 429)
        response.headers["Retry-After"] = str(verdict.retry_after)
        return response
    if username is None or password is None:
        return _form(interaction, username, "missing", 400)
    # Counted whatever comes of it: a list of names must not be tried out here.
    limits.failed(SIGN_UPS, LIMIT, visit.peer)
    try:
        create_account(visit.realm, username, password)
    except Refused as refused:
        return _form(interaction, username, refused.reason, 400)
    except Conflict:
        return _form(interaction, username, "taken", 400)
    try:
        signed_in = sign_in(visit.realm, username, password, replaces=visit.session_id)
    except Refused:
        # Others have guessed at this name before it existed: the account is there, and its limit is not over yet.
        return see_other(url_for("sign_in", request=interaction.sealed) if interaction else url_for("sign_in"))
    return answer_signed_in(visit, interaction, signed_in)


def _form(
    interaction: Interaction | None, username: str | None = None, problem: str | None = None, status: int = 200
) -> Response:
    return page(
        "sign_up.html",
        status,
        sealed=interaction.sealed if interaction else None,
        here=url_for("sign_up"),
        app=app_card(interaction.client, interaction.redirect_uri) if interaction else None,
        username=username,
        problem=problem,
        username_max=USERNAME_MAX,
        password_min=MIN_LENGTH,
        password_max=MAX_LENGTH,
    )
