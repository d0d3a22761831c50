"""Consents: one active for each giver; grants follow a wider consent and die with a withdrawn one."""

from dataclasses import replace

import pytest

from idp.domain.account import AccountState
from idp.domain.consent import Giver
from idp.domain.errors import Conflict
from idp.domain.grant import Agreed, Standing
from idp.domain.identifiers import new_id
from idp.storage.sql.store import SqlStore
from tests.storage.things import ADULT, NOW, a_consent, a_grant, a_session, consenting


def test_a_consent_comes_back_as_it_was_given(store: SqlStore) -> None:
    account, consent = consenting(store)
    bare = a_consent(account, "other", scope=frozenset({"openid"}), claims=frozenset(), giver=Giver.GUARDIAN)
    store.write(lambda tx: tx.consents.give(bare))
    assert store.read(lambda tx: tx.consents.active(account.id, "app")) == [consent]
    assert store.read(lambda tx: tx.consents.active(account.id, "other")) == [bare]
    assert {one.id for one in store.read(lambda tx: tx.consents.of_account(account.id))} == {consent.id, bare.id}


def test_a_new_consent_closes_the_older_one_of_its_giver_only(store: SqlStore) -> None:
    account, older = consenting(store)
    guardian = a_consent(account, giver=Giver.GUARDIAN)
    newer = a_consent(account, created_at=NOW + 9)
    store.write(lambda tx: tx.consents.give(guardian))
    store.write(lambda tx: tx.consents.give(newer))
    active = store.read(lambda tx: tx.consents.active(account.id, "app"))
    assert {one.id for one in active} == {guardian.id, newer.id}
    everything = {one.id: one for one in store.read(lambda tx: tx.consents.of_account(account.id))}
    assert everything[older.id] == replace(older, withdrawn_at=NOW + 9)


def test_the_same_consent_twice_is_a_conflict_and_changes_nothing(store: SqlStore) -> None:
    account, consent = consenting(store)
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.consents.give(consent))
    assert store.read(lambda tx: tx.consents.active(account.id, "app")) == [consent]


def test_grants_move_to_a_consent_that_covers_as_much(store: SqlStore) -> None:
    account, older = consenting(store)
    grant = a_grant(older)
    wider = a_consent(account, claims=frozenset({"age_band", "age_over_18"}), manifest_version=2)
    store.write(lambda tx: tx.grants.claim_code(grant))
    store.write(lambda tx: tx.consents.give(wider))
    found = store.read(lambda tx: tx.grants.with_standing(grant.id, NOW))
    assert found is not None and found[0].consent_id == wider.id and found[0].revoked_at is None and found[1].live


@pytest.mark.parametrize(
    "less", [{"scope": frozenset({"openid"})}, {"claims": frozenset()}, {"manifest_version": 0}], ids=str
)
def test_grants_do_not_survive_a_consent_to_less(store: SqlStore, less: dict[str, object]) -> None:
    account, older = consenting(store)
    grant = a_grant(older)
    narrower = a_consent(account, created_at=NOW + 9, **less)
    store.write(lambda tx: tx.grants.claim_code(grant))
    store.write(lambda tx: tx.consents.give(narrower))
    found = store.read(lambda tx: tx.grants.with_standing(grant.id, NOW))
    assert found is not None and found[0].revoked_at == NOW + 9 and not found[1].live


def test_withdrawal_closes_every_consent_of_the_pair_and_its_grants(store: SqlStore) -> None:
    account, consent = consenting(store)
    guardian, other = a_consent(account, giver=Giver.GUARDIAN), a_consent(account, "other")
    grants = [a_grant(consent), a_grant(guardian), a_grant(other)]
    store.write(lambda tx: (tx.consents.give(guardian), tx.consents.give(other)))
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in grants])
    assert store.write(lambda tx: tx.consents.withdraw(account.id, "app", NOW + 3)) == 2
    assert store.write(lambda tx: tx.consents.withdraw(account.id, "app", NOW + 4)) == 0
    assert store.read(lambda tx: tx.consents.active(account.id, "app")) == []
    revoked = {grant.id: grant.revoked_at for grant in store.read(lambda tx: tx.grants.of_account(account.id))}
    assert revoked == {grants[0].id: NOW + 3, grants[1].id: NOW + 3, grants[2].id: None}


def test_a_grant_claimed_after_the_withdrawal_is_dead(store: SqlStore) -> None:
    account, consent = consenting(store)
    late = a_grant(consent)
    store.write(lambda tx: tx.consents.withdraw(account.id, "app", NOW))
    store.write(lambda tx: tx.grants.claim_code(late))
    store.write(lambda tx: tx.consents.give(a_consent(account)))
    found = store.read(lambda tx: tx.grants.with_standing(late.id, NOW))
    assert found is not None and not found[1].live, "a later consent is not a consent to it"


def test_standing_says_what_holds(store: SqlStore) -> None:
    account, consent = consenting(store)
    agreed = Agreed(consent.id, consent.scope, consent.claims)
    session, ended, expired = a_session(account), a_session(account), a_session(account, expires_at=NOW)
    store.write(lambda tx: [tx.sessions.add(one) for one in (session, ended, expired)])
    store.write(lambda tx: tx.sessions.revoke(ended.id, NOW))

    def standing(client_id: str, session_id: bytes | None) -> Standing:
        return store.read(lambda tx: tx.consents.standing(account.id, client_id, session_id, NOW))

    assert standing("app", None) == Standing(AccountState.ACTIVE, True, ADULT, agreed=agreed)
    assert standing("app", session.id) == Standing(AccountState.ACTIVE, True, ADULT, agreed=agreed)
    assert standing("app", ended.id) == Standing(AccountState.ACTIVE, True, ADULT, session_alive=False, agreed=agreed)
    assert standing("app", expired.id) == Standing(AccountState.ACTIVE, True, ADULT, session_alive=False, agreed=agreed)
    assert standing("app", bytes(32)) == Standing(AccountState.ACTIVE, True, ADULT, session_alive=False, agreed=agreed)
    assert standing("other", session.id) == Standing(AccountState.ACTIVE, False, ADULT)
    store.write(lambda tx: tx.accounts.set_state(account.id, AccountState.LOCKED))
    assert standing("app", session.id).account_state is AccountState.LOCKED
    store.write(lambda tx: tx.accounts.delete(account.id))
    assert not standing("app", None).live


def test_standing_without_evidence_has_no_age(store: SqlStore) -> None:
    account, _ = consenting(store, age=None)
    assert store.read(lambda tx: tx.consents.standing(account.id, "app", None, NOW)).age is None
    assert store.read(lambda tx: tx.consents.standing(new_id(NOW), "app", None, NOW)).account_state is None
