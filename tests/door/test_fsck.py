"""`fsck` on a door's database: each invariant is broken on purpose, and found (threats, section 0.1)."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from crypto.keyring import KeyRing
from idp.domain.age import Band
from idp.domain.audit_event import AuditEvent, AuditKind
from idp.domain.grant import Grant
from idp.domain.identifiers import new_id
from idp.domain.presentation import Presentation
from idp.domain.signing_key import KeyState, StoredKey
from idp.storage.sql.door.transaction import DOOR
from idp.storage.sql.fsck import check_invariants
from idp.storage.sql.invariants.retention import SLACK_SECONDS
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import SqlStore, open_store, upgrade_schema
from tests.storage.databases import Database
from tests.storage.things import NOW, a_client

LONG_AGO = NOW - SLACK_SECONDS - 1


@dataclass
class Door:
    """A door's store, and a way behind its back."""

    store: SqlStore
    database: Database

    def broken(self) -> set[str]:
        found = check_invariants(self.store, NOW, 14)
        assert {item.name for item in found} == {"I1", "I4", "I6", "I9", "I10", "I11", "I12"}
        return {item.name for item in found if item.violations}


@pytest.fixture(params=["sqlite", "postgresql"])
def door(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Door]:
    """A door that has answered two requests and exchanged a code."""
    url = "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    upgrade_schema(url, tmp_path, DOOR)
    sealing = ColumnSealing(KeyRing.generate("https://door.example"))
    with closing(open_store(url, tmp_path, sealing, layout=DOOR)) as store:
        store.write(_fill)
        yield Door(store, Database(request.param, url, tmp_path))


def _fill(tx) -> None:
    client = a_client()
    tx.clients.add(client)
    for number in (1, 2):
        shown = Presentation(bytes([number]) * 32, bytes([number + 10]) * 32, "code", NOW + 900, NOW + 10_000)
        tx.presentations.claim(shown)
    tx.grants.claim_code(
        Grant(
            new_id(NOW), b"", client.id, None, b"", "subject", frozenset({"openid"}), "", NOW, None, None, None, False,
            None, (), NOW, NOW + 300, band=Band.ADULT,
        )  # fmt: skip
    )
    tx.spent.claim("dpop", b"proof", NOW + 60)
    tx.keys.add_signing_key(StoredKey("now", "ES256", b"der", KeyState.ACTIVE, NOW - 100, NOW - 100))
    tx.audit.append(AuditEvent(new_id(NOW), NOW, AuditKind.KEY_MADE, None, None, "now"))


PLANTS = [
    ("I4", "UPDATE audit_events SET subject = 'then'"),
    ("I6", "DELETE FROM spent_tokens"),
    ("I6", "UPDATE answered_requests SET token = {token}"),
    ("I10", f"UPDATE spent_tokens SET expires_at = {LONG_AGO}"),
    ("I10", f"UPDATE door_grants SET expires_at = {LONG_AGO}"),
    ("I11", "UPDATE answered_requests SET sealed = {token}"),
    ("I11", "UPDATE door_grants SET sealed = {token}"),
    ("I11", "UPDATE signing_keys SET sealed = {token}"),
    ("I12", "UPDATE signing_keys SET activated_at = NULL"),
    ("I9", "CREATE TABLE sessions (id {binary})"),
    ("I9", "ALTER TABLE door_grants ADD COLUMN account_id {binary}"),
    ("I9", "ALTER TABLE spent_tokens ADD COLUMN client_id TEXT"),
]


def test_a_sound_door_breaks_nothing(door: Door) -> None:
    assert door.broken() == set()


@pytest.mark.parametrize(("name", "statement"), PLANTS)
def test_what_is_broken_at_the_door_is_found(door: Door, name: str, statement: str) -> None:
    literal = "x'{}'" if door.database.backend == "sqlite" else "'\\x{}'"
    binary = "BLOB" if door.database.backend == "sqlite" else "BYTEA"
    door.database.execute(statement.format(token=literal.format("0b" * 32), binary=binary))
    assert door.broken() == {name}


@pytest.mark.parametrize(
    ("name", "table"), [("I1", "door_grants"), ("I6", "spent_tokens"), ("I6", "answered_requests")]
)
def test_a_door_that_could_take_a_token_twice_is_found(door: Door, name: str, table: str) -> None:
    if door.database.backend == "sqlite":
        door.database.execute(f"ALTER TABLE {table} RENAME TO before")
        door.database.execute(f"CREATE TABLE {table} AS SELECT * FROM before")
        door.database.execute("DROP TABLE before")
    else:
        door.database.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
    assert door.broken() == {name}
