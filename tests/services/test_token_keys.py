"""Token keys over their life on the account side: made ahead, logged ahead, never for a part of the notice."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from idp.composition import log_signer
from idp.domain.age import Band
from idp.domain.age_token import EPOCH_SECONDS, KeyRole, epoch_of, epoch_start
from idp.services.token_keys import (
    NOTICE_SECONDS,
    acceptable_keys,
    ensure_token_keys,
    published_log,
    revoke_after_restore,
    signing_key_of,
)
from tests.app import App, running_app
from tests.clock import START


@pytest.fixture
def account(tmp_path: Path) -> Iterator[App]:
    with running_app(tmp_path) as running:
        yield running


def test_keys_are_made_for_this_epoch_and_the_next_and_logged_before_use(account: App) -> None:
    store = account.provider.realm.store
    made = ensure_token_keys(store, START, NOTICE_SECONDS)
    epoch = epoch_of(START)
    assert sorted((key.epoch, key.band, key.role) for key in made) == sorted(
        (number, band, role) for number in (epoch, epoch + 1) for band in Band for role in KeyRole
    )
    for key in made:
        begins = START + NOTICE_SECONDS if key.epoch == epoch else epoch_start(epoch + 1)
        assert (key.not_before, key.not_after) == (begins, epoch_start(key.epoch + 1))
        assert key.accepted_until == epoch_start(key.epoch + 2)
    leaves = published_log(store, log_signer(account.provider)).leaves
    assert set(leaves) == {key.leaf() for key in made}
    assert len({key.key_id[-1] for key in made}) == len(made)
    assert ensure_token_keys(store, START, NOTICE_SECONDS) == []
    # A month later only the epoch after next is missing.
    later = ensure_token_keys(store, START + EPOCH_SECONDS, NOTICE_SECONDS)
    assert {key.epoch for key in later} == {epoch + 2}


@pytest.mark.parametrize(("before_end", "epochs"), [(NOTICE_SECONDS + 1, 2), (NOTICE_SECONDS, 1), (1, 1)])
def test_epoch_that_ends_within_the_notice_stays_without_keys(account: App, before_end: int, epochs: int) -> None:
    """A leaf whose time is over before it begins would make the whole log malformed, for good."""
    end = epoch_start(epoch_of(START) + 1)
    made = ensure_token_keys(account.provider.realm.store, end - before_end, NOTICE_SECONDS)
    assert len({key.epoch for key in made}) == epochs
    for key in made:
        leaf = json.loads(key.leaf())
        assert leaf["not_before"] < leaf["not_after"]
        assert leaf["not_before"] >= end - before_end + NOTICE_SECONDS


def test_primary_signs_in_its_epoch_and_the_standby_after_its_revocation(account: App) -> None:
    store = account.provider.realm.store
    ensure_token_keys(store, START, 0)

    def signing(now: int) -> tuple[KeyRole, int] | None:
        key = signing_key_of(store.read(lambda tx: tx.token_keys.all()), Band.ADULT, now)
        return None if key is None else (key.role, key.epoch)

    epoch, end = epoch_of(START), epoch_start(epoch_of(START) + 1)
    assert signing(START - 1) is None
    assert signing(START) == signing(end - 1) == (KeyRole.PRIMARY, epoch)
    assert signing(end) == (KeyRole.PRIMARY, epoch + 1)
    revoked = revoke_after_restore(store, START)
    assert {(key.band, key.role, key.epoch) for key in revoked} == {(band, KeyRole.PRIMARY, epoch) for band in Band}
    assert revoke_after_restore(store, START) == []
    assert signing(START) == (KeyRole.STANDBY, epoch)
    listed = acceptable_keys(store.read(lambda tx: tx.token_keys.all()), Band.ADULT, START)
    assert [(key.role, key.epoch) for key in listed] == [(KeyRole.STANDBY, epoch), (KeyRole.PRIMARY, epoch + 1)]


def test_restore_in_a_new_epoch_revokes_the_last_ones_primaries_too(account: App) -> None:
    store, end = account.provider.realm.store, epoch_start(epoch_of(START) + 1)
    ensure_token_keys(store, START, 0)
    revoked = revoke_after_restore(store, end + 1)
    assert {key.epoch for key in revoked} == {epoch_of(START), epoch_of(START) + 1}
