"""Grants: a code is redeemed once, a refresh token rotates once, and nothing lives longer than what it hangs on."""

from dataclasses import replace

import pytest

from idp.domain.account import AccountState
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import ADULT, NOW, a_consent, a_grant, a_session, consenting


def test_a_grant_comes_back_as_it_was_given(store: SqlStore) -> None:
    _, consent = consenting(store)
    plain = a_grant(consent)
    full = a_grant(
        consent, session_id=bytes(range(32)), offline=False, claims_request='{"id_token":{"age_band":null}}',
        scope=frozenset({"openid"}), shown_auth_time=NOW - 30, sid="s" * 22, jkt="j" * 43,
        resource=("https://api.example/a", "https://api.example/b"),
    )
    assert store.write(lambda tx: tx.grants.claim_code(plain))
    assert store.write(lambda tx: tx.grants.claim_code(full))
    assert store.read(lambda tx: tx.grants.get(plain.id)) == plain
    assert store.read(lambda tx: tx.grants.get(full.id)) == full
    assert store.read(lambda tx: tx.grants.get(bytes(16))) is None
    assert store.read(lambda tx: tx.grants.with_standing(bytes(16), NOW)) is None


def test_a_code_is_spent_by_its_first_grant(store: SqlStore) -> None:
    _, consent = consenting(store)
    first = a_grant(consent)
    second = replace(a_grant(consent), id=first.id)
    assert store.write(lambda tx: tx.grants.claim_code(first))
    assert not store.write(lambda tx: tx.grants.claim_code(second))
    assert store.read(lambda tx: tx.grants.get(first.id)) == first
    assert store.write(lambda tx: tx.grants.revoke(first.id, NOW + 1)), "a replay finds the grant by its code"
    assert not store.write(lambda tx: tx.grants.claim_code(second)), "nor does a revoked one come back"


def test_a_refresh_token_rotates_once_for_each_generation(store: SqlStore) -> None:
    _, consent = consenting(store)
    grant = a_grant(consent)
    store.write(lambda tx: tx.grants.claim_code(grant))
    assert not store.write(lambda tx: tx.grants.claim_rotation(grant.id, 1, NOW))
    assert store.write(lambda tx: tx.grants.claim_rotation(grant.id, 0, NOW + 1))
    assert not store.write(lambda tx: tx.grants.claim_rotation(grant.id, 0, NOW + 2))
    assert store.write(lambda tx: tx.grants.claim_rotation(grant.id, 1, NOW + 3))
    assert store.read(lambda tx: tx.grants.get(grant.id)) == replace(grant, generation=2, rotated_at=NOW + 3)
    assert store.write(lambda tx: tx.grants.revoke(grant.id, NOW + 4))
    assert not store.write(lambda tx: tx.grants.revoke(grant.id, NOW + 5))
    assert not store.write(lambda tx: tx.grants.claim_rotation(grant.id, 2, NOW + 6))
    assert not store.write(lambda tx: tx.grants.claim_rotation(bytes(16), 0, NOW))


@pytest.mark.parametrize("offline", [False, True])
@pytest.mark.parametrize("end", ["revoked", "expired", "purged"])
def test_a_grant_dies_with_its_session_unless_it_is_offline(store: SqlStore, offline: bool, end: str) -> None:
    account, consent = consenting(store)
    session = a_session(account)
    grant = a_grant(consent, session_id=session.id, offline=offline)
    store.write(lambda tx: (tx.sessions.add(session), tx.grants.claim_code(grant)))
    found = store.read(lambda tx: tx.grants.with_standing(grant.id, NOW))
    assert found is not None and found[0] == grant and found[1].live and found[1].age == ADULT
    now = NOW + 1
    if end == "revoked":
        store.write(lambda tx: tx.sessions.revoke(session.id, now))
    else:
        now = session.expires_at
    if end == "purged":
        assert store.write(lambda tx: tx.housekeeping.purge(now, 10))["sessions"] == 1
    found = store.read(lambda tx: tx.grants.with_standing(grant.id, now))
    assert found is not None and found[1].live is offline


def test_a_grant_dies_with_its_account_and_its_consent(store: SqlStore) -> None:
    account, consent = consenting(store)
    grant = a_grant(consent)
    store.write(lambda tx: tx.grants.claim_code(grant))

    def live() -> bool:
        found = store.read(lambda tx: tx.grants.with_standing(grant.id, NOW))
        return found is not None and found[1].live

    store.write(lambda tx: tx.accounts.set_state(account.id, AccountState.SUSPENDED))
    assert not live()
    store.write(lambda tx: tx.accounts.set_state(account.id, AccountState.ACTIVE))
    assert live()
    store.write(lambda tx: tx.consents.withdraw(account.id, "app", NOW))
    assert not live()


def test_grants_are_revoked_by_account_and_by_client(store: SqlStore) -> None:
    account, consent = consenting(store)
    other_client = a_consent(account, "other")
    store.write(lambda tx: tx.consents.give(other_client))
    _, foreign = consenting(store)
    grants = [a_grant(consent), a_grant(other_client), a_grant(foreign)]
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in grants])
    assert store.write(lambda tx: tx.grants.revoke_of_client("app", NOW + 1)) == 2
    assert store.write(lambda tx: tx.grants.revoke_of_account(account.id, NOW + 2)) == 1
    revoked = [store.read(lambda tx, grant=grant: tx.grants.get(grant.id)) for grant in grants]
    assert [grant.revoked_at if grant else None for grant in revoked] == [NOW + 1, NOW + 2, NOW + 1]


def test_what_names_a_person_or_describes_a_request_is_sealed(store: SqlStore, database: Database) -> None:
    _, consent = consenting(store)
    grant = a_grant(
        consent, subject="subject-in-the-clear", claims_request="claims-in-the-clear", sid="sid-in-the-clear",
        jkt="jkt-in-the-clear", resource=("https://resource-in-the-clear",), acr="acr-in-the-clear",
    )
    store.write(lambda tx: tx.grants.claim_code(grant))
    assert b"in-the-clear" not in database.dump(["grants"])
