"""What a row of the two hot look-ups says about account, consent, age and session."""

from sqlalchemy import ColumnElement, and_
from sqlalchemy import bindparam as param

from idp.domain.account import AccountState, parse_age_record
from idp.domain.grant import Agreed, Standing
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.tables import sessions

# By value, because calling the enumeration costs more than the look-up.
_STATES = {state.value: state for state in AccountState}


def session_alive(now: str) -> ColumnElement[bool]:
    """The condition under which a session counts, at the parameter called `now`."""
    return and_(sessions.c.revoked_at.is_(None), sessions.c.expires_at > param(now))


def opened_standing(
    sealing: ColumnSealing,
    account_id: bytes,
    account: tuple[str | None, bytes | None, bytes | None],
    consent_active: bool,
    alive: bool,
    tester: bool,
    agreed: Agreed | None = None,
) -> Standing:
    """Open the age of `account` (state, age, wrapped data key; all None when it is gone), and nothing else."""
    state, age, wrapped = account
    if state is None or age is None or wrapped is None:
        return Standing(None, False, None, session_alive=False)
    key = sealing.data_key(account_id, wrapped)
    record = parse_age_record(sealing.age.open(key, account_id, age))
    return Standing(_STATES[state], consent_active, record, alive, tester, agreed)
