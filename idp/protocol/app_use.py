"""What is counted of an app's requests, for its inspection: what it asked for, never by whom it was asked."""

import re

from idp.domain.app_use import Use
from idp.protocol.authorization.request import AuthorizationRequest
from idp.protocol.message import Response
from idp.protocol.provider import Provider

_AGES = re.compile(r'"age_over_([0-9]{1,3})"')
_GRANTS = {"refresh_token": Use.REFRESHED}


def note_request(provider: Provider, located: AuthorizationRequest) -> None:
    """Count an authorization request as it was sent, before anything is refused or dropped."""
    client, parameters = located.client, located.parameters
    uses = [Use.ASKED]
    if "none" in parameters.get("prompt", "").split(" "):
        uses.append(Use.SILENT)
    if not client.scope.issuperset(parameters.get("scope", "").split()):
        uses.append(Use.OTHER_SCOPES)
    if not {int(age) for age in _AGES.findall(parameters.get("claims", ""))} <= set(client.thresholds):
        uses.append(Use.OTHER_AGES)
    provider.app_use.count(client.id, *uses)


def note_tokens(provider: Provider, client_id: str, grant_type: str, response: Response) -> None:
    """Count the answer to a token request of an authenticated client."""
    granted = _GRANTS.get(grant_type, Use.SIGNED_IN)
    provider.app_use.count(client_id, granted if response.status == 200 else Use.NOT_EXCHANGED)
