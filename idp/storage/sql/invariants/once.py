"""I1, I5, I6: what happens once rests on a unique key, so the database itself is asked whether it keeps it."""

from sqlalchemy import bindparam as param
from sqlalchemy import exists, func, select

from idp.storage.sql.door import tables as door
from idp.storage.sql.invariants.catalog import read_catalog
from idp.storage.sql.invariants.walk import RowCheck
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import device_grants, grants

Key = tuple[str, frozenset[str]]
"""A table, and the columns whose values together may occur once."""


def key(table: str, *columns: str) -> Key:
    """The unique key of a table."""
    return table, frozenset(columns)


CODES = (
    key("grants", "id"), key("device_grants", "id"), key("device_grants", "device_code"),
    key("device_grants", "user_code"),
)  # fmt: skip
CODES_AT_DOOR = (key("door_grants", "id"),)
ONE_TIME_VALUES = (key("spent", "digest"),)
TOKENS_AT_DOOR = (*ONE_TIME_VALUES, key("spent_tokens", "digest"), key("answered_requests", "request"))
ALLOWANCE = (key("token_allowance", "account_id", "epoch"),)

_T = door.answered_requests.c.token
_DEVICES_WITH_NOTHING = RowCheck(
    device_grants.c.id,
    (device_grants.c.state == param("redeemed"))
    & ~exists(select(grants.c.id).where(grants.c.id == device_grants.c.id)),
    "redeemed",
)
_UNSPENT = RowCheck(
    door.answered_requests.c.request,
    ~exists(select(door.spent_tokens.c.digest).where(door.spent_tokens.c.digest == _T)),
)
_SHOWN_AGAIN = Statement(select(func.count(_T) - func.count(_T.distinct())).select_from(door.answered_requests))


def not_unique(run: Runner, *keys: Key) -> int:
    """How many of these keys the database does not keep unique (any more)."""
    unique = read_catalog(run).unique
    return sum(columns not in unique.get(table, []) for table, columns in keys)


def devices_with_nothing(run: Runner) -> int:
    """Device authorizations that were redeemed and gave no grant."""
    return _DEVICES_WITH_NOTHING.violations(run, "redeemed")


def tokens_that_answered_twice(run: Runner) -> int:
    """Requests at the door that were answered without a spent token, or for one that answered another."""
    row = run.one(_SHOWN_AGAIN)
    return _UNSPENT.violations(run) + (int(row[0]) if row else 0)
