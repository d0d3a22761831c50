"""The door's database is lost and an old backup comes back: what was spent since does not count again (threats C19)."""

import shutil
from pathlib import Path

import pytest

from idp.composition import compose_door, key_log_follower
from idp.services.token_keys import revoke_after_restore
from idp.storage.sql.store import FILE
from idp.upkeep import sql_store
from tests.relying_party import error_of
from tests.veiled import Veiled, Wallet, make_door, mint_tokens


def _spend(wallet: Wallet, tokens: list[bytes]) -> list[int]:
    """Show each token for a request of its own; the statuses."""
    app = wallet.veiled.app()
    statuses = []
    for token in tokens:
        shown = wallet.arrive(app)
        statuses.append(shown.post(wallet.fields(shown, token)).status_code)
    return statuses


def _restored(fresh: Veiled, backup: Path) -> Veiled:
    """The door anew on the backup, as its server starts: the key log is looked at before anything is served."""
    directory = fresh.door.settings.data_dir
    fresh.door.provider.realm.store.close()
    for file in directory.glob(FILE + "*"):
        file.unlink()
    shutil.copy(backup, directory / FILE)
    door, fetcher = make_door(directory, fresh.account)
    parts = compose_door(door.provider, door.settings)
    follower = key_log_follower(parts)
    assert follower.follow()
    fresh.door, fresh.fetcher, fresh.parts, fresh.follower = door, fetcher, parts, follower
    return fresh


@pytest.mark.parametrize(
    ("revoked", "count"), [(True, 20), (False, 20), pytest.param(True, 1000, marks=pytest.mark.long)]
)
def test_tokens_spent_since_the_backup_are_refused_after_the_rotation(
    fresh: Veiled, tmp_path: Path, revoked: bool, count: int
) -> None:
    """Without the rotation they would count again: that is what the operator's manual says, and why it is there."""
    person = fresh.account.person()
    wallet = fresh.wallet(person, 4)
    backup = tmp_path / "backup.db"
    sql_store(fresh.door.provider.realm.store).backup(backup)
    spent = [token.to_bytes() for token in mint_tokens(fresh.account.provider, fresh.challenge, count)]
    assert set(_spend(wallet, spent)) == {200}
    if revoked:
        account = fresh.account.provider
        assert len(revoke_after_restore(account.realm.store, account.now())) == 2
    wallet.veiled = _restored(fresh, backup)
    assert set(_spend(wallet, spent)) == {400 if revoked else 200}
    if revoked:
        # Nothing of the revoked key counts, spent or not; the standby signs from here on.
        shown = wallet.arrive(fresh.app())
        assert error_of(shown.post(wallet.fields(shown))) == "invalid_token"
        fresh.clock.advance(5)
        wallet.tokens.clear()
        wallet.fill(person, 2)
        assert _spend(wallet, [wallet.tokens.pop().to_bytes()]) == [200]
