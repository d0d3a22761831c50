"""`/consent`: what the app would learn, and the person's yes or no (OIDC Core, section 3.1.2.4)."""

from flask import Response

from idp.protocol.authorization import flow
from idp.protocol.authorization.flow import ConsentNeeded
from idp.protocol.errors import InvalidRequest
from idp.services.my_account import username_of
from idp.web.answer import answer, page
from idp.web.app_card import app_card
from idp.web.decision import decided
from idp.web.disclosures import disclosures
from idp.web.interaction import need_interaction
from idp.web.site import Visit


def show(visit: Visit) -> Response:
    """The question. When there is nothing to ask any more, the flow goes on at once."""
    interaction = need_interaction(visit, visit.query)
    outcome = flow.proceed(visit.provider, interaction.pending, visit.session)
    if not isinstance(outcome, ConsentNeeded) or visit.session is None or interaction.redirect_uri is None:
        return answer(visit, outcome)
    return page(
        "consent.html",
        sealed=interaction.sealed,
        app=app_card(interaction.client, interaction.redirect_uri),
        learns=disclosures(visit.realm.policy, interaction.client, outcome.scope, outcome.claims),
        username=username_of(visit.realm, visit.session),
    )


def submit(visit: Visit) -> Response:
    """Carry the decision out."""
    interaction = need_interaction(visit, visit.form)
    if interaction.redirect_uri is None:
        raise InvalidRequest("a device's request is answered on its own page")
    return decided(visit, interaction, "consent")
