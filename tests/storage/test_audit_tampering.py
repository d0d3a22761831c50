"""Whoever changes the audit trail behind our back is found, each time."""

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from crypto.merkle import Frontier
from idp.storage.sql.audit_seal import AuditSealer, read_heads
from idp.storage.sql.audit_tree import Head
from idp.storage.sql.audit_verify import verify_audit
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import FILE, SqlStore
from tests.storage.databases import Database
from tests.storage.things import NOW, an_account, an_event

EVENTS = 24
_TABLES = {
    "audit_events": ("id", ["at", "kind", "account_id", "client_id", "subject", "details", "mac"]),
    "audit_leaves": ("position", ["event_id", "hash"]),
}
Tamper = Callable[[Database, random.Random], None]


def _filled(store: SqlStore, directory: Path) -> list[Head]:
    account = an_account()
    store.write(lambda tx: tx.accounts.add(account))
    sealer = AuditSealer(store, directory, head_seconds=0)
    for number in range(EVENTS):
        owner = account.id if number % 3 else None
        store.write(lambda tx, owner=owner: tx.audit.append(an_event(owner)))
        if number % 5 == 4:
            sealer.seal_once(NOW + number)
    sealer.seal_once(NOW + EVENTS)
    return read_heads(directory / "heads.jsonl")


def _some_key(database: Database, table: str, chance: random.Random) -> object:
    keys = [row[0] for row in database.rows(f"SELECT {_TABLES[table][0]} FROM {table}")]
    return chance.choice(keys)


def _edit(database: Database, chance: random.Random) -> None:
    table = chance.choice(list(_TABLES))
    key_name, columns = _TABLES[table]
    key, column = _some_key(database, table, chance), chance.choice(columns)
    value = database.rows(f"SELECT {column} FROM {table} WHERE {key_name} = ?", key)[0][0]
    if value is None:
        changed: object = b"x" if column == "account_id" else "x"
    elif isinstance(value, bytes):
        place = chance.randrange(len(value))
        changed = value[:place] + bytes([value[place] ^ (1 << chance.randrange(8))]) + value[place + 1 :]
    else:
        changed = value + (1 if isinstance(value, int) else "x")
    database.execute(f"UPDATE {table} SET {column} = ? WHERE {key_name} = ?", changed, key)


def _delete(database: Database, chance: random.Random) -> None:
    table = chance.choice(list(_TABLES))
    database.execute(f"DELETE FROM {table} WHERE {_TABLES[table][0]} = ?", _some_key(database, table, chance))


def _swap_leaves(database: Database, chance: random.Random) -> None:
    one, other = chance.sample(range(EVENTS), 2)
    read = "SELECT event_id, hash FROM audit_leaves WHERE position = ?"
    rows = {place: database.rows(read, place)[0] for place in (one, other)}
    database.execute("DELETE FROM audit_leaves WHERE position IN (?, ?)", one, other)
    for place, source in ((one, other), (other, one)):
        database.execute("INSERT INTO audit_leaves (position, event_id, hash) VALUES (?, ?, ?)", place, *rows[source])


def _insert(database: Database, chance: random.Random) -> None:
    columns = ", ".join(_TABLES["audit_events"][1])
    key, new = _some_key(database, "audit_events", chance), chance.randbytes(16)
    database.execute(
        f"INSERT INTO audit_events (id, {columns}) SELECT CAST(? AS {_bytes_type(database)}), {columns} "
        "FROM audit_events WHERE id = ?",
        new, key,
    )
    if chance.random() < 0.5:
        database.execute("INSERT INTO audit_pending (event_id) VALUES (?)", new)


def _truncate(database: Database, chance: random.Random) -> None:
    """Cut off the end as someone would who knows how all of this works, and has the database alone."""
    size = chance.randrange(EVENTS)
    database.execute(
        "DELETE FROM audit_events WHERE id IN (SELECT event_id FROM audit_leaves WHERE position >= ?)", size
    )
    database.execute("DELETE FROM audit_leaves WHERE position >= ?", size)
    frontier = Frontier()
    for (leaf,) in database.rows("SELECT hash FROM audit_leaves ORDER BY position"):
        frontier = frontier.append(leaf)
    database.execute("UPDATE audit_frontier SET state = ?", frontier.serialize())
    database.execute("DELETE FROM audit_heads WHERE size > ?", size)


def _bytes_type(database: Database) -> str:
    return "BLOB" if database.backend == "sqlite" else "BYTEA"


KINDS: list[Tamper] = [_edit, _delete, _swap_leaves, _insert, _truncate]


@pytest.mark.parametrize("tamper", KINDS)
def test_tampering_is_found(store: SqlStore, database: Database, tmp_path: Path, tamper: Tamper) -> None:
    heads = _filled(store, tmp_path)
    assert verify_audit(store, heads) == []
    tamper(database, random.Random(7))
    assert verify_audit(store, heads) != []


def _tampering_found(database: Database, sealing: ColumnSealing, directory: Path, times: int) -> list[str]:
    store = database.open(sealing)
    heads = _filled(store, directory)
    assert verify_audit(store, heads) == []
    store.close()
    sound = directory / "sound.db"
    shutil.copy(database.data_dir / FILE, sound)
    missed = []
    for seed in range(times):
        shutil.copy(sound, database.data_dir / FILE)
        tamper = KINDS[seed % len(KINDS)]
        store = database.open(sealing)
        assert verify_audit(store, heads) == []
        tamper(database, random.Random(seed))
        if not verify_audit(store, heads):
            missed.append(f"{tamper.__name__} {seed}")
        store.close()
    return missed


def test_a_hundred_random_changes_are_all_found(
    sqlite_database: Database, sealing: ColumnSealing, tmp_path: Path
) -> None:
    assert _tampering_found(sqlite_database, sealing, tmp_path, 100) == []


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_thousand_random_changes_are_all_found(
    sqlite_database: Database, sealing: ColumnSealing, tmp_path: Path
) -> None:
    assert _tampering_found(sqlite_database, sealing, tmp_path, 1000) == []


def test_a_cut_off_end_is_found_by_the_outside_head_and_by_nothing_else(
    store: SqlStore, database: Database, tmp_path: Path
) -> None:
    heads = _filled(store, tmp_path)
    _truncate(database, random.Random(3))
    assert verify_audit(store) == [], "the database alone looks whole: this is why heads are kept outside"
    assert any("are left" in problem for problem in verify_audit(store, heads))


def test_a_forged_head_is_found_by_its_signature(store: SqlStore, database: Database, tmp_path: Path) -> None:
    _filled(store, tmp_path)
    assert verify_audit(store, (), lambda text, signature: True) != [], "heads of this log are not signed"
    database.execute("UPDATE audit_heads SET signature = ?", b"forged")
    assert verify_audit(store, (), lambda text, signature: signature == b"real") != []


def test_a_missing_or_broken_frontier_is_found(store: SqlStore, database: Database, tmp_path: Path) -> None:
    heads = _filled(store, tmp_path)
    database.execute("UPDATE audit_frontier SET state = ?", b"short")
    assert verify_audit(store, heads) != []
    database.execute("UPDATE audit_frontier SET state = ?", Frontier().serialize())
    assert verify_audit(store, heads) != []
