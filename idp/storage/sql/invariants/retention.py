"""I10: expired rows are gone. Where there is an index on their end it is asked, else the table is walked."""

from sqlalchemy import Table, bindparam, func, select

from idp.storage.sql.door import tables as door
from idp.storage.sql.housekeeping import GIVEN_UP_KEPT_SECONDS
from idp.storage.sql.invariants.walk import RowCheck
from idp.storage.sql.outbox import GIVEN_UP
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import (
    app_use,
    attempts,
    device_grants,
    grants,
    outbox,
    recovery_codes,
    sessions,
    spent,
    staff_sessions,
)

SLACK_SECONDS = 86_400
"""How long an expired row may wait for housekeeping."""


def _expired(table: Table) -> Statement:
    return Statement(select(func.count()).select_from(table).where(table.c.expires_at < bindparam("before")), "before")


EXPIRING = (sessions, staff_sessions, spent, attempts, device_grants, recovery_codes, app_use)
EXPIRING_AT_DOOR = (spent, attempts, door.spent_tokens, door.answered_requests, door.door_grants)
"""Tables whose rows have an end and an index on it."""

_EXPIRED = [_expired(table) for table in EXPIRING]
_EXPIRED_AT_DOOR = [_expired(table) for table in EXPIRING_AT_DOOR]
_GRANTS = RowCheck(grants.c.id, grants.c.expires_at < bindparam("before"), "before")
_GIVEN_UP = Statement(
    select(func.count()).select_from(outbox)
    .where(outbox.c.due_at >= GIVEN_UP, outbox.c.due_at < bindparam("before")),
    "before",
)


def kept_too_long(run: Runner, now: int) -> int:
    """Rows of the account issuer that expired more than a day ago; messages given up, a day past their 30."""
    before = now - SLACK_SECONDS
    given_up = _count(run, _GIVEN_UP, GIVEN_UP + before - GIVEN_UP_KEPT_SECONDS)
    return sum(_count(run, one, before) for one in _EXPIRED) + _GRANTS.violations(run, before) + given_up


def kept_too_long_at_door(run: Runner, now: int) -> int:
    """Rows of the door that expired more than a day ago."""
    return sum(_count(run, one, now - SLACK_SECONDS) for one in _EXPIRED_AT_DOOR)


def _count(run: Runner, statement: Statement, value: int) -> int:
    row = run.one(statement, value)
    return int(row[0]) if row else 0
