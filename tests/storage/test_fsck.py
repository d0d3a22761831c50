"""`fsck` finds every broken invariant (threats, section 0.1): each is broken on purpose, on both databases."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from idp.domain.age import Band
from idp.domain.age_token import QUOTA, KeyRole, TokenKey, epoch_of, epoch_start
from idp.domain.device_grant import Redeemed
from idp.domain.signing_key import JWKS_MAX_AGE, LONGEST_TOKEN, KeyState, StoredKey
from idp.storage.sql import tables
from idp.storage.sql.door import tables as door
from idp.storage.sql.fsck import check_invariants
from idp.storage.sql.invariants import walk
from idp.storage.sql.invariants.grants import MOMENT_SECONDS
from idp.storage.sql.invariants.retention import EXPIRING, EXPIRING_AT_DOOR, SLACK_SECONDS
from idp.storage.sql.invariants.sealed import ACCOUNT_FORMS, DOOR_FORMS, SHARED_FORMS
from idp.storage.sql.outbox import GIVEN_UP
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.store import SqlStore, open_store, upgrade_schema
from tests.promises.test_data_document import documented
from tests.storage.databases import Database
from tests.storage.things import (
    CHILD,
    NOW,
    a_client,
    a_consent,
    a_device_grant,
    a_grant,
    a_session,
    an_account,
    an_event,
)

CONSENT_AGE = 16
ALL = {f"I{number}" for number in range(1, 13)}
Plant = Callable[[Database, SqlStore], object]


def broken(store: SqlStore) -> set[str]:
    found = check_invariants(store, NOW, CONSENT_AGE)
    assert {item.name for item in found} == ALL
    return {item.name for item in found if item.violations}


def populate(store: SqlStore) -> None:
    """A bit of everything, as the program writes it."""
    account, client = an_account(dedup_index=secrets.token_bytes(32)), a_client()
    consent = a_consent(account, client.id)
    spki = secrets.token_bytes(40)
    epoch = epoch_of(NOW)
    token_key = TokenKey(sha256(spki).digest(), Band.ADULT, epoch, KeyRole.PRIMARY, spki, b"der", epoch_start(epoch))
    device = a_device_grant(client.id, stage=Redeemed())
    keys = [
        StoredKey("old", "ES256", b"der", KeyState.RETIRED, NOW - 10**7, NOW - 10**7, NOW - 10**6, NOW - 10**5),
        StoredKey("now", "ES256", b"der", KeyState.ACTIVE, NOW - 2 * 10**6, NOW - 10**6),
        StoredKey("soon", "ES256", b"der", KeyState.NEXT, NOW - 10),
    ]

    def fill(tx):
        tx.accounts.add(account)
        tx.clients.add(client)
        tx.consents.give(consent)
        tx.audit.append(an_event(account.id, client_id=client.id, subject=consent.id.hex()))
        tx.sessions.add(a_session(account))
        tx.recovery_codes.add(account.id, secrets.token_bytes(32), None)
        for _ in range(3):
            tx.grants.claim_code(a_grant(consent))
        tx.device_grants.add(device)
        tx.grants.claim_code(a_grant(consent, id=device.id))
        tx.spent.claim("dpop", b"proof", NOW + 60)
        tx.attempts.add(b"key", NOW, NOW + 60)
        tx.outbox.put(secrets.token_bytes(16), "logout", client.id, b"message", NOW)
        tx.keys.claim_wrapped("pairwise", tx.grants._sealing._ring.newest.id + secrets.token_bytes(72))
        for key in keys:
            tx.keys.add_signing_key(key)
        tx.token_keys.claim(token_key)
        tx.allowance.charge(account.id, epoch, 32, QUOTA)

    store.write(fill)


def ward(**links: object) -> Plant:
    """A child with a living grant under its own consent."""

    def plant(_: Database, store: SqlStore) -> None:
        child = an_account(age=CHILD, username_index=secrets.token_bytes(32), **links)
        consent = a_consent(child)
        event = an_event(child.id, subject=consent.id.hex())
        store.write(lambda tx: (tx.accounts.add(child), tx.consents.give(consent), tx.audit.append(event)))
        store.write(lambda tx: tx.grants.claim_code(a_grant(consent)))

    return plant


def sql(statement: str, *values: object) -> Plant:
    return lambda database, _: database.execute(statement, *values)


_NOBODY = b"nobody-nobody-16"
_NO_KEY = "DELETE FROM account_keys"
_STATE = "UPDATE signing_keys SET {} WHERE kid = '{}'"

PLANTS: dict[str, tuple[str, Plant]] = {
    "a device's grant that is not there": ("I1", sql("UPDATE device_grants SET id = ?", _NOBODY)),
    "a rotation without its time": ("I2", sql("UPDATE grants SET generation = 1")),
    "a rotation taken back": ("I2", sql("UPDATE grants SET generation = 0, rotated_at = 5")),
    "a consent without its audit row": (
        "I3", lambda _, store: store.write(lambda tx: tx.consents.give(a_consent(tx.accounts.page(b"", 1)[0]))),
    ),
    "an audit row without its consent": (
        "I3", lambda _, store: store.write(
            lambda tx: tx.audit.append(an_event(tx.accounts.page(b"", 1)[0].id, subject="00" * 16))
        ),
    ),
    "a consent with two audit rows": (
        "I3", lambda _, store: store.write(lambda tx: tx.audit.append(_again(tx))),
    ),
    "an edited audit row": ("I4", sql("UPDATE audit_events SET at = at + 1")),
    "more tokens than the quota": ("I5", sql("UPDATE token_allowance SET used = ?", QUOTA + 1)),
    "a live grant under a withdrawn consent": ("I7", sql("UPDATE consents SET withdrawn_at = 1")),
    "a live grant under another app's consent": ("I7", sql("UPDATE consents SET client_id = 'another'")),
    "a live grant of a child alone": ("I7", ward()),
    "a live grant of a child whose guardian is gone": ("I7", ward(guardians=(_NOBODY,))),
    "an account without its key": ("I8", sql(_NO_KEY)),
    "content of a deleted account's grant": (
        "I8", lambda database, _: database.execute("UPDATE grants SET account_id = ?, revoked_at = 1", _NOBODY),
    ),
    "an allowance of a deleted account": ("I8", sql("UPDATE token_allowance SET account_id = ?", _NOBODY)),
    "an answer to a device by a deleted account": ("I8", sql("UPDATE device_grants SET account_id = ?", _NOBODY)),
    "a document's index of nobody": ("I8", sql("INSERT INTO dedup_indexes (digest) VALUES (?)", b"d" * 32)),
    "a document's index that is gone": ("I8", sql("DELETE FROM dedup_indexes")),
    "an expired session": ("I10", sql("UPDATE sessions SET expires_at = ?", NOW - SLACK_SECONDS - 1)),
    "an expired grant": ("I10", sql("UPDATE grants SET expires_at = ?", NOW - SLACK_SECONDS - 1)),
    "an expired one-time value": ("I10", sql("UPDATE spent SET expires_at = ?", NOW - SLACK_SECONDS - 1)),
    "a message given up long ago": ("I10", sql("UPDATE outbox SET due_at = ?", GIVEN_UP + NOW - 10**7)),
    "a readable secret": ("I11", sql("UPDATE clients SET secret_hash = ?", b"hunter2")),
    "a readable registration token": ("I11", sql("UPDATE clients SET registration_token_hash = ?", b"t" * 43)),
    "a readable grant": ("I11", sql("UPDATE grants SET sealed = ?", b'["a pseudonym", "", "openid"]')),
    "a readable message": ("I11", sql("UPDATE outbox SET payload = ?", b"{}")),
    "a record that is not sealed": ("I11", sql("UPDATE accounts SET profile = ?", b"Ada Lovelace")),
    "a record of the right size that does not open": ("I11", sql("UPDATE accounts SET age = ?", bytes(168))),
    "a signing key that is not sealed": ("I11", sql("UPDATE signing_keys SET sealed = ?", b"-----BEGIN PRIVATE KEY")),
    "a token key in the place of another": (
        "I11", sql("UPDATE token_keys SET sealed = (SELECT sealed FROM signing_keys WHERE kid = 'now')"),
    ),
    "a fixed key that is not wrapped": ("I11", sql("UPDATE wrapped_keys SET wrapped = ?", bytes(32))),
    "two active keys": ("I12", sql(_STATE.format(f"state = 'active', activated_at = {NOW}", "soon"))),
    "no active key": ("I12", sql(_STATE.format(f"state = 'retiring', retiring_at = {NOW}", "now"))),
    "a state without its date": ("I12", sql(_STATE.format("activated_at = NULL", "now"))),
    "a date before the one it follows": ("I12", sql(_STATE.format("activated_at = 1", "now"))),
    "a date far in the future": ("I12", sql(_STATE.format(f"created_at = {NOW + 10**6}", "soon"))),
    "a key used before verifiers could know it": (
        "I12", sql(_STATE.format(f"created_at = activated_at - {JWKS_MAX_AGE - 1}", "now")),
    ),
    "a key withdrawn before its last token": (
        "I12", sql(_STATE.format(f"retired_at = retiring_at + {LONGEST_TOKEN - 1}", "old")),
    ),
    "a token key that is not in the log": ("I12", sql("DELETE FROM token_log")),
    "a gap in the log": ("I12", sql("UPDATE token_log SET position = 7")),
    "a token key that is another's": ("I12", sql("UPDATE token_keys SET spki = ?", b"another key")),
    "a token key outside its epoch": ("I12", sql("UPDATE token_keys SET not_before = 1")),
    "a revocation that was not logged": ("I12", sql("UPDATE token_keys SET revoked_at = ?", NOW)),
}


def test_an_exchange_that_met_the_end_of_its_consent_is_no_violation(store: SqlStore, database: Database) -> None:
    """Such a grant is refused at every use: the consent is looked at then."""
    populate(store)
    for apart, found in ((MOMENT_SECONDS, set()), (MOMENT_SECONDS + 1, {"I7"})):
        for withdrawn_at in (NOW - apart, NOW + apart):
            database.execute("UPDATE consents SET withdrawn_at = ?", withdrawn_at)
            assert broken(store) == found


def _again(tx):
    consent = tx.consents.of_account(tx.accounts.page(b"", 1)[0].id)[0]
    return an_event(consent.account_id, subject=consent.id.hex())


def test_a_sound_database_breaks_nothing(store: SqlStore) -> None:
    populate(store)
    assert broken(store) == set()


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_broken_is_found_and_called_by_its_name(store: SqlStore, database: Database, plant: str) -> None:
    populate(store)
    name, break_it = PLANTS[plant]
    break_it(database, store)
    assert broken(store) == {name}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    ("name", "table", "key"),
    [
        ("I1", "grants", "id"), ("I1", "device_grants", "user_code"), ("I5", "token_allowance", "epoch"),
        ("I6", "spent", "digest"),
    ],
)  # fmt: skip
def test_a_database_that_does_not_keep_unique_what_happens_once_is_found(
    request: pytest.FixtureRequest, tmp_path: Path, sealing: ColumnSealing, kind: str, name: str, table: str, key: str
) -> None:
    with own_database(request, tmp_path, sealing, kind) as (store, database):
        populate(store)
        assert broken(store) == set()
        for statement in _without_keys(database, table):
            database.execute(statement)
        assert broken(store) >= {name}, key


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE token_allowance ADD COLUMN newest_token_digest {binary}",
        "CREATE TABLE issued (account_id {binary}, client_id TEXT, blinded_message {binary})",
        "CREATE TABLE spent_tokens (digest {binary}, expires_at INTEGER)",
        "ALTER TABLE sessions ADD COLUMN token_digest {binary}",
    ],
)
def test_a_table_that_joins_a_person_and_a_token_is_found(
    request: pytest.FixtureRequest, tmp_path: Path, sealing: ColumnSealing, kind: str, statement: str
) -> None:
    with own_database(request, tmp_path, sealing, kind) as (store, database):
        database.execute(statement.format(binary="BLOB" if kind == "sqlite" else "BYTEA"))
        assert broken(store) == {"I9"}


def test_every_row_is_looked_at_however_many_stretches_it_takes(
    store: SqlStore, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(walk, "STRETCH", 2)
    populate(store)
    assert broken(store) == set()
    for [grant_id] in database.rows("SELECT id FROM grants"):
        database.execute("UPDATE grants SET generation = 1 WHERE id = ?", grant_id)
        [chains] = [item for item in check_invariants(store, NOW, CONSENT_AGE) if item.name == "I2"]
        assert chains.violations == 1
        database.execute("UPDATE grants SET generation = 0 WHERE id = ?", grant_id)


def test_the_end_of_every_row_that_has_one_is_checked() -> None:
    for metadata, checked in ((tables.metadata, EXPIRING), (door.metadata, EXPIRING_AT_DOOR)):
        with_end = {table.name for table in metadata.tables.values() if "expires_at" in table.c}
        assert with_end - {"grants"} == {table.name for table in checked}


def test_the_form_of_every_sealed_column_is_checked() -> None:
    """`docs/data.md` says which columns are sealed or digests; a new one has to be given its form."""
    formed = {f"{c.table.name}.{c.name}" for forms in (ACCOUNT_FORMS, DOOR_FORMS, SHARED_FORMS) for c in forms}
    said = {
        f"{table}.{column}"
        for table, columns in documented().items()
        for column, cells in columns.items()
        if cells[1].startswith(("ring", "account key", "digest", "keyed digest"))
    }
    # Kept by I4 (the trail's own hashes), not secret (hash of a network), or of no one length (name and digest).
    others = {
        "audit_events.mac", "audit_leaves.hash", "audit_frontier.state", "audit_heads.root", "device_grants.network",
        "attempts.key",
    }
    assert said - others <= formed
    assert others <= said
    assert all(name.split(".")[0] in tables.metadata.tables for name in others)


@contextmanager
def own_database(
    request: pytest.FixtureRequest, tmp_path: Path, sealing: ColumnSealing, kind: str
) -> Iterator[tuple[SqlStore, Database]]:
    """A store on a database that only this test has."""
    url = request.getfixturevalue("postgres_url") if kind == "postgresql" else ""
    upgrade_schema(url, tmp_path)
    with closing(open_store(url, tmp_path, sealing)) as store:
        yield store, Database(kind, url, tmp_path)


def _without_keys(database: Database, table: str) -> list[str]:
    """Statements that make a table forget what it keeps unique."""
    if database.backend == "sqlite":
        return [
            f"ALTER TABLE {table} RENAME TO before", f"CREATE TABLE {table} AS SELECT * FROM before",
            "DROP TABLE before",
        ]  # fmt: skip
    unique = "SELECT conname FROM pg_constraint WHERE conrelid = ?::regclass AND contype IN ('p', 'u')"
    names = database.rows(unique, table)
    return [f'ALTER TABLE {table} DROP CONSTRAINT "{name}"' for (name,) in names]
