"""A checked request at the door, as far as it goes before anybody shows a token."""

from idp.domain.age import Band
from idp.domain.client import ClientState
from idp.domain.veiled import age_of
from idp.protocol import errors
from idp.protocol.authorization.assurance import Unmet, achieved_acr
from idp.protocol.authorization.pending import Pending, begin
from idp.protocol.authorization.request import AuthorizationRequest
from idp.protocol.authorization.response import AuthorizationResponse, refusal
from idp.protocol.provider import Provider


def begin_presentation(provider: Provider, request: AuthorizationRequest) -> AuthorizationResponse | Pending:
    """The request that waits for a token, or the answer that no token could change.

    1 the app is reviewed   2 a token's assurance is enough   3 a page may be shown: nobody is ever signed in here
    """
    if request.client.state is not ClientState.ACTIVE:  # 1
        return refusal(provider, request, errors.AccessDenied("the request was not granted"))
    if isinstance(vouched_acr(provider, request), Unmet):  # 2
        text = "a token vouches for no level above standard"
        return refusal(provider, request, errors.UnmetAuthenticationRequirements(text))
    if "none" in request.prompt:  # 3
        return refusal(provider, request, errors.InteractionRequired("a token must be shown each time"))
    return begin(provider, request, None)


def vouched_acr(provider: Provider, request: AuthorizationRequest) -> str | None | Unmet:
    """The `acr` to state: every token says the same of the evidence behind it, whatever its band."""
    return achieved_acr(request, age_of(Band.ADULT), provider.now())


def deny_presentation(provider: Provider, request: AuthorizationRequest) -> AuthorizationResponse:
    """The person's no, which the app cannot tell from any other."""
    return refusal(provider, request, errors.AccessDenied("the request was not granted"))
