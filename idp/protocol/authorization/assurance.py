"""`acr`: how well a person's age was established, by the words of IEEE 2089.1, and the minimum an app may set."""

from typing import Final

from idp.domain.account import AgeRecord
from idp.domain.age import Assurance
from idp.protocol.authorization.request import PersonRequest

ACR_VALUES = tuple(level.value for level in Assurance)


class Unmet:
    """The type of `UNMET`, so that it cannot be taken for a level."""


UNMET: Final = Unmet()


def achieved_acr(request: PersonRequest, age: AgeRecord | None, now: int) -> str | None | Unmet:
    """The `acr` to state (None when none was asked), or UNMET when the app's minimum is not met.

    Levels in `acr_values` or `claims` are alternatives: the lowest of those known here is the minimum. Unknown words
    are ignored when voluntary (OIDC Core, 15.1) and cannot be met when essential (OIDC Core, 5.5.1.1). The minimum
    speaks of ages: it binds requests that ask for one.
    """
    asked = request.claims.acr_values or request.acr_values
    known = [Assurance(word) for word in asked if word in ACR_VALUES]
    essential = request.claims.acr_essential
    held = age.assurance_at(now) if age is not None else None
    if essential and (held is None or (asked and not known)):
        return UNMET
    if known and (request.wants_age or essential) and (held is None or not held.meets(min(known))):
        return UNMET
    if held is None or not (asked or essential):
        return None
    return held.value
