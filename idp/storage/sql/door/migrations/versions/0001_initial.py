"""The door's first schema. Expands."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _bytes(name: str, nullable: bool = False, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable, primary_key=primary_key)


def _text(name: str, nullable: bool = False, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def _number(name: str, nullable: bool = False, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, _NUMBER, nullable=nullable, primary_key=primary_key, autoincrement=False)


def _table(name: str, *parts: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(name, *parts, sqlite_with_rowid=False, sqlite_strict=True)


def upgrade() -> None:
    """Create every table."""
    _apps()
    _tokens()
    _markers()
    _audit()
    _operation()


def _apps() -> None:
    _table(
        "clients",
        _text("id", primary_key=True),
        _text("state"),
        _text("sector"),
        _number("version"),
        _number("created_at"),
        _bytes("secret_hash", nullable=True),
        _bytes("registration_token_hash", nullable=True),
        _bytes("document"),
        sa.CheckConstraint("state IN ('pending', 'active', 'suspended')", name="client_state_known"),
    )
    op.create_index("clients_by_sector", "clients", ["sector"])
    _table(
        "door_grants",
        _bytes("id", primary_key=True),
        _text("client_id"),
        _bytes("sealed"),
        _number("created_at"),
        _number("expires_at"),
        _number("revoked_at", nullable=True),
        sa.CheckConstraint("length(id) = 16", name="door_grant_id_size"),
    )
    op.create_index("door_grants_by_expiry", "door_grants", ["expires_at"])


def _tokens() -> None:
    _table("spent_tokens", _bytes("digest", primary_key=True), _number("expires_at"))
    op.create_index("spent_tokens_by_expiry", "spent_tokens", ["expires_at"])
    _table(
        "answered_requests",
        _bytes("request", primary_key=True),
        _bytes("token"),
        _bytes("sealed"),
        _number("expires_at"),
    )
    op.create_index("answered_requests_by_expiry", "answered_requests", ["expires_at"])
    _table("token_log", _number("position", primary_key=True), _bytes("leaf"))
    _table("token_log_notes", _number("size", primary_key=True), _text("note"))


def _markers() -> None:
    _table("spent", _bytes("digest", primary_key=True), _number("expires_at"))
    op.create_index("spent_by_expiry", "spent", ["expires_at"])
    _table(
        "attempts",
        _bytes("key", primary_key=True),
        _number("window_start", primary_key=True),
        _number("tries"),
        _number("expires_at"),
    )
    op.create_index("attempts_by_expiry", "attempts", ["expires_at"])


def _audit() -> None:
    _table(
        "audit_events",
        _bytes("id", primary_key=True),
        _number("at"),
        _text("kind"),
        _text("client_id", nullable=True),
        _text("subject"),
        _bytes("details"),
        _bytes("mac"),
    )
    op.create_table(
        "audit_pending",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        _bytes("event_id"),
        sa.UniqueConstraint("event_id"),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )
    _table(
        "audit_leaves",
        _number("position", primary_key=True),
        _bytes("event_id"),
        _bytes("hash"),
        sa.UniqueConstraint("event_id"),
    )
    _table("audit_frontier", _number("id", primary_key=True), _bytes("state"))
    _table(
        "audit_heads",
        _number("size", primary_key=True),
        _bytes("root"),
        _number("at"),
        _bytes("signature", nullable=True),
    )
    frontier = sa.table("audit_frontier", sa.column("id", _NUMBER), sa.column("state", sa.LargeBinary))
    # The empty tree: a size of 0 in 8 bytes, and no subtrees.
    op.bulk_insert(frontier, [{"id": 1, "state": bytes(8)}])


def _operation() -> None:
    _table(
        "signing_keys",
        _text("kid", primary_key=True),
        _text("alg"),
        _bytes("sealed"),
        _text("state"),
        _number("created_at"),
        _number("activated_at", nullable=True),
        _number("retiring_at", nullable=True),
        _number("retired_at", nullable=True),
        sa.CheckConstraint("state IN ('next', 'active', 'retiring', 'retired')", name="signing_key_state_known"),
    )
    _table("wrapped_keys", _text("name", primary_key=True), _bytes("wrapped"))
    _table("meta", _text("name", primary_key=True), _text("value"))
    _table("door_schema_level", _number("id", primary_key=True), _number("level"), _number("floor"))
    level = sa.table(
        "door_schema_level", sa.column("id", _NUMBER), sa.column("level", _NUMBER), sa.column("floor", _NUMBER)
    )
    op.bulk_insert(level, [{"id": 1, "level": 1, "floor": 1}])
