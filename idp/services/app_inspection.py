"""Inspection of apps: what each asked for, against what it is registered for (blindage client inspect).

Counts and no persons. They are kept in memory and taken down once a minute, so that no request waits for them; a
process that is killed forgets its last minute. Where it is not known whether they were taken down, they are counted
again.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from idp.domain.app_use import DAY_SECONDS, KEPT_DAYS, AppUse, DayOfUse, Use
from idp.domain.client import Client
from idp.domain.errors import Unavailable
from idp.domain.ports import Store, Transaction
from idp.services.realm import Realm

SILENT_SHARE = 0.5
"""More silent requests than this are watching, not signing in."""

REFRESHES_PER_SIGN_IN = 200
"""More refreshes than this for each sign-in ask for a band that changes on the first of a month at most."""

REFUSED_SHARE = 0.5
FEW = 20
"""Below so many requests no share is remarked upon: they say nothing, and could be one person's."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Inspected:
    """One app: what it is registered for, what it did, and what is remarkable about it (words of a closed list)."""

    client: Client
    counts: Mapping[Use, int]
    remarks: tuple[str, ...]


def take_down(store: Store, now: int, use: AppUse) -> int:
    """Add a process's counts to those of the day; how many rows. They stay in memory when the database is away."""
    counts = use.take()
    day = now - now % DAY_SECONDS
    rows = [DayOfUse(client_id, day, kind, count) for (client_id, kind), count in sorted(counts.items())]

    def unit(tx: Transaction) -> None:
        for row in rows:
            tx.app_use.add(row, day + KEPT_DAYS * DAY_SECONDS)

    try:
        if rows:
            store.write(unit, b"app-use")
    except Unavailable:
        use.give_back(counts)
        raise
    return len(rows)


def inspect_apps(realm: Realm, days: int) -> list[Inspected]:
    """Every registered app with its counts of the last `days` days, today included."""
    now = realm.clock.now()
    since = now - now % DAY_SECONDS - (days - 1) * DAY_SECONDS
    counted: dict[str, Counter[Use]] = {}
    for row in realm.store.read(lambda tx: tx.app_use.since(since)):
        counted.setdefault(row.client_id, Counter())[row.use] += row.count
    return [_inspected(client, counted.get(client.id, Counter())) for client in _all_clients(realm)]


def _all_clients(realm: Realm) -> list[Client]:
    found: list[Client] = []
    after = ""
    while page := realm.store.read(lambda tx, after=after: tx.clients.page(after, _PAGE)):  # type: ignore[misc]
        found, after = [*found, *page], page[-1].id
    return found


def _inspected(client: Client, counts: Counter[Use]) -> Inspected:
    asked, signed_in = counts[Use.ASKED], counts[Use.SIGNED_IN]
    found = {
        "asks_for_other_scopes": counts[Use.OTHER_SCOPES] > 0,
        "asks_for_other_ages": counts[Use.OTHER_AGES] > 0,
        "polls_silently": asked >= FEW and counts[Use.SILENT] > SILENT_SHARE * asked,
        "mostly_refused": asked >= FEW and counts[Use.REFUSED] > REFUSED_SHARE * asked,
        "refreshes_often": counts[Use.REFRESHED] >= FEW
        and counts[Use.REFRESHED] > REFRESHES_PER_SIGN_IN * max(1, signed_in),
        "declares_no_purpose": asked > 0 and not client.manifest.purpose,
    }
    return Inspected(client, {use: counts[use] for use in Use}, tuple(name for name, true in found.items() if true))
