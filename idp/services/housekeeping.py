"""Housekeeping: expired rows go in small bites, so that no request waits behind them."""

from collections.abc import Mapping

from idp.domain.ports import Expired
from idp.services.realm import Realm

BITE = 400
"""Rows that a table loses in one transaction, on a connection that no request waits for."""

MAX_BITES = 200
"""Bites of one call, so that a command ends; a server comes back every minute."""

_LOOKS = 20
"""Stretches of a long table that are looked through in a row where nothing has expired."""


class Purger:
    """One process's way through what has expired, bite by bite. Safe in several processes at once."""

    def __init__(self, realm: Realm, bite: int = BITE) -> None:
        self._realm = realm
        self._bite = bite
        self._seen: Mapping[str, int] = {}
        self._in_vain = 0
        self.removed: dict[str, int] = {}

    def take_turn(self) -> bool:
        """Remove one bite; whether there is likely to be more."""
        now, store = self._realm.clock.now(), self._realm.store
        expired = store.read(lambda tx: tx.housekeeping.look(now, self._bite, self._seen))
        # The first turn always writes, if only zeros: a command shows which tables it looked at.
        if self.removed and not expired.moves:
            return self._rest()
        bite = store.write(lambda tx: tx.housekeeping.purge(now, self._bite, expired), b"housekeeping")
        for table, rows in bite.items():
            self.removed[table] = self.removed.get(table, 0) + rows
        return self._goes_on(expired, bite)

    def _goes_on(self, expired: Expired, bite: Mapping[str, int]) -> bool:
        if any(rows >= self._bite for rows in bite.values()):
            self._seen, self._in_vain = expired.since, 0
            return True
        # Grants here and there: on through the whole table, else the last of a long one would wait for days.
        self._in_vain = 0 if bite.get("grants") else self._in_vain + 1
        # At the end of the table, or after a while without anything to remove, the rest can wait for the next minute.
        return self._in_vain < _LOOKS and expired.next_place != b"" or self._rest()

    def _rest(self) -> bool:
        self._seen, self._in_vain = {}, 0
        return False


def purge_expired(realm: Realm, bites: int = MAX_BITES) -> dict[str, int]:
    """Delete what has expired; rows removed by table."""
    purger = Purger(realm)
    for _ in range(bites):
        if not purger.take_turn():
            break
    return purger.removed
