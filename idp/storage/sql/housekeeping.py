"""Removal of what has expired, in bites that hold the writer up for milliseconds only.

A reader looks where the next bite is; the writer is given that place and finds its rows there at once, whatever lies
before them: PostgreSQL keeps entries of removed rows in its indexes until a vacuum, and walking over them takes long.
"""

from collections.abc import Mapping

from sqlalchemy import bindparam as param
from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert as insert_new

from idp.domain.ports import Expired
from idp.storage.sql.expiry import SPENT_KEPT_SECONDS, Expiries, Expiring
from idp.storage.sql.outbox import GIVEN_UP
from idp.storage.sql.runner import Runner
from idp.storage.sql.statement import Statement
from idp.storage.sql.tables import (
    app_use,
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

BY_EXPIRY = (
    Expiring(sessions),
    Expiring(spent, kept=SPENT_KEPT_SECONDS),
    Expiring(attempts),
    Expiring(recovery_codes),
    Expiring(staff_sessions),
    Expiring(app_use),
    Expiring(device_grants, kept=DEVICE_GRANT_GRACE_SECONDS),
    Expiring(outbox, "due_at", kept=GIVEN_UP_KEPT_SECONDS, floor=GIVEN_UP),
)
_AFTER = grants.c.id > param("after")
_STOP = Statement(
    select(grants.c.id).where(_AFTER).order_by(grants.c.id).limit(1).offset(param("seen")), "after", "seen"
)
_SOME = (
    select(grants.c.id).where(_AFTER, grants.c.expires_at <= param("before"))
    .order_by(grants.c.id).limit(param("limit"))
)
_SOME_TO_END = Statement(_SOME, "after", "before", "limit")
_SOME_TO_STOP = Statement(_SOME.where(grants.c.id <= param("stop")), "after", "before", "limit", "stop")
_REMOVE = Statement(
    delete(grants).where(
        grants.c.id >= param("first"), grants.c.id <= param("last"), grants.c.expires_at <= param("before")
    ),
    "first", "last", "before",
)
_READ_PLACE = Statement(select(meta.c.value).where(meta.c.name == param("name")), "name")
# Who has this row locked is at it; others leave without waiting. SQLite has one writer anyway.
_TAKE_PLACE = Statement(
    select(meta.c.value).where(meta.c.name == param("name")).with_for_update(skip_locked=True), "name"
)
_NEW_PLACE = Statement(
    insert_new(meta).values(name=param("name"), value=param("value")).on_conflict_do_nothing(), "name", "value"
)
_SET_PLACE = Statement(update(meta).where(meta.c.name == param("key")).values(value=param("new")), "key", "new")


class SqlHousekeeping:
    """Implements `idp.domain.ports.Housekeeping`. Consents and the audit trail are not touched."""

    def __init__(self, run: Runner) -> None:
        self._run = run
        self._expiries = Expiries(run, BY_EXPIRY)

    def look(self, now: int, limit: int, seen: Mapping[str, int]) -> Expired:
        found = self._run.one(_READ_PLACE, _PLACE)
        place = bytes.fromhex(found[0]) if found else b""
        before = now - GRANT_GRACE_SECONDS
        stop = self._run.one(_STOP, place, GRANTS_SEEN_PER_LIMIT * limit - 1)
        if stop is None:
            ids = self._run.rows(_SOME_TO_END, place, before, limit)
        else:
            ids = self._run.rows(_SOME_TO_STOP, place, before, limit, stop[0])
        # With more to delete in this stretch, the next one begins behind what is deleted now.
        next_place = ids[-1][0] if len(ids) == limit else stop[0] if stop else b""
        return Expired(
            self._expiries.begin(now, seen), place, next_place, (ids[0][0], ids[-1][0]) if ids else None
        )

    def purge(self, now: int, limit: int, expired: Expired | None = None) -> dict[str, int]:
        if expired is None:
            expired = self.look(now, limit, {})
        if not self._turn(expired.place):
            return {**self._expiries.remove(now, limit, {}), "grants": 0}
        purged = self._expiries.remove(now, limit, expired.since)
        removed = 0
        if expired.grants is not None:
            removed = self._run.change(_REMOVE, *expired.grants, now - GRANT_GRACE_SECONDS)
        if expired.next_place != expired.place:
            self._run.change(_SET_PLACE, _PLACE, expired.next_place.hex())
        return {**purged, "grants": removed}

    def _turn(self, place: bytes) -> bool:
        """Whether this process goes on from `place`: it does not if another is at it, or was since."""
        held = self._run.one(_TAKE_PLACE, _PLACE)
        if held is None:
            return self._run.change(_NEW_PLACE, _PLACE, "") == 1 and not place
        return bytes.fromhex(held[0]) == place
