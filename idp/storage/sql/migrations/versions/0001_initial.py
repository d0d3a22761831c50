"""The first schema. Expands."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")
_ACTIVE = sa.text("withdrawn_at IS NULL")


def _bytes(name: str, nullable: bool = False, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.LargeBinary, nullable=nullable, primary_key=primary_key)


def _text(name: str, nullable: bool = False, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text, nullable=nullable, primary_key=primary_key)


def _number(name: str, nullable: bool = False, primary_key: bool = False) -> sa.Column[object]:
    return sa.Column(name, _NUMBER, nullable=nullable, primary_key=primary_key, autoincrement=False)


def _flag(name: str) -> sa.Column[object]:
    return sa.Column(name, _FLAG, nullable=False)


def _table(name: str, *parts: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(name, *parts, sqlite_with_rowid=False, sqlite_strict=True)


def upgrade() -> None:
    """Create every table."""
    _people()
    _apps()
    _markers()
    _age_tokens()
    _audit()
    _operation()


def _people() -> None:
    _table(
        "accounts",
        _bytes("id", primary_key=True),
        _bytes("username_index"),
        _text("state"),
        _flag("tester"),
        _number("created_at"),
        _bytes("profile"),
        _bytes("password"),
        _bytes("age"),
        _bytes("dedup"),
        _bytes("links"),
        sa.UniqueConstraint("username_index"),
        sa.CheckConstraint("length(id) = 16", name="account_id_size"),
        sa.CheckConstraint("state IN ('active', 'locked', 'suspended')", name="account_state_known"),
    )
    _table(
        "account_keys",
        _bytes("account_id", primary_key=True),
        _bytes("wrapped"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
    )
    _table("dedup_indexes", _bytes("digest", primary_key=True))
    _table(
        "sessions",
        _bytes("id", primary_key=True),
        _bytes("account_id"),
        _number("auth_time"),
        _number("created_at"),
        _number("expires_at"),
        _text("amr"),
        _bytes("sid_seed"),
        _number("revoked_at", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.CheckConstraint("length(id) = 32", name="session_id_size"),
    )
    op.create_index("sessions_by_account", "sessions", ["account_id"])
    op.create_index("sessions_by_expiry", "sessions", ["expires_at"])
    _table(
        "recovery_codes",
        _bytes("digest", primary_key=True),
        _bytes("account_id"),
        _number("expires_at", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.CheckConstraint("length(digest) = 32", name="recovery_code_digest_size"),
    )
    op.create_index("recovery_codes_by_account", "recovery_codes", ["account_id"])
    op.create_index("recovery_codes_by_expiry", "recovery_codes", ["expires_at"])
    _table(
        "passkeys",
        _bytes("id", primary_key=True),
        _bytes("account_id"),
        _bytes("sealed"),
        _number("sign_count"),
        _number("created_at"),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.CheckConstraint("length(id) = 32", name="passkey_id_size"),
    )
    op.create_index("passkeys_by_account", "passkeys", ["account_id"])


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
        "consents",
        _bytes("id", primary_key=True),
        _bytes("account_id"),
        _text("client_id"),
        _text("scope"),
        _text("claims"),
        _number("manifest_version"),
        _text("giver"),
        _number("created_at"),
        _number("withdrawn_at", nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.CheckConstraint("length(id) = 16", name="consent_id_size"),
        sa.CheckConstraint("giver IN ('self', 'guardian')", name="consent_giver_known"),
    )
    op.create_index(
        "consents_one_active", "consents", ["account_id", "client_id", "giver"],
        unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE,
    )
    op.create_index("consents_by_account", "consents", ["account_id"])
    op.create_index("consents_by_client", "consents", ["client_id"])
    _table(
        "grants",
        _bytes("id", primary_key=True),
        _bytes("account_id"),
        _text("client_id"),
        _bytes("session_id", nullable=True),
        _bytes("consent_id"),
        _flag("offline"),
        _bytes("sealed"),
        _number("created_at"),
        _number("expires_at"),
        sa.Column("generation", _NUMBER, nullable=False, server_default=sa.text("0")),
        _number("rotated_at", nullable=True),
        _number("revoked_at", nullable=True),
    )
    op.create_index("grants_by_account", "grants", ["account_id"])


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
        _bytes("account_id", nullable=True),
        _text("client_id", nullable=True),
        _text("subject"),
        _bytes("details"),
        _bytes("mac"),
    )
    op.create_index("audit_events_by_account", "audit_events", ["account_id"])
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
    _table(
        "outbox",
        _bytes("id", primary_key=True),
        _text("kind"),
        _text("client_id"),
        _bytes("payload"),
        _number("due_at"),
        _number("tries"),
    )
    op.create_index("outbox_by_due", "outbox", ["due_at"])
    _table("schema_level", _number("id", primary_key=True), _number("level"), _number("floor"))
    level = sa.table("schema_level", sa.column("id", _NUMBER), sa.column("level", _NUMBER), sa.column("floor", _NUMBER))
    op.bulk_insert(level, [{"id": 1, "level": 1, "floor": 1}])


def _age_tokens() -> None:
    _table(
        "token_keys",
        _bytes("key_id", primary_key=True),
        _text("band"),
        _number("epoch"),
        _text("role"),
        _bytes("spki"),
        _bytes("sealed"),
        _number("not_before"),
        _number("revoked_at", nullable=True),
        sa.CheckConstraint("band IN ('minor', 'adult')", name="token_key_band_known"),
        sa.CheckConstraint("role IN ('primary', 'standby')", name="token_key_role_known"),
    )
    op.create_index("token_keys_one_each", "token_keys", ["band", "epoch", "role"], unique=True)
    _table("token_log", _number("position", primary_key=True), _bytes("leaf"))
    _table("token_log_notes", _number("size", primary_key=True), _text("note"))
    _table(
        "token_allowance",
        _bytes("account_id", primary_key=True),
        _number("epoch", primary_key=True),
        _number("used"),
    )
