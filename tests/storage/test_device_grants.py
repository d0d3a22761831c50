"""Device authorizations: polled in one statement, answered once, redeemed once, gone with their account."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pytest

from idp.domain.device_grant import (
    LONGEST_INTERVAL_SECONDS,
    Approved,
    Denied,
    DeviceGrant,
    Redeemed,
    Waiting,
)
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import NOW, a_device_grant, an_account, an_approval

CODE = sha256(b"the device's own secret").digest()


def _added(store: SqlStore, **changes: object) -> DeviceGrant:
    grant = a_device_grant(device_code=CODE, **changes)
    assert store.write(lambda tx: tx.device_grants.add(grant))
    return grant


def _stored(store: SqlStore, grant: DeviceGrant) -> DeviceGrant | None:
    return store.read(lambda tx: tx.device_grants.get(grant.id))


def test_a_device_grant_comes_back_as_it_was_given(store: SqlStore) -> None:
    grant = _added(store, parameters={"scope": "openid", "claims": '{"id_token":{}}', "nonce": "é"}, interval=10)
    assert _stored(store, grant) == grant
    assert store.read(lambda tx: tx.device_grants.by_user_code(grant.user_code)) == grant
    assert store.read(lambda tx: tx.device_grants.get(bytes(16))) is None
    assert store.read(lambda tx: tx.device_grants.by_user_code(bytes(32))) is None


@pytest.mark.parametrize("taken", ["device_code", "user_code"])
def test_a_code_that_is_taken_is_not_given_twice(store: SqlStore, taken: str) -> None:
    first = _added(store)
    second = replace(a_device_grant(), **{taken: getattr(first, taken)})
    assert not store.write(lambda tx: tx.device_grants.add(second))
    assert _stored(store, second) is None and _stored(store, first) == first


def test_an_answer_is_stored_once_and_in_full(store: SqlStore) -> None:
    approved = an_approval(
        an_account(), claims_request='[["age_over_18"],[]]', shown_auth_time=NOW - 7, acr="enhanced", nonce="n-é",
        resource="https://api.example/",
    )  # fmt: skip
    grant = _added(store)
    answered = grant.approve(approved, NOW)
    assert store.write(lambda tx: tx.device_grants.claim_answer(answered, NOW))
    assert _stored(store, grant) == replace(grant, stage=approved)
    assert not store.write(lambda tx: tx.device_grants.claim_answer(grant.deny(NOW), NOW)), "a second answer is late"
    assert not store.write(lambda tx: tx.device_grants.claim_answer(answered, NOW))
    assert _stored(store, grant) == replace(grant, stage=approved)


def test_a_denied_grant_is_neither_approved_nor_redeemed_any_more(store: SqlStore) -> None:
    grant = _added(store)
    assert store.write(lambda tx: tx.device_grants.claim_answer(grant.deny(NOW), NOW))
    approval = grant.approve(an_approval(an_account()), NOW)
    assert not store.write(lambda tx: tx.device_grants.claim_answer(approval, NOW))
    assert not store.write(lambda tx: tx.device_grants.claim_redeemed(grant.id, NOW))
    assert _stored(store, grant) == replace(grant, stage=Denied())


def test_an_approved_grant_is_redeemed_once_and_forgets_who_it_was_for(store: SqlStore, database: Database) -> None:
    account = an_account()
    grant = _added(store)
    assert not store.write(lambda tx: tx.device_grants.claim_redeemed(grant.id, NOW)), "nobody has agreed yet"
    answered = grant.approve(an_approval(account), NOW)
    store.write(lambda tx: tx.device_grants.claim_answer(answered, NOW))
    assert store.write(lambda tx: tx.device_grants.claim_redeemed(grant.id, NOW + 1))
    assert not store.write(lambda tx: tx.device_grants.claim_redeemed(grant.id, NOW + 1))
    assert _stored(store, grant) == replace(grant, stage=Redeemed())
    assert account.id not in database.dump(["device_grants"])


def test_what_an_account_approved_and_nobody_fetched_can_be_taken_back(store: SqlStore, database: Database) -> None:
    account, other = an_account(), an_account()
    mine, fetched, anothers, waiting = drawn = [a_device_grant() for _ in range(4)]
    assert all(store.write(lambda tx, one=one: tx.device_grants.add(one)) for one in drawn)
    for grant, person in ((mine, account), (fetched, account), (anothers, other)):
        answered = grant.approve(an_approval(person), NOW)
        assert store.write(lambda tx, answered=answered: tx.device_grants.claim_answer(answered, NOW))
    assert store.write(lambda tx: tx.device_grants.claim_redeemed(fetched.id, NOW))
    assert store.write(lambda tx: tx.device_grants.deny_of_account(account.id)) == 1
    assert not store.write(lambda tx: tx.device_grants.claim_redeemed(mine.id, NOW))
    stages = [found.stage for one in (mine, fetched, waiting) if (found := _stored(store, one)) is not None]
    assert stages == [Denied(), Redeemed(), Waiting()]
    assert store.write(lambda tx: tx.device_grants.claim_redeemed(anothers.id, NOW))
    assert account.id not in database.dump(["device_grants"])


@pytest.mark.parametrize("late", [False, True])
def test_time_ends_every_step(store: SqlStore, late: bool) -> None:
    grant = _added(store)
    now = grant.expires_at - (not late)
    answered = grant.approve(an_approval(an_account()), NOW)
    assert store.write(lambda tx: tx.device_grants.claim_answer(answered, now)) is not late
    store.write(lambda tx: tx.device_grants.claim_answer(answered, NOW))
    assert store.write(lambda tx: tx.device_grants.claim_redeemed(grant.id, now)) is not late


def test_sixteen_who_redeem_at_once_are_told_yes_once(store: SqlStore, open_another: Callable[[], SqlStore]) -> None:
    grant = _added(store)
    answered = grant.approve(an_approval(an_account()), NOW)
    store.write(lambda tx: tx.device_grants.claim_answer(answered, NOW))
    stores = [store, open_another()]
    with ThreadPoolExecutor(16) as threads:
        won = list(threads.map(
            lambda number: stores[number % 2].write(lambda tx: tx.device_grants.claim_redeemed(grant.id, NOW)),
            range(16),
        ))
    assert won.count(True) == 1


def test_polls_in_time_are_not_slowed_down(store: SqlStore) -> None:
    grant = _added(store)
    for at in (NOW, NOW + 5, NOW + 10, NOW + 60):
        poll = store.write(lambda tx, at=at: tx.device_grants.poll(CODE, "app", at))
        assert poll is not None and poll.grant == grant and not poll.hurried


def test_a_hasty_poll_lengthens_the_interval_by_five_seconds_for_good(store: SqlStore) -> None:
    _added(store)

    def poll(at: int) -> tuple[bool, int]:
        found = store.write(lambda tx: tx.device_grants.poll(CODE, "app", at))
        assert found is not None
        return found.hurried, found.grant.interval

    assert poll(NOW) == (False, 5)
    assert poll(NOW + 4) == (True, 10)
    assert poll(NOW + 13) == (True, 15)
    assert poll(NOW + 28) == (False, 15), "who waits as told is served again"
    assert poll(NOW + 42) == (True, 20), "and the interval has stayed"
    assert poll(NOW + 62) == (False, 20)


def test_the_interval_stops_growing_so_that_a_device_can_catch_up(store: SqlStore) -> None:
    _added(store)
    at = NOW
    for _ in range(20):
        poll = store.write(lambda tx, at=at: tx.device_grants.poll(CODE, "app", at))
        at += 1
    assert poll is not None and poll.hurried and poll.grant.interval == LONGEST_INTERVAL_SECONDS
    at += LONGEST_INTERVAL_SECONDS - 1
    poll = store.write(lambda tx: tx.device_grants.poll(CODE, "app", at))
    assert poll is not None and not poll.hurried


def test_a_poll_of_another_client_finds_nothing_and_disturbs_nothing(store: SqlStore) -> None:
    grant = _added(store)
    store.write(lambda tx: tx.device_grants.poll(CODE, "app", NOW))
    for code, client in ((CODE, "other"), (bytes(32), "app"), (b"", "app")):
        assert store.write(lambda tx, one=(code, client): tx.device_grants.poll(*one, NOW + 1)) is None
    poll = store.write(lambda tx: tx.device_grants.poll(CODE, "app", NOW + 5))
    assert poll is not None and not poll.hurried and poll.grant == grant


@pytest.mark.parametrize("answer", ["approved", "denied"])
def test_a_device_that_has_its_answer_is_not_slowed_down(store: SqlStore, answer: str) -> None:
    grant = _added(store)
    store.write(lambda tx: tx.device_grants.poll(CODE, "app", NOW))
    answered = grant.approve(an_approval(an_account()), NOW) if answer == "approved" else grant.deny(NOW)
    store.write(lambda tx: tx.device_grants.claim_answer(answered, NOW))
    poll = store.write(lambda tx: tx.device_grants.poll(CODE, "app", NOW + 1))
    assert poll is not None and not poll.hurried and isinstance(poll.grant.stage, Approved | Denied)


def test_an_approval_goes_with_its_account(store: SqlStore) -> None:
    account = an_account()
    store.write(lambda tx: tx.accounts.add(account))
    grant, other = _added(store), a_device_grant()
    store.write(lambda tx: tx.device_grants.add(other))
    answered = grant.approve(an_approval(account), NOW)
    store.write(lambda tx: tx.device_grants.claim_answer(answered, NOW))
    assert store.write(lambda tx: tx.accounts.delete(account.id))
    assert _stored(store, grant) is None
    assert _stored(store, other) == replace(other, stage=Waiting())


def test_what_was_agreed_is_sealed(store: SqlStore, database: Database) -> None:
    grant = _added(store)
    approved = an_approval(
        an_account(), subject="subject-in-the-clear", claims_request="claims-in-the-clear", nonce="nonce-in-the-clear"
    )
    store.write(lambda tx: tx.device_grants.claim_answer(grant.approve(approved, NOW), NOW))
    dump = database.dump(["device_grants"])
    assert b"in-the-clear" not in dump
