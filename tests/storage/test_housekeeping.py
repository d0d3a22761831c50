"""Expired rows go, in bites; what may still be needed stays."""

from idp.storage.sql.housekeeping import DEVICE_GRANT_GRACE_SECONDS, GRANT_GRACE_SECONDS, GRANTS_SEEN_PER_LIMIT
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import NOW, a_device_grant, a_grant, a_session, a_staff_member, a_staff_session, consenting


def test_what_has_expired_is_deleted_and_nothing_else(store: SqlStore) -> None:
    account, consent = consenting(store)
    sessions = [a_session(account, expires_at=NOW + late) for late in (0, 1)]
    grants = [a_grant(consent, expires_at=NOW - GRANT_GRACE_SECONDS + late) for late in (0, 1)]
    store.write(lambda tx: [tx.sessions.add(session) for session in sessions])
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in grants])
    devices = [a_device_grant(expires_at=NOW - DEVICE_GRANT_GRACE_SECONDS + late) for late in (0, 1)]
    store.write(lambda tx: [tx.device_grants.add(device) for device in devices])
    for late in (0, 1):
        store.write(lambda tx, late=late: tx.spent.claim("dpop", b"%d" % late, NOW + late))
        store.write(lambda tx, late=late: tx.attempts.add(b"key", NOW + late, NOW + late))
        store.write(lambda tx, late=late: tx.recovery_codes.add(account.id, bytes([late]) * 32, NOW + late))
    member = a_staff_member()
    store.write(lambda tx: tx.staff.add(member))
    staff = [a_staff_session(member, expires_at=NOW + late) for late in (0, 1)]
    store.write(lambda tx: [tx.staff_sessions.add(session) for session in staff])
    purged = store.write(lambda tx: tx.housekeeping.purge(NOW, 100))
    assert purged == {
        "sessions": 1, "spent": 1, "attempts": 1, "device_grants": 1, "outbox": 0, "grants": 1,
        "recovery_codes": 1, "staff_sessions": 1,
    }
    assert store.read(lambda tx: tx.sessions.of_account(account.id)) == sessions[1:]
    assert store.read(lambda tx: tx.grants.of_account(account.id)) == grants[1:]
    assert [store.read(lambda tx, one=one: tx.device_grants.get(one.id)) for one in devices] == [None, devices[1]]
    assert store.read(lambda tx: (tx.attempts.count(b"key", NOW), tx.attempts.count(b"key", NOW + 1))) == (0, 1)
    assert not store.write(lambda tx: tx.spent.claim("dpop", b"1", NOW + 1))
    assert store.read(lambda tx: tx.consents.active(account.id, "app")) == [consent]


def test_no_bite_is_larger_than_its_limit_and_all_bites_together_take_everything(
    store: SqlStore, database: Database
) -> None:
    _, consent = consenting(store)
    expired = [a_grant(consent, expires_at=NOW - GRANT_GRACE_SECONDS) for _ in range(70)]
    living = [a_grant(consent) for _ in range(10)]
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in (*expired, *living)])
    store.write(lambda tx: [tx.spent.claim("dpop", b"%d" % number, NOW) for number in range(7)])
    bites = [store.write(lambda tx: tx.housekeeping.purge(NOW, 3)) for _ in range(60)]
    assert all(count <= 3 for bite in bites for count in bite.values())
    assert sum(bite["grants"] for bite in bites) == 70
    assert sum(bite["spent"] for bite in bites) == 7
    assert database.rows("SELECT count(*) FROM grants") == [(10,)]


def test_grants_at_the_end_of_a_long_table_have_their_turn(store: SqlStore) -> None:
    _, consent = consenting(store)
    seen = GRANTS_SEEN_PER_LIMIT * 2
    living = [a_grant(consent, id=number.to_bytes(16, "big")) for number in range(1, seen + 5)]
    last = a_grant(consent, id=(10**6).to_bytes(16, "big"), expires_at=NOW - GRANT_GRACE_SECONDS)
    store.write(lambda tx: [tx.grants.claim_code(grant) for grant in (*living, last)])
    assert [store.write(lambda tx: tx.housekeeping.purge(NOW, 2))["grants"] for _ in range(3)] == [0, 1, 0]
    early = a_grant(consent, id=bytes(15) + b"\0", expires_at=NOW - GRANT_GRACE_SECONDS)
    store.write(lambda tx: tx.grants.claim_code(early))
    assert sum(store.write(lambda tx: tx.housekeeping.purge(NOW, 2))["grants"] for _ in range(3)) == 1
