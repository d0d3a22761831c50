"""Removal of what has expired, in bites that hold the writer up for milliseconds only."""

from sqlalchemy import Table, delete, select, update
from sqlalchemy import bindparam as param
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.storage.sql.outbox import GIVEN_UP
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import (
    attempts,
    device_grants,
    grants,
    meta,
    outbox,
    recovery_codes,
    sessions,
    spent,
    staff_sessions,
)

# A grant is what makes its code work once, so it outlives every code by far.
GRANT_GRACE_SECONDS = 600
# Grants looked at for each one that may be deleted. They have no index on their end, which would cost every code
# exchange a third tree; instead each bite goes on through the table where the last one stopped.
GRANTS_SEEN_PER_LIMIT = 10
_PLACE = "housekeeping/grants"
# How long a message that was given up is shown to operators.
GIVEN_UP_KEPT_SECONDS = 30 * 86_400
# A device that polls late is still told that its code has expired, not that there never was one.
DEVICE_GRANT_GRACE_SECONDS = 600


def _expired(table: Table) -> Statement:
    keys = list(table.primary_key)
    # The key of `attempts` is a pair, but its first half names the same counter.
    some = select(keys[0]).where(table.c.expires_at <= param("now")).limit(param("limit"))
    return Statement(delete(table).where(keys[0].in_(some), table.c.expires_at <= param("now")), "now", "limit")


_BY_EXPIRY = {table.name: _expired(table) for table in (sessions, spent, attempts, recovery_codes, staff_sessions)}
_DEVICE_GRANTS = _expired(device_grants)
_STOP = Statement(
    select(grants.c.id).where(grants.c.id > param("after")).order_by(grants.c.id).limit(1).offset(param("seen")),
    "after", "seen",
)
_SOME_GRANTS = (
    select(grants.c.id).where(grants.c.id > param("after"), grants.c.expires_at <= param("now"))
    .order_by(grants.c.id).limit(param("limit"))
)
_GRANTS_TO_END = Statement(delete(grants).where(grants.c.id.in_(_SOME_GRANTS)), "after", "now", "limit")
_GRANTS_TO_STOP = Statement(
    delete(grants).where(grants.c.id.in_(_SOME_GRANTS.where(grants.c.id <= param("stop")))),
    "after", "now", "limit", "stop",
)
_GIVEN_UP = Statement(
    delete(outbox).where(outbox.c.id.in_(
        select(outbox.c.id).where(outbox.c.due_at >= GIVEN_UP, outbox.c.due_at <= param("before")).limit(param("limit"))
    )),
    "before", "limit",
)
_READ_PLACE = Statement(select(meta.c.value).where(meta.c.name == param("name")), "name")
_NEW_PLACE = Statement(
    insert_new(meta).values(name=param("name"), value=param("value")).on_conflict_do_nothing(), "name", "value"
)
_SET_PLACE = Statement(update(meta).where(meta.c.name == param("key")).values(value=param("new")), "key", "new")


class SqlHousekeeping:
    """Implements `idp.domain.ports.Housekeeping`. Consents and the audit trail are not touched."""

    def __init__(self, run: Runner) -> None:
        self._run = run

    def purge(self, now: int, limit: int) -> dict[str, int]:
        purged = {name: self._run.change(statement, now, limit) for name, statement in _BY_EXPIRY.items()}
        purged["device_grants"] = self._run.change(_DEVICE_GRANTS, now - DEVICE_GRANT_GRACE_SECONDS, limit)
        purged["outbox"] = self._run.change(_GIVEN_UP, GIVEN_UP + now - GIVEN_UP_KEPT_SECONDS, limit)
        return {**purged, "grants": self._purge_grants(now - GRANT_GRACE_SECONDS, limit)}

    def _purge_grants(self, before: int, limit: int) -> int:
        found = self._run.one(_READ_PLACE, _PLACE)
        after = bytes.fromhex(found[0]) if found else b""
        stop = self._run.one(_STOP, after, GRANTS_SEEN_PER_LIMIT * limit - 1)
        if stop is None:
            purged = self._run.change(_GRANTS_TO_END, after, before, limit)
            place = b""
        else:
            purged = self._run.change(_GRANTS_TO_STOP, after, before, limit, stop[0])
            place = stop[0]
        # With more to delete in this stretch, the next bite begins at the same place.
        if purged < limit and place != after:
            if found is None:
                self._run.change(_NEW_PLACE, _PLACE, place.hex())
            else:
                self._run.change(_SET_PLACE, _PLACE, place.hex())
        return purged
