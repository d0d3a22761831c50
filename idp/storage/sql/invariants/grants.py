"""I2, I3, I5, I7: grants, the consents and people they stand on, and what was counted for an account."""

from collections import Counter

from sqlalchemy import and_, func, or_, select
from sqlalchemy import bindparam as param

from idp.domain.audit_event import AuditKind
from idp.storage.sql.invariants.walk import RowCheck, Walk
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import accounts, audit_events, consents, grants, token_allowance

MOMENT_SECONDS = 15
"""How far apart an exchange and the end of its consent may be that met: a write's patience, and clocks."""

_CONSENT_GIVEN = AuditKind.CONSENT_GIVEN.value
_BROKEN_CHAINS = RowCheck(
    grants.c.id,
    or_(grants.c.generation < 0, (grants.c.generation > 0) != grants.c.rotated_at.is_not(None)),
)
_EVENTS = Walk(audit_events.c.id)
_GIVEN = Statement(
    select(audit_events.c.subject, audit_events.c.account_id)
    .where(_EVENTS.within, audit_events.c.kind == param("kind")),
    "after", "stop", "kind",
)
_CONSENTS = Walk(consents.c.id)
_CONSENT_IDS = Statement(select(consents.c.id).where(_CONSENTS.within), "after", "stop")
_ACCOUNTS = Walk(accounts.c.id)
_ACCOUNT_IDS = Statement(select(accounts.c.id).where(_ACCOUNTS.within), "after", "stop")
_OVER_QUOTA = RowCheck(
    token_allowance.c.account_id, or_(token_allowance.c.used > param("quota"), token_allowance.c.used < 0), "quota"
)
_UNSUPPORTED = RowCheck(
    grants.c.id,
    and_(
        grants.c.revoked_at.is_(None), grants.c.expires_at > param("now"),
        or_(
            accounts.c.id.is_(None), consents.c.id.is_(None),
            # The exchange looks and then inserts. Between the two the consent may end, and the grant is dead from
            # the start: every use of it looks again.
            func.abs(grants.c.created_at - consents.c.withdrawn_at) > param("moment"),
        ),
    ),
    "now", "moment",
    source=grants
    .outerjoin(accounts, accounts.c.id == grants.c.account_id)
    .outerjoin(
        consents,
        and_(
            consents.c.id == grants.c.consent_id, consents.c.account_id == grants.c.account_id,
            consents.c.client_id == grants.c.client_id,
        ),
    ),
)


def broken_chains(run: Runner) -> int:
    """Refresh families whose generation and time of rotation disagree; the id makes each one chain with one leaf."""
    return _BROKEN_CHAINS.violations(run)


def unpaired_consents(run: Runner) -> int:
    """Consents without exactly one audit row, and audit rows of a living account without their consent."""
    given = [row for stretch in _EVENTS.stretches(run) for row in run.rows(_GIVEN, *stretch, _CONSENT_GIVEN)]
    kept = {bytes(row[0]).hex() for stretch in _CONSENTS.stretches(run) for row in run.rows(_CONSENT_IDS, *stretch)}
    living = {bytes(row[0]) for stretch in _ACCOUNTS.stretches(run) for row in run.rows(_ACCOUNT_IDS, *stretch)}
    rows = Counter(subject for subject, _ in given)
    unaudited = sum(1 for consent in kept if rows[consent] != 1)
    # Deleting an account takes its consents and leaves the audit rows, unreadable.
    lost = sum(1 for subject, account in given if subject not in kept and bytes(account) in living)
    return unaudited + lost


def over_quota(run: Runner, quota: int) -> int:
    """Accounts that were signed more tokens in an epoch than `quota`."""
    return _OVER_QUOTA.violations(run, quota)


def unsupported(run: Runner, now: int) -> int:
    """Live grants whose account is gone, or whose consent is: withdrawn, missing, of another account or app."""
    return _UNSUPPORTED.violations(run, now, MOMENT_SECONDS)
