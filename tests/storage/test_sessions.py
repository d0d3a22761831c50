"""Sessions end once, and what lives with them ends too."""

import pytest

from idp.domain.errors import Conflict
from idp.storage.sql.store import SqlStore
from tests.storage.things import NOW, a_grant, a_session, consenting


def test_a_session_comes_back_as_it_was_given(store: SqlStore) -> None:
    account, _ = consenting(store)
    one, two = a_session(account, amr=("pwd", "otp")), a_session(account, created_at=NOW + 1)
    store.write(lambda tx: (tx.sessions.add(two), tx.sessions.add(one)))
    assert store.read(lambda tx: tx.sessions.get(one.id)) == one
    assert store.read(lambda tx: tx.sessions.of_account(account.id)) == [one, two]
    assert store.read(lambda tx: tx.sessions.get(bytes(32))) is None
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.sessions.add(one))


def test_a_session_is_revoked_once_with_its_grants_but_not_the_offline_ones(store: SqlStore) -> None:
    account, consent = consenting(store)
    session, other = a_session(account), a_session(account)
    bound = a_grant(consent, session_id=session.id, offline=False)
    offline = a_grant(consent, session_id=session.id, offline=True)
    elsewhere = a_grant(consent, session_id=other.id, offline=False)
    store.write(lambda tx: [tx.sessions.add(session), tx.sessions.add(other)])
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in (bound, offline, elsewhere)])
    assert store.read(lambda tx: {grant.id for grant in tx.grants.of_session(session.id)}) == {bound.id, offline.id}
    assert store.write(lambda tx: tx.sessions.revoke(session.id, NOW + 5))
    assert not store.write(lambda tx: tx.sessions.revoke(session.id, NOW + 6))
    revoked = {grant.id: grant.revoked_at for grant in store.read(lambda tx: tx.grants.of_account(account.id))}
    assert revoked == {bound.id: NOW + 5, offline.id: None, elsewhere.id: None}
    kept = store.read(lambda tx: tx.sessions.get(session.id))
    assert kept is not None and kept.revoked_at == NOW + 5


@pytest.mark.parametrize("keeping", [True, False])
def test_all_other_sessions_are_revoked_at_once(store: SqlStore, keeping: bool) -> None:
    account, consent = consenting(store)
    stranger, others = consenting(store)
    sessions = [a_session(account) for _ in range(3)]
    foreign = a_session(stranger)
    grants = [a_grant(consent, session_id=session.id, offline=False) for session in sessions]
    foreign_grant = a_grant(others, session_id=foreign.id, offline=False)
    store.write(lambda tx: [tx.sessions.add(session) for session in (*sessions, foreign)])
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in (*grants, foreign_grant)])
    keep = sessions[0].id if keeping else None
    assert store.write(lambda tx: tx.sessions.revoke_others(account.id, keep, NOW + 1)) == 3 - keeping
    alive = [session.alive(NOW + 1) for session in store.read(lambda tx: tx.sessions.of_account(account.id))]
    assert sum(alive) == keeping
    living = [grant for grant in store.read(lambda tx: tx.grants.of_account(account.id)) if grant.revoked_at is None]
    assert [grant.session_id for grant in living] == ([keep] if keeping else [])
    untouched = store.read(lambda tx: (tx.sessions.get(foreign.id), tx.grants.get(foreign_grant.id)))
    assert untouched == (foreign, foreign_grant)
