"""What has expired goes bite by bite, until nothing is left, however much there is."""

from collections.abc import Iterator

import pytest

from idp.background import LEAST_REST_SECONDS, LONGEST_REST_SECONDS, Task
from idp.services.housekeeping import BITE, MAX_BITES, Purger, purge_expired
from idp.storage.sql.expiry import SPENT_KEPT_SECONDS
from idp.storage.sql.housekeeping import GRANT_GRACE_SECONDS, GRANTS_SEEN_PER_LIMIT
from tests.app import App, running_app
from tests.storage.things import a_grant, consenting


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    with running_app(tmp_path_factory.mktemp("issuer"), "https://id.example") as running:
        yield running


def spend(issuer: App, count: int, expires_at: int) -> None:
    """Use so many one-time values up."""
    store, kind = issuer.provider.realm.store, str(expires_at)
    store.write(lambda tx: [tx.spent.claim(kind, b"%d" % number, expires_at) for number in range(count)])


def test_a_turn_is_one_bite_and_says_whether_there_is_more(issuer: App) -> None:
    now = issuer.clock.now() - SPENT_KEPT_SECONDS
    purger = Purger(issuer.provider.realm)
    assert not purger.take_turn()
    spend(issuer, 2 * BITE + 1, now)
    spend(issuer, 1, now + 1)
    assert [purger.take_turn() for _ in range(4)] == [True, True, False, False]
    assert purger.removed["spent"] == 2 * BITE + 1
    issuer.clock.advance(1)
    purger.take_turn()
    assert purger.removed["spent"] == 2 * BITE + 2, "after a rest it begins at the beginning"


def test_a_command_goes_on_until_all_is_gone_or_it_has_done_enough(issuer: App) -> None:
    spend(issuer, 3 * BITE, issuer.clock.now() - SPENT_KEPT_SECONDS)
    assert purge_expired(issuer.provider.realm, bites=2)["spent"] == 2 * BITE
    assert purge_expired(issuer.provider.realm)["spent"] == BITE
    assert MAX_BITES * BITE >= 10_000


def test_one_expired_grant_here_and_there_is_found_in_one_go_through_the_table(issuer: App) -> None:
    """Else a long table with few expired rows is looked through in days, and ends would be kept for as long."""
    realm, bite, stretches = issuer.provider.realm, 3, 60
    now = issuer.clock.now()
    _, consent = consenting(realm.store)
    rows = stretches * bite * GRANTS_SEEN_PER_LIMIT
    for first in range(0, rows, 300):
        batch = [
            a_grant(
                consent,
                id=number.to_bytes(16, "big"),
                expires_at=now - GRANT_GRACE_SECONDS if number % 20 == 0 else now + 600,
            )
            for number in range(first, min(first + 300, rows))
        ]
        realm.store.write(lambda tx, batch=batch: [tx.grants.claim_code(grant) for grant in batch])
    purger, turns = Purger(realm, bite), 1
    while purger.take_turn():
        turns += 1
    assert purger.removed["grants"] == rows // 20
    assert turns <= 2 * stretches + 20


def test_who_has_more_to_do_rests_in_proportion_to_its_work() -> None:
    task = Task("any", 60, lambda: True, share=0.2)
    assert task.rest_after(0.010, more=True) == pytest.approx(0.040)
    assert task.rest_after(0.0001, more=True) == LEAST_REST_SECONDS
    assert task.rest_after(100.0, more=True) == LONGEST_REST_SECONDS
    assert task.rest_after(0.010, more=False) == 60
    assert Task("any", 60, lambda: True).rest_after(0.010, more=True) == 60
