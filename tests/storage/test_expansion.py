"""Every migration only adds, so that the version before goes on working on the new schema (threats F23)."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import NullPool

from idp.storage.sql.door.transaction import DOOR
from idp.storage.sql.engine_sqlite import SqliteEngine
from idp.storage.sql.layout import ACCOUNT, Layout
from idp.storage.sql.store import FILE

LAYOUTS = {"account issuer": ACCOUNT, "door": DOOR}
_NEXT = '''"""Planted."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "{number}", "{before}", None, None


def upgrade() -> None:
    {body}
'''


@dataclass(frozen=True)
class Schema:
    """Columns as `table.column` -> (type, may be NULL, has a default); rules of tables as texts; the oldest program."""

    columns: dict[str, tuple[str, bool, bool]]
    rules: frozenset[str]
    floor: int

    @property
    def tables(self) -> set[str]:
        return {name.partition(".")[0] for name in self.columns}


def _schema(connection: Connection, layout: Layout) -> Schema:
    found = inspect(connection)
    columns: dict[str, tuple[str, bool, bool]] = {}
    rules: set[str] = set()
    for table in found.get_table_names():
        for column in found.get_columns(table):
            described = str(column["type"]), bool(column["nullable"]), column["default"] is not None
            columns[f"{table}.{column['name']}"] = described
        rules.add(f"{table} key {found.get_pk_constraint(table)['constrained_columns']}")
        rules |= {f"{table} check {one['sqltext']}" for one in found.get_check_constraints(table)}
        rules |= {f"{table} unique {one['column_names']}" for one in found.get_unique_constraints(table)}
        rules |= {f"{table} refers {one['constrained_columns']}" for one in found.get_foreign_keys(table)}
        unique = (one for one in found.get_indexes(table) if one["unique"])
        rules |= {f"{table} unique {one['column_names']}" for one in unique}
    floor = connection.execute(text(f"SELECT floor FROM {layout.level_table}")).scalar_one()
    return Schema(columns, frozenset(rules), floor)


def objections(before: Schema, after: Schema) -> list[str]:
    """What a program that knows `before` would stumble over in `after`."""
    found = [f"{name} is gone" for name in before.columns.keys() - after.columns.keys()]
    for name in before.columns.keys() & after.columns.keys():
        was, now = before.columns[name], after.columns[name]
        if was[0] != now[0]:
            found.append(f"{name} has another type")
        if was[1] and not now[1]:
            found.append(f"{name} must not be NULL any more")
        if was[2] and not now[2]:
            found.append(f"{name} has lost its default")
    for name in after.columns.keys() - before.columns.keys():
        _, nullable, default = after.columns[name]
        if name.partition(".")[0] in before.tables and not nullable and not default:
            found.append(f"{name} is new and wants a value")
    found += [f"new rule: {rule}" for rule in after.rules - before.rules if rule.partition(" ")[0] in before.tables]
    found += [f"rule is gone: {rule}" for rule in before.rules - after.rules]
    if after.floor != before.floor:
        found.append("the floor has risen")
    return found


def _steps(engine: Engine, layout: Layout) -> Iterator[tuple[str, Schema]]:
    """The schema after each migration, in order."""
    script = ScriptDirectory(str(layout.migrations))
    for revision in reversed(list(script.walk_revisions())):
        config = Config()
        config.set_main_option("script_location", str(layout.migrations))
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision.revision)
        with engine.connect() as connection:
            yield revision.revision, _schema(connection, layout)


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database of each kind."""
    if request.param == "postgresql":
        engine = create_engine(request.getfixturevalue("postgres_url"), poolclass=NullPool)
    else:
        file = SqliteEngine(tmp_path / FILE)
        file.create()
        engine = create_engine("sqlite://", module=file.library, creator=file.connect, poolclass=NullPool)
    with closing(_Disposed(engine)):
        yield engine


class _Disposed:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def close(self) -> None:
        self._engine.dispose()


@pytest.mark.parametrize("kind", LAYOUTS)
def test_every_migration_only_adds(engine: Engine, kind: str) -> None:
    steps = list(_steps(engine, LAYOUTS[kind]))
    assert len(steps) == LAYOUTS[kind].level
    for (_, before), (number, after) in zip(steps, steps[1:], strict=False):
        assert objections(before, after) == [], f"migration {number} of the {kind}"


@pytest.mark.parametrize(
    ("body", "objection"),
    [
        ('op.drop_table("outbox")', "outbox.payload is gone"),
        ('op.drop_column("clients", "secret_hash")', "clients.secret_hash is gone"),
        (
            'op.execute("ALTER TABLE clients ADD COLUMN colour TEXT NOT NULL DEFAULT \'\'");'
            ' op.add_column("clients", sa.Column("shade", sa.Text, nullable=True))', None,
        ),
        ('op.create_index("one_kind", "outbox", ["kind"], unique=True)', "new rule: outbox unique ['kind']"),
        ('op.drop_index("sessions_by_expiry", "sessions")', None),
        ("op.execute(\"UPDATE schema_level SET floor = 2\")", "the floor has risen"),
    ],
)
def test_a_migration_that_takes_away_is_found(engine: Engine, tmp_path: Path, body: str, objection: str | None) -> None:
    found = _planted(engine, tmp_path, body)
    assert found == [] if objection is None else objection in found


@pytest.mark.parametrize(
    ("body", "objection"),
    [
        ('op.alter_column("outbox", "kind", type_=sa.LargeBinary, postgresql_using="kind::bytea")', "another type"),
        ('op.alter_column("clients", "secret_hash", nullable=False)', "must not be NULL"),
        ('op.add_column("clients", sa.Column("colour", sa.Text, nullable=False))', "wants a value"),
        ('op.create_check_constraint("short", "clients", "length(sector) < 9")', "new rule: clients check"),
    ],
)
def test_what_sqlite_cannot_do_is_found_on_postgresql(
    postgres_url: str, tmp_path: Path, body: str, objection: str
) -> None:
    engine = create_engine(postgres_url, poolclass=NullPool)
    with closing(_Disposed(engine)):
        assert any(objection in one for one in _planted(engine, tmp_path, body))


def _planted(engine: Engine, tmp_path: Path, body: str) -> list[str]:
    """Objections to a migration after the newest."""
    directory = tmp_path / "migrations"
    shutil.copytree(ACCOUNT.migrations, directory, ignore=shutil.ignore_patterns("__pycache__"))
    number, before = f"{ACCOUNT.level + 1:04d}", f"{ACCOUNT.level:04d}"
    file = directory / "versions" / f"{number}_planted.py"
    file.write_text(_NEXT.format(number=number, before=before, body=body))
    steps: list[Any] = list(_steps(engine, replace(ACCOUNT, migrations=directory)))
    return objections(steps[-2][1], steps[-1][1])
