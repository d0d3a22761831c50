"""What the door knows of a person: the band that an age token vouched for, and nothing besides."""

from datetime import date

from idp.domain.account import AccountState, AgeRecord
from idp.domain.age import AgeState, Assurance, Band
from idp.domain.grant import Standing
from idp.domain.policy import ADULT_AGE

_THRESHOLDS = (ADULT_AGE,)
# A minor's change date is not known here, and a token does not live to see it: any date far enough away will do.
_UNKNOWN = date(9000, 1, 1)

VOUCHED_ASSURANCE = Assurance.STANDARD
"""What a token says of the evidence behind it: standard at least, and the door cannot tell more."""

_AGES = {
    Band.ADULT: AgeRecord(AgeState(ADULT_AGE, None, None, _THRESHOLDS), VOUCHED_ASSURANCE),
    Band.MINOR: AgeRecord(AgeState(0, ADULT_AGE, _UNKNOWN, _THRESHOLDS), VOUCHED_ASSURANCE),
}
_STANDINGS = {band: Standing(AccountState.ACTIVE, True, age) for band, age in _AGES.items()}


def age_of(band: Band) -> AgeRecord:
    """The age record that says this band and no more."""
    return _AGES[band]


def standing_of(band: Band) -> Standing:
    """What holds behind a code or grant of the door: there is no account, consent or session that could end."""
    return _STANDINGS[band]
