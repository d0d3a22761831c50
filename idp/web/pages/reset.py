"""`/reset`: a new password for a recovery code. The answer never says whether an account exists (threats B03, B08)."""

from flask import Response, url_for

from idp.domain.errors import Refused
from idp.services.password_rules import MAX_LENGTH, MIN_LENGTH
from idp.services.recovery import reset_password
from idp.services.sign_in import WINDOW_SECONDS
from idp.web.answer import page, see_other
from idp.web.interaction import Interaction, continue_interaction
from idp.web.rate_limit import RESETS
from idp.web.site import Visit

LIMIT = "reset"


def show(visit: Visit) -> Response:
    """The form."""
    return _form(continue_interaction(visit, visit.query))


def submit(visit: Visit) -> Response:
    """Try the code. Afterwards the person signs in with the new password, and goes on where they were going."""
    interaction = continue_interaction(visit, visit.form)
    limits = visit.site.limits
    verdict = limits.check(RESETS, LIMIT, visit.peer)
    if not verdict.allowed:
        return _refused(interaction, "too_many_tries", verdict.retry_after)
    username, code, fresh = (visit.form.get(name) for name in ("username", "code", "new_password"))
    if username is None or code is None or fresh is None:
        return _form(interaction, "missing", 400)
    try:
        reset_password(visit.realm, username, code, fresh)
    except Refused as refused:
        if refused.reason == "weak_password":
            # Decided by what was typed alone, and nothing was tried.
            return _form(interaction, refused.reason, 400)
        limits.failed(RESETS, LIMIT, visit.peer)
        if refused.reason == "too_many_tries":
            return _refused(interaction, refused.reason, WINDOW_SECONDS - visit.provider.now() % WINDOW_SECONDS)
        return _form(interaction, refused.reason, 400)
    sealed = interaction.sealed if interaction else None
    return see_other(url_for("sign_in", request=sealed, other="1", done="password_reset"))


def _refused(interaction: Interaction | None, problem: str, retry_after: int) -> Response:
    response = _form(interaction, problem, 429)
    response.headers["Retry-After"] = str(retry_after)
    return response


def _form(interaction: Interaction | None, problem: str | None = None, status: int = 200) -> Response:
    # Nothing that was typed is shown again: an answer must not differ by it.
    return page(
        "reset.html",
        status,
        sealed=interaction.sealed if interaction else None,
        here=url_for("reset"),
        problem=problem,
        password_min=MIN_LENGTH,
        password_max=MAX_LENGTH,
    )
