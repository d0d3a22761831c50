"""The audit trail: rows in the transaction of what they record, sealed, MACed, and in a Merkle tree."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey

from crypto.keyring import KeyRing
from crypto.merkle import root_of
from idp.domain.audit_event import AuditKind
from idp.domain.errors import Conflict, Refused
from idp.storage.sql.audit_seal import BATCH, HEADS_FILE, AuditSealer, read_heads
from idp.storage.sql.audit_verify import verify_audit
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import SqlStore
from tests.storage.databases import Database
from tests.storage.things import NOW, an_account, an_event

KEY = SigningKey(bytes(range(32)))


def _sign(text: bytes) -> bytes:
    return KEY.sign(text).signature


def _signed(text: bytes, signature: bytes) -> bool:
    try:
        KEY.verify_key.verify(text, signature)
    except BadSignatureError:
        return False
    return True


def test_an_event_comes_back_as_it_was_given(store: SqlStore) -> None:
    account = an_account()
    events = [
        an_event(account.id, id=bytes(15) + b"\1"),
        an_event(None, id=bytes(15) + b"\2", client_id=None, details=()),
        an_event(account.id, id=bytes(15) + b"\3", details=(("was", "14"), ("is", "16"))),
    ]
    store.write(lambda tx: (tx.accounts.add(account), [tx.audit.append(event) for event in events]))
    assert store.read(lambda tx: tx.audit.page(b"", 2)) == events[:2]
    assert store.read(lambda tx: tx.audit.page(events[1].id, 2)) == events[2:]
    assert store.read(lambda tx: tx.audit.of_account(account.id)) == [events[0], events[2]]
    with pytest.raises(Conflict):
        store.write(lambda tx: tx.audit.append(events[0]))


def test_details_are_sealed(store: SqlStore, database: Database) -> None:
    account = an_account()
    events = [an_event(owner, details=(("x", "in-the-clear"),)) for owner in (account.id, None)]
    store.write(lambda tx: (tx.accounts.add(account), [tx.audit.append(event) for event in events]))
    assert b"in-the-clear" not in database.dump(["audit_events"])


def test_an_event_is_undone_with_what_it_records(store: SqlStore) -> None:
    def unit(tx: object) -> None:
        store_event(tx)
        raise Refused("no", "the rule says no")

    def store_event(tx: object) -> None:
        tx.audit.append(an_event())

    with pytest.raises(Refused):
        store.write(unit)
    assert store.read(lambda tx: tx.audit.page(b"", 9)) == []
    assert store.read(lambda tx: tx.audit_tree.pending(9)) == []


def test_leaves_stand_in_the_order_of_commit(store: SqlStore, tmp_path: Path) -> None:
    sealer = AuditSealer(store, tmp_path, head_seconds=0)
    events = [an_event(id=bytes([200 - number]) * 16) for number in range(5)]
    for event in events[:3]:
        store.write(lambda tx, event=event: tx.audit.append(event))
    assert sealer.seal_once(NOW) == 3
    for event in events[3:]:
        store.write(lambda tx, event=event: tx.audit.append(event))
    assert sealer.seal_once(NOW) == 2
    assert sealer.seal_once(NOW) == 0
    leaves = store.read(lambda tx: tx.audit_tree.leaves(0, 99))
    assert [(position, row.id) for position, _, row in leaves] == [(n, event.id) for n, event in enumerate(events)]
    heads = read_heads(tmp_path / HEADS_FILE)
    assert [head.size for head in heads] == [3, 5]
    assert heads[1].root == root_of([leaf for _, leaf, _ in leaves]), "the tree is RFC 6962's"
    assert verify_audit(store, heads) == []


def test_more_than_a_batch_is_sealed_in_one_go(store: SqlStore, tmp_path: Path) -> None:
    store.write(lambda tx: [tx.audit.append(an_event()) for _ in range(BATCH + 1)])
    assert AuditSealer(store, tmp_path).seal_once(NOW) == BATCH + 1
    assert verify_audit(store, read_heads(tmp_path / HEADS_FILE)) == []


def test_heads_are_signed_made_when_due_and_never_for_nothing(store: SqlStore, tmp_path: Path) -> None:
    sealer = AuditSealer(store, tmp_path, head_seconds=10)
    moments = [(NOW, True), (NOW + 9, True), (NOW + 10, False), (NOW + 99, False)]
    for now, something in moments:
        if something:
            store.write(lambda tx: tx.audit.append(an_event()))
        sealer.seal_once(now, _sign)
    heads = read_heads(tmp_path / HEADS_FILE)
    assert [(head.size, head.at) for head in heads] == [(1, NOW), (2, NOW + 10)]
    assert all(_signed(head.text("https://id.example"), head.signature) for head in heads)
    assert heads[0].text("https://id.example").startswith(b"id.example/audit\n1\n")
    assert verify_audit(store, heads, _signed) == []
    assert (tmp_path / HEADS_FILE).stat().st_mode & 0o777 == 0o600


def test_several_sealers_take_turns_and_each_keeps_the_newest_head(
    store: SqlStore, open_another: Callable[[], SqlStore], tmp_path: Path
) -> None:
    directories = [tmp_path / name for name in ("one", "two")]
    for directory in directories:
        directory.mkdir()
    one, two = AuditSealer(store, directories[0], 0), AuditSealer(open_another(), directories[1], 0)
    for now in range(6):
        store.write(lambda tx: tx.audit.append(an_event()))
        (one, two)[now % 2].seal_once(NOW + now)
    one.seal_once(NOW + 9)
    assert read_heads(directories[0] / HEADS_FILE)[-1] == read_heads(directories[1] / HEADS_FILE)[-1]
    assert verify_audit(store, read_heads(directories[1] / HEADS_FILE)) == []


def test_a_line_that_a_crash_cut_off_is_dropped_and_the_next_head_stands_alone(
    store: SqlStore, tmp_path: Path
) -> None:
    store.write(lambda tx: tx.audit.append(an_event()))
    AuditSealer(store, tmp_path, 0).seal_once(NOW)
    file = tmp_path / HEADS_FILE
    file.write_bytes(file.read_bytes() + b'{"at": 1, "si')
    assert [head.size for head in read_heads(file)] == [1]
    store.write(lambda tx: tx.audit.append(an_event()))
    AuditSealer(store, tmp_path, 0).seal_once(NOW + 1)
    assert [head.size for head in read_heads(file)] == [1, 2]
    assert read_heads(tmp_path / "nothing") == []


def test_events_that_wait_for_their_leaf_are_no_problem(store: SqlStore, tmp_path: Path) -> None:
    store.write(lambda tx: tx.audit.append(an_event()))
    assert verify_audit(store) == []
    AuditSealer(store, tmp_path).seal_once(NOW)
    store.write(lambda tx: tx.audit.append(an_event()))
    assert verify_audit(store) == []


def test_a_mac_outlives_the_rotation_of_the_ring_and_is_bound_to_it(ring: KeyRing) -> None:
    fields = b"fields"
    mac = ColumnSealing(ring).mac(fields)
    rotated = ColumnSealing(ring.with_new_entry())
    assert rotated.mac_holds(fields, mac)
    assert rotated.mac(fields) != mac
    assert not rotated.mac_holds(b"other", mac)
    assert not ColumnSealing(KeyRing.generate(ring.issuer)).mac_holds(fields, mac)
    assert not rotated.mac_holds(fields, b"")


def test_what_is_absent_differs_from_what_is_empty(store: SqlStore, database: Database) -> None:
    store.write(lambda tx: tx.audit.append(replace(an_event(), client_id=None)))
    database.execute("UPDATE audit_events SET client_id = ''")
    assert len(verify_audit(store)) == 1


def test_an_accounts_newest_rows_of_a_kind_and_all_rows_backwards(store: SqlStore) -> None:
    account, other = an_account(), an_account()
    store.write(lambda tx: (tx.accounts.add(account), tx.accounts.add(other)))
    ids = [bytes(15) + bytes([number]) for number in range(1, 7)]
    looks = [an_event(account.id, id=one, kind=AuditKind.STAFF_READ) for one in ids[:4]]
    rest = [an_event(account.id, id=ids[4]), an_event(other.id, id=ids[5], kind=AuditKind.STAFF_READ)]
    store.write(lambda tx: [tx.audit.append(event) for event in (*looks, *rest)])
    assert store.read(lambda tx: tx.audit.newest_of(account.id, AuditKind.STAFF_READ, 3)) == looks[:0:-1]
    assert store.read(lambda tx: tx.audit.page_before(None, 2)) == rest[::-1]
    assert store.read(lambda tx: tx.audit.page_before(ids[3], 10)) == looks[2::-1]
