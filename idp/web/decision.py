"""The yes or no of a page that asks, the same for apps and for devices (OIDC Core, section 3.1.2.4)."""

from flask import Response, url_for

from idp.protocol.authorization import flow
from idp.protocol.errors import InvalidRequest
from idp.web.answer import answer, see_other
from idp.web.interaction import Interaction
from idp.web.site import Visit

DECISIONS = {"allow": True, "deny": False}


def decided(visit: Visit, interaction: Interaction, endpoint: str) -> Response:
    """Carry the person's decision out. It counts for the manifest that was shown: a newer one is shown first."""
    decision = visit.form.get("decision")
    if decision not in DECISIONS:
        raise InvalidRequest("decision is allow or deny")
    allow = DECISIONS[decision]
    if allow and visit.form.get("manifest") != str(interaction.client.manifest.version):
        return see_other(url_for(endpoint, request=interaction.sealed))
    return answer(visit, flow.decide(visit.provider, interaction.pending, visit.session, allow), clicked=True)
