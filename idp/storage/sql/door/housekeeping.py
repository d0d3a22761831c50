"""Removal of what has expired at the door, in bites that hold the writer up for milliseconds only."""

from sqlalchemy import Table, delete, select
from sqlalchemy import bindparam as param

from idp.storage.sql.door.tables import answered_requests, door_grants, spent_tokens
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import attempts, spent

# A grant is what makes its code work once, so it outlives every code by far.
GRANT_GRACE_SECONDS = 600


def _expired(table: Table) -> Statement:
    keys = list(table.primary_key)
    # The key of `attempts` is a pair, but its first half names the same counter.
    some = select(keys[0]).where(table.c.expires_at <= param("now")).limit(param("limit"))
    return Statement(delete(table).where(keys[0].in_(some), table.c.expires_at <= param("now")), "now", "limit")


_BY_EXPIRY = {table.name: _expired(table) for table in (spent, attempts, spent_tokens, answered_requests)}
_GRANTS = _expired(door_grants)


class SqlDoorHousekeeping:
    """Implements `idp.domain.ports.Housekeeping`. The audit trail and the key log are not touched."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def purge(self, now: int, limit: int) -> dict[str, int]:
        purged = {name: self._run.change(statement, now, limit) for name, statement in _BY_EXPIRY.items()}
        return {**purged, "door_grants": self._run.change(_GRANTS, now - GRANT_GRACE_SECONDS, limit)}
