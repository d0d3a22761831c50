"""Removal of what has expired at the door, in bites that hold the writer up for milliseconds only."""

from collections.abc import Mapping

from idp.domain.ports import Expired
from idp.storage.sql.door.tables import answered_requests, door_grants, spent_tokens
from idp.storage.sql.expiry import SPENT_KEPT_SECONDS, Expiries, Expiring
from idp.storage.sql.runner import Runner
from idp.storage.sql.tables import attempts, spent

# A grant is what makes its code work once, so it outlives every code by far.
GRANT_GRACE_SECONDS = 600

_BY_EXPIRY = (
    Expiring(spent, kept=SPENT_KEPT_SECONDS),
    Expiring(attempts),
    Expiring(spent_tokens),
    Expiring(answered_requests),
    Expiring(door_grants, kept=GRANT_GRACE_SECONDS),
)


class SqlDoorHousekeeping:
    """Implements `idp.domain.ports.Housekeeping`. The audit trail and the key log are not touched."""

    def __init__(self, run: Runner) -> None:
        self._expiries = Expiries(run, _BY_EXPIRY)

    def look(self, now: int, limit: int, seen: Mapping[str, int]) -> Expired:
        return Expired(self._expiries.begin(now, seen))

    def purge(self, now: int, limit: int, expired: Expired | None = None) -> dict[str, int]:
        return self._expiries.remove(now, limit, (expired or self.look(now, limit, {})).since)
