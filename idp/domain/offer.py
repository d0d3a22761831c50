"""What an issuer offers to apps. The account issuer and the door run the same protocol and differ in this."""

from dataclasses import dataclass

from idp.domain.age import Assurance
from idp.domain.device_grant import GRANT_TYPE as DEVICE_CODE
from idp.domain.scope import AGE, AGE_ASSURANCE, AGE_BAND, AGE_THRESHOLDS, OPENID, SCOPES

AUTHORIZATION_CODE = "authorization_code"
REFRESH_TOKEN = "refresh_token"


@dataclass(frozen=True, slots=True)
class Offer:
    """Scopes, grant types and age claims; levels of assurance (`acr`) it can state.

    `thresholds` are the ages apps may test, None for those of the policy; `tells_apps` says whether apps hear of
    sign-outs and events; `fragment` whether public apps may be answered in the fragment.
    """

    scopes: tuple[str, ...]
    grant_types: tuple[str, ...]
    age_claims: tuple[str, ...]
    levels: tuple[Assurance, ...]
    thresholds: tuple[int, ...] | None
    tells_apps: bool
    fragment: bool


ACCOUNT_OFFER = Offer(
    scopes=SCOPES,
    grant_types=(AUTHORIZATION_CODE, REFRESH_TOKEN, DEVICE_CODE),
    age_claims=(AGE_BAND, AGE_THRESHOLDS, AGE_ASSURANCE),
    levels=tuple(Assurance),
    thresholds=None,
    tells_apps=True,
    fragment=True,
)
"""The account issuer: everything there is."""

DOOR_OFFER = Offer(
    scopes=(OPENID, AGE),
    grant_types=(AUTHORIZATION_CODE,),
    age_claims=(AGE_BAND,),
    levels=(Assurance.STANDARD,),
    thresholds=(18,),
    tells_apps=False,
    fragment=False,
)
"""The door: a band, as an age token vouches for it. Nobody is signed in there, so nothing is refreshed or ended."""
