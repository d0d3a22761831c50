"""One-time values, counters and outgoing messages."""

import secrets

import pytest

from idp.domain.errors import Conflict
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import NOW


def test_a_one_time_value_is_claimed_once_for_each_kind(store: SqlStore) -> None:
    value = secrets.token_bytes(8)
    assert store.write(lambda tx: tx.spent.claim("dpop", value, NOW + 60))
    assert not store.write(lambda tx: tx.spent.claim("dpop", value, NOW + 600))
    assert store.write(lambda tx: tx.spent.claim("assertion", value, NOW + 60))
    assert store.write(lambda tx: tx.spent.claim("dpo", b"p" + value, NOW + 60)), "kind and value do not run together"


def test_a_one_time_value_is_stored_as_a_digest(store: SqlStore, database: Database) -> None:
    store.write(lambda tx: tx.spent.claim("reset", b"the-secret-value", NOW + 60))
    assert b"the-secret-value" not in database.dump(["spent"])


def test_attempts_count_up_in_their_window(store: SqlStore) -> None:
    key = secrets.token_bytes(32)
    counted = [store.write(lambda tx: tx.attempts.add(key, NOW, NOW + 600)) for _ in range(3)]
    assert counted == [1, 2, 3]
    assert store.write(lambda tx: tx.attempts.add(key, NOW + 300, NOW + 900)) == 1
    assert store.read(lambda tx: (tx.attempts.count(key, NOW), tx.attempts.count(b"other", NOW))) == (3, 0)
    store.write(lambda tx: tx.attempts.clear(key))
    assert store.read(lambda tx: (tx.attempts.count(key, NOW), tx.attempts.count(key, NOW + 300))) == (0, 0)


def test_an_attempt_that_did_not_fail_is_taken_back_in_its_window_alone(store: SqlStore) -> None:
    key = secrets.token_bytes(32)
    for window in (NOW, NOW, NOW + 300):
        store.write(lambda tx, window=window: tx.attempts.add(key, window, NOW + 900))
    for _ in range(3):
        store.write(lambda tx: tx.attempts.take_back(key, NOW))
    store.write(lambda tx: tx.attempts.take_back(b"other", NOW))
    assert store.read(lambda tx: (tx.attempts.count(key, NOW), tx.attempts.count(key, NOW + 300))) == (0, 1)
    assert store.read(lambda tx: tx.attempts.count(b"other", NOW)) == 0


def test_a_due_message_is_leased_to_one_sender_at_a_time(store: SqlStore) -> None:
    ids = [bytes([number]) * 16 for number in range(3)]
    for number, message_id in enumerate(ids):
        store.write(
            lambda tx, i=message_id, n=number: tx.outbox.put(i, "logout", "app", b"token %d" % n, NOW + n)
        )
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.outbox.put(ids[0], "logout", "app", b"", NOW))
    leased = store.write(lambda tx: tx.outbox.claim_due(NOW + 1, NOW + 30, 10))
    assert leased == [(ids[0], "logout", "app", b"token 0", 0), (ids[1], "logout", "app", b"token 1", 0)]
    assert store.write(lambda tx: tx.outbox.claim_due(NOW + 1, NOW + 30, 10)) == []
    store.write(lambda tx: (tx.outbox.delivered(ids[0]), tx.outbox.failed(ids[1], NOW + 5)))
    again = store.write(lambda tx: tx.outbox.claim_due(NOW + 5, NOW + 60, 1))
    assert [(row[0], row[4]) for row in again] in ([(ids[1], 1)], [(ids[2], 0)]), "at most the limit"
    rest = store.write(lambda tx: tx.outbox.claim_due(NOW + 5, NOW + 60, 9))
    assert {row[0] for row in (*again, *rest)} == {ids[1], ids[2]}


def test_a_message_that_was_given_up_says_so_for_thirty_days_and_nothing_else(
    store: SqlStore, database: Database
) -> None:
    store.write(lambda tx: tx.outbox.put(bytes(16), "logout", "app", b"token", NOW))
    store.write(lambda tx: tx.outbox.claim_due(NOW, NOW + 30, 9))
    assert store.read(lambda tx: tx.outbox.of_client("app")) == [("logout", 1, NOW + 30)]
    store.write(lambda tx: tx.outbox.give_up(bytes(16), NOW + 40))
    assert store.write(lambda tx: tx.outbox.claim_due(NOW + 999_999_999, NOW + 999_999_999, 9)) == []
    assert store.read(lambda tx: tx.outbox.of_client("app")) == [("logout", 1, None)]
    assert database.rows("SELECT payload FROM outbox") == [(b"",)]
    month = 30 * 86_400
    assert store.write(lambda tx: tx.housekeeping.purge(NOW + 39 + month, 9))["outbox"] == 0
    assert store.write(lambda tx: tx.housekeeping.purge(NOW + 40 + month, 9))["outbox"] == 1


def test_a_lease_that_runs_out_is_given_again(store: SqlStore) -> None:
    store.write(lambda tx: tx.outbox.put(bytes(16), "event", "app", b"x", NOW))
    assert len(store.write(lambda tx: tx.outbox.claim_due(NOW, NOW + 30, 9))) == 1
    assert store.write(lambda tx: tx.outbox.claim_due(NOW + 29, NOW + 60, 9)) == []
    assert store.write(lambda tx: tx.outbox.claim_due(NOW + 30, NOW + 60, 9))[0][4] == 1


def test_messages_are_sealed(store: SqlStore, database: Database) -> None:
    store.write(lambda tx: tx.outbox.put(bytes(16), "logout", "app", b"pseudonym-in-the-clear", NOW))
    assert b"in-the-clear" not in database.dump(["outbox"])
