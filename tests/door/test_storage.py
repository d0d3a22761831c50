"""The door's database: no table and no column of people, apart from the account issuer's, each thing once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, select
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from crypto.keyring import KeyRing
from idp.domain.age import Band
from idp.domain.errors import Refused
from idp.domain.grant import Grant
from idp.domain.identifiers import new_id
from idp.domain.presentation import Presentation
from idp.storage.sql import tables as account_tables
from idp.storage.sql.door import tables as door_tables
from idp.storage.sql.door.transaction import DOOR
from idp.storage.sql.engine_sqlite import SqliteEngine
from idp.storage.sql.errors import StorageError
from idp.storage.sql.layout import ACCOUNT, LEVEL_TABLES, Layout
from idp.storage.sql.sealed_columns import ColumnSealing
from idp.storage.sql.statement import Statement
from idp.storage.sql.store import FILE, SqlStore, open_store, upgrade_schema

NOW = 1_767_225_600


@pytest.fixture(scope="session")
def sealing() -> ColumnSealing:
    """The door's sealed columns."""
    return ColumnSealing(KeyRing.generate("https://door.example"))


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest) -> str:
    """The address of an empty database of each kind; none for the embedded one."""
    return "" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def store(address: str, tmp_path: Path, sealing: ColumnSealing) -> Iterator[SqlStore]:
    """A door's store."""
    upgrade_schema(address, tmp_path, DOOR)
    with closing(open_store(address, tmp_path, sealing, layout=DOOR)) as opened:
        yield opened


def shown(token: bytes = b"t", request: bytes = b"r", code: str = "code", expires_at: int = NOW + 900) -> Presentation:
    return Presentation(request * 32, token * 32, code, expires_at, NOW + 10_000)


# --------------------------------------------------------------------------------------------------------------- schema
def test_migrations_lead_to_the_tables_of_the_program(address: str, tmp_path: Path) -> None:
    upgrade_schema(address, tmp_path, DOOR)
    if address:
        engine = create_engine(address, poolclass=NullPool)
    else:
        sqlite = SqliteEngine(tmp_path / FILE)
        engine = create_engine("sqlite://", module=sqlite.library, creator=sqlite.connect, poolclass=NullPool)
    with closing(engine.connect()) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, door_tables.metadata) == []
        found = inspect(connection)
        for table in door_tables.metadata.sorted_tables:
            checks = {check["name"] for check in found.get_check_constraints(table.name)}
            known = {c.name for c in table.constraints if c.name and not str(c.name).endswith("_key")}
            assert known <= checks, table.name
            if not address:
                made = connection.exec_driver_sql(
                    "SELECT sql FROM sqlite_schema WHERE name = ?", (table.name,)
                ).scalar_one()
                for word in ("STRICT", "WITHOUT ROWID", "AUTOINCREMENT"):
                    assert (word in str(CreateTable(table).compile(connection))) == (word in made), (table.name, word)


def test_there_is_one_line_of_migrations_and_the_program_knows_its_end() -> None:
    script = ScriptDirectory(str(DOOR.migrations))
    assert script.get_current_head() == f"{DOOR.level:04d}"
    assert len(list(script.walk_revisions())) == DOOR.level


def test_no_column_of_either_side_could_hold_the_others_identity() -> None:
    """The door has no table and no column of people; no table of the account issuer has one of a token (threats I9)."""
    account, door = account_tables.metadata.tables, door_tables.metadata.tables
    people = {"account", "session", "consent", "username", "person", "profile", "password", "evidence", "guardian"}
    for table in door.values():
        for name in (table.name, *table.c.keys()):
            assert not any(word in name for word in people), (table.name, name)
    # What the door keeps of tokens and pseudonyms has no counterpart, and no name it goes by, on the account side.
    theirs = {"spent_tokens", "answered_requests", "door_grants", "door_schema_level"}
    assert theirs == set(door) - set(account)
    for table in account.values():
        for name in set(table.c.keys()) - {"registration_token_hash"}:
            assert not any(word in name for word in ("nonce", "blind", "token", "request", "presentation")), name
    # The one table that counts tokens knows the account and a number.
    assert set(account["token_allowance"].c.keys()) == {"account_id", "epoch", "used"}
    # Tables of both kinds are the same column by column: what serves one serves the other.
    for name in set(account) & set(door) - {"audit_events"}:
        assert [str(c.type) for c in account[name].c] == [str(c.type) for c in door[name].c], name
        assert account[name].c.keys() == door[name].c.keys(), name
    assert set(account["audit_events"].c.keys()) - set(door["audit_events"].c.keys()) == {"account_id"}


@pytest.mark.parametrize(
    ("first", "second", "owner"), [(DOOR, ACCOUNT, "the door"), (ACCOUNT, DOOR, "the account issuer")]
)
def test_each_side_refuses_the_others_database(
    address: str, tmp_path: Path, sealing: ColumnSealing, first: Layout, second: Layout, owner: str
) -> None:
    assert {ACCOUNT.level_table, DOOR.level_table} == set(LEVEL_TABLES)
    upgrade_schema(address, tmp_path, first)
    with pytest.raises(StorageError, match=f"belongs to {owner}"):
        open_store(address, tmp_path, sealing, layout=second)
    with pytest.raises(StorageError, match=f"belongs to {owner}"):
        upgrade_schema(address, tmp_path, second)


def test_asking_the_door_for_people_is_refused_in_words(store: SqlStore) -> None:
    for what in ("accounts", "sessions", "consents", "device_grants", "token_keys", "allowance"):
        with pytest.raises(Refused, match=f"keeps no {what.replace('_', ' ')}"):
            store.read(lambda tx, what=what: getattr(tx, what).get(b"x"))


# ------------------------------------------------------------------------------------------------------- presentations
def test_token_and_request_are_used_up_together(store: SqlStore) -> None:
    def claim(presentation: Presentation) -> str:
        return store.write(lambda tx: tx.presentations.claim(presentation))

    assert claim(shown()) == "code"
    assert claim(shown(code="a later code")) == "code"
    with pytest.raises(Refused) as spent:
        claim(shown(request=b"s"))
    with pytest.raises(Refused) as answered:
        claim(shown(token=b"u"))
    assert (spent.value.reason, answered.value.reason) == ("token_spent", "request_answered")
    # What was refused has left nothing behind: the second token and the second request are good together.
    assert claim(shown(token=b"u", request=b"s", code="other")) == "other"
    # Both are used up, but with others: nobody gets the code that another token earned.
    with pytest.raises(Refused, match="spent"):
        claim(shown(token=b"u", request=b"r"))


def test_kept_code_is_sealed_and_goes_with_the_request_while_the_token_stays_spent(store: SqlStore) -> None:
    store.write(lambda tx: tx.presentations.claim(shown(code="a very secret code", expires_at=NOW + 900)))
    sealed = store.read(lambda tx: tx.run.rows(_answers()))
    assert len(sealed) == 1 and b"secret" not in sealed[0][0]
    assert store.write(lambda tx: tx.housekeeping.purge(NOW + 899, 10))["answered_requests"] == 0
    assert store.write(lambda tx: tx.housekeeping.purge(NOW + 900, 10))["answered_requests"] == 1
    with pytest.raises(Refused, match="spent"):
        store.write(lambda tx: tx.presentations.claim(shown()))
    assert store.write(lambda tx: tx.housekeeping.purge(NOW + 10_000, 10))["spent_tokens"] == 1


def _answers() -> Statement:
    return Statement(select(door_tables.answered_requests.c.sealed))


@pytest.mark.parametrize("same_request", [False, True])
def test_token_shown_by_eight_at_once_answers_one_request(store: SqlStore, same_request: bool) -> None:
    """Eight requests: one code and seven refusals. One request eight times: the same code for all."""
    barrier = Barrier(8)

    def race(number: int, turn: int) -> str:
        request = bytes([turn]) * 31 + bytes([0 if same_request else number])
        presentation = Presentation(request, bytes([turn]) * 32, f"code {number}", NOW + 900, NOW + 10_000)
        barrier.wait(20)
        try:
            return store.write(lambda tx: tx.presentations.claim(presentation), presentation.token)
        except Refused as refused:
            return refused.reason

    with ThreadPoolExecutor(8) as threads:
        for turn in range(25):
            answers = list(threads.map(lambda number, turn=turn: race(number, turn), range(8)))
            codes = [answer for answer in answers if answer.startswith("code ")]
            assert len(set(codes)) == 1
            assert len(codes) == (8 if same_request else 1), answers


# --------------------------------------------------------------------------------------------------------------- grants
def test_grant_keeps_the_band_and_nobody(store: SqlStore) -> None:
    grant = Grant(
        new_id(NOW), b"", "app", None, b"", "sub", frozenset({"openid", "age"}), "", NOW, NOW, None, "standard", False,
        "jkt", ("https://api.example",), NOW, NOW + 300, band=Band.MINOR,
    )  # fmt: skip
    assert store.write(lambda tx: tx.grants.claim_code(grant))
    assert not store.write(lambda tx: tx.grants.claim_code(grant))
    found = store.read(lambda tx: tx.grants.with_standing(grant.id, NOW))
    assert found is not None and found[0] == grant
    assert found[1].live and found[1].age is not None and found[1].age.state.band(NOW) is Band.MINOR
    assert found[1].age.state.over(18, NOW) is False
    assert not store.write(lambda tx: tx.grants.claim_rotation(grant.id, 0, NOW))
    assert store.write(lambda tx: tx.grants.revoke(grant.id, NOW))
    assert not store.write(lambda tx: tx.grants.revoke(grant.id, NOW))
    revoked = store.read(lambda tx: tx.grants.get(grant.id))
    assert revoked is not None and revoked.revoked_at == NOW
    # The grant is the marker of its code: it stays past the end of both.
    assert store.write(lambda tx: tx.housekeeping.purge(NOW + 300 + 599, 10))["door_grants"] == 0
    assert store.write(lambda tx: tx.housekeeping.purge(NOW + 300 + 600, 10))["door_grants"] == 1
