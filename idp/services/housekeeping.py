"""Housekeeping: expired rows go in small bites, keys move on when they are due."""

from idp.domain.ports import Store
from idp.services.realm import Realm

BITE = 500
"""Rows a table loses in one transaction: few enough that no request waits behind it."""

MAX_BITES = 200
"""Bites of one call, so that a command ends; a server comes back every minute."""


def purge_expired(realm: Realm, bites: int = MAX_BITES) -> dict[str, int]:
    """Delete what has expired; rows removed by table. Safe in several processes at once."""
    store: Store = realm.store
    removed: dict[str, int] = {}
    now = realm.clock.now()
    for _ in range(bites):
        bite = store.write(lambda tx: tx.housekeeping.purge(now, BITE), b"housekeeping")
        for table, rows in bite.items():
            removed[table] = removed.get(table, 0) + rows
        if not any(rows >= BITE for rows in bite.values()):
            break
    return removed
