"""`/sign-in`: username and password."""

from flask import Response, url_for

from idp.domain.errors import Refused
from idp.protocol.authorization import flow
from idp.protocol.authorization.flow import SignInNeeded
from idp.services.sign_in import WINDOW_SECONDS, sign_in
from idp.web.answer import answer, answer_signed_in, page, see_other
from idp.web.app_card import app_card
from idp.web.interaction import Interaction, continue_interaction
from idp.web.rate_limit import SIGN_INS
from idp.web.site import Visit

LIMIT = "sign-in"


def show(visit: Visit) -> Response:
    """The form. Somebody who is signed in already goes on at once, unless `other` asks for another person's form."""
    interaction = continue_interaction(visit, visit.query)
    other = visit.query.get("other") is not None
    again = False
    if interaction is not None:
        outcome = flow.proceed(visit.provider, interaction.pending, visit.session)
        if not isinstance(outcome, SignInNeeded) and not other:
            return answer(visit, outcome)
        again = isinstance(outcome, SignInNeeded) and outcome.again
    elif visit.session is not None and not other:
        return see_other(url_for("account"))
    return _form(visit, interaction, again=again, done=visit.query.get("done"))


def submit(visit: Visit) -> Response:
    """Check the password; on success a session with a new id, and on to where the person was going."""
    interaction = continue_interaction(visit, visit.form)
    verdict = visit.site.limits.check(SIGN_INS, LIMIT, visit.peer)
    if not verdict.allowed:
        return _refused(visit, interaction, "too_many_tries", 429, verdict.retry_after)
    username, password = visit.form.get("username"), visit.form.get("password")
    if username is None or password is None:
        return _refused(visit, interaction, "missing", 400)
    try:
        signed_in = sign_in(visit.realm, username, password, replaces=visit.session_id)
    except Refused as refused:
        visit.site.limits.failed(SIGN_INS, LIMIT, visit.peer)
        if refused.reason == "too_many_tries":
            wait = WINDOW_SECONDS - visit.provider.now() % WINDOW_SECONDS
            return _refused(visit, interaction, refused.reason, 429, wait)
        return _refused(visit, interaction, refused.reason, 400)
    return answer_signed_in(visit, interaction, signed_in)


def _refused(
    visit: Visit, interaction: Interaction | None, problem: str, status: int, retry_after: int | None = None
) -> Response:
    # The username is not shown again: an answer must not differ by what was typed (threats B03).
    response = _form(visit, interaction, problem=problem, status=status)
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    return response


def _form(
    visit: Visit,
    interaction: Interaction | None,
    again: bool = False,
    problem: str | None = None,
    done: str | None = None,
    status: int = 200,
) -> Response:
    visit.modules = visit.site.offers_passkeys
    return page(
        "sign_in.html",
        status,
        passkeys=visit.site.offers_passkeys,
        sealed=interaction.sealed if interaction else None,
        here=url_for("sign_in"),
        app=app_card(interaction.client, interaction.redirect_uri) if interaction else None,
        again=again,
        problem=problem,
        done=done,
    )
