"""Staff in the database: sealed, a factor set up once, a code used once, sessions that end with their cause."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from idp.domain.errors import Conflict
from idp.domain.staff import Factor, StaffMember, StaffPasskey, StaffRole
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import NOW, a_staff_member, a_staff_session

SECRET = b"twenty secret bytes!"


def _member(store: SqlStore, **changes: object) -> StaffMember:
    member = a_staff_member(**changes)
    store.write(lambda tx: tx.staff.add(member))
    return member


def _passkey(member: StaffMember) -> StaffPasskey:
    return StaffPasskey(secrets.token_bytes(32), member.id, secrets.token_bytes(32), b"a COSE key in the clear", 0, NOW)


def test_members_come_back_as_they_were_given_and_sealed(store: SqlStore, database: Database) -> None:
    member = _member(store, totp_secret=SECRET, roles=frozenset(StaffRole))
    assert store.read(lambda tx: tx.staff.get(member.id)) == member
    assert store.read(lambda tx: tx.staff.by_name(member.name_index)) == member
    assert store.read(lambda tx: tx.staff.by_name(bytes(32))) is None
    assert member in store.read(lambda tx: tx.staff.all())
    dump = database.dump(["staff"])
    for secret in (SECRET, member.name.encode(), member.password_hash.encode()):
        assert secret not in dump
    with pytest.raises(Conflict):
        _member(store, name_index=member.name_index)


def test_what_is_there_and_what_is_not_has_one_size(store: SqlStore, database: Database) -> None:
    _member(store), _member(store, totp_secret=SECRET)
    assert len({len(row[0]) for row in database.rows("SELECT totp FROM staff")}) == 1


def test_roles_and_password_are_replaced(store: SqlStore) -> None:
    member = _member(store)
    assert store.write(lambda tx: tx.staff.set_roles(member.id, frozenset({StaffRole.OFFICER})))
    assert store.write(lambda tx: tx.staff.set_password(member.id, "another hash"))
    assert not store.write(lambda tx: tx.staff.set_roles(bytes(16), frozenset()))
    kept = store.read(lambda tx: tx.staff.get(member.id))
    assert kept is not None
    assert (kept.roles, kept.password_hash) == ({StaffRole.OFFICER}, "another hash")


def test_a_factor_is_set_up_once_and_in_time(store: SqlStore) -> None:
    late, member = _member(store, enrol_until=NOW), _member(store)
    assert not store.write(lambda tx: tx.staff.claim_enrolment(late.id, SECRET, 5, NOW))
    assert store.write(lambda tx: tx.staff.claim_enrolment(member.id, SECRET, 5, NOW))
    assert not store.write(lambda tx: tx.staff.claim_enrolment(member.id, bytes(20), 6, NOW))
    kept = store.read(lambda tx: tx.staff.get(member.id))
    assert kept is not None
    assert (kept.totp_secret, kept.may_enrol(NOW)) == (SECRET, False)
    # The code that proved it is used by that.
    told = [store.write(lambda tx, step=step: tx.staff.claim_totp_step(member.id, step)) for step in (5, 4, 6, 6, 7)]
    assert told == [False, False, True, False, True]


def test_one_code_serves_one_of_eight_who_race(store: SqlStore, open_another: Callable[[], SqlStore]) -> None:
    """Threats B09, at one store and at two."""
    member, stores = _member(store), [store, open_another()]
    for step in range(1, 11):
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(
                lambda number, s=step: stores[number % 2].write(lambda tx: tx.staff.claim_totp_step(member.id, s)),
                range(8),
            ))
        assert won.count(True) == 1


def test_one_half_session_becomes_one_whole_one(store: SqlStore, open_another: Callable[[], SqlStore]) -> None:
    member, stores = _member(store), [store, open_another()]
    halves = [a_staff_session(member) for _ in range(5)]
    whole = a_staff_session(member, factor=Factor.TOTP)
    store.write(lambda tx: [tx.staff_sessions.add(session) for session in (*halves, whole)])
    for half in halves:
        with ThreadPoolExecutor(8) as threads:
            won = list(threads.map(
                lambda number, h=half: stores[number % 2].write(lambda tx: tx.staff_sessions.claim_half(h.id)),
                range(8),
            ))
        assert won.count(True) == 1
    assert not store.write(lambda tx: tx.staff_sessions.claim_half(whole.id))
    assert store.read(lambda tx: tx.staff_sessions.get(whole.id)) == whole


def test_sessions_are_kept_touched_and_ended(store: SqlStore) -> None:
    member = _member(store)
    session = a_staff_session(member, factor=Factor.PASSKEY)
    store.write(lambda tx: tx.staff_sessions.add(session))
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.staff_sessions.add(session))
    for now in (NOW + 60, NOW + 30):
        store.write(lambda tx, now=now: tx.staff_sessions.touch(session.id, now))
    kept = store.read(lambda tx: tx.staff_sessions.get(session.id))
    assert kept is not None
    assert kept.seen_at == NOW + 60
    assert store.write(lambda tx: tx.staff_sessions.end(session.id))
    assert not store.write(lambda tx: tx.staff_sessions.end(session.id))
    assert store.read(lambda tx: tx.staff_sessions.get(session.id)) is None


def test_passkeys_are_sealed_and_of_one_member(store: SqlStore, database: Database) -> None:
    member, other = _member(store), _member(store)
    passkey = _passkey(member)
    store.write(lambda tx: tx.staff_passkeys.add(passkey))
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.staff_passkeys.add(passkey))
    assert store.read(lambda tx: tx.staff_passkeys.of_member(member.id)) == [passkey]
    dump = database.dump(["staff_passkeys"])
    assert passkey.credential_id not in dump
    assert passkey.public_key not in dump
    told = [store.write(lambda tx, n=n: tx.staff_passkeys.claim_use(passkey.id, n)) for n in (0, 5, 5, 4, 6)]
    assert told == [True, True, False, False, True]
    assert not store.write(lambda tx: tx.staff_passkeys.remove(other.id, passkey.id))
    assert store.write(lambda tx: tx.staff_passkeys.remove(member.id, passkey.id))


def test_a_reset_takes_factor_passkeys_and_sessions_and_removal_everything(store: SqlStore) -> None:
    member = _member(store, totp_secret=SECRET, enrol_until=0)
    session, passkey = a_staff_session(member, factor=Factor.TOTP), _passkey(member)
    put = lambda: store.write(lambda tx: (tx.staff_sessions.add(session), tx.staff_passkeys.add(passkey)))  # noqa: E731
    put()
    assert store.write(lambda tx: tx.staff.reopen_enrolment(member.id, NOW + 9))
    kept = store.read(lambda tx: tx.staff.get(member.id))
    assert kept is not None
    assert (kept.totp_secret, kept.enrol_until) == (None, NOW + 9)
    assert store.read(lambda tx: tx.staff_sessions.get(session.id)) is None
    assert store.read(lambda tx: tx.staff_passkeys.of_member(member.id)) == []
    put()
    assert store.write(lambda tx: tx.staff.remove(member.id))
    assert not store.write(lambda tx: tx.staff.remove(member.id))
    assert store.read(lambda tx: tx.staff.get(member.id)) is None
