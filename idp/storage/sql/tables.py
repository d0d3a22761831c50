"""Every table, as the newest migration leaves it. Times are epoch seconds, flags 0 or 1, ids short binary keys.

`WITHOUT ROWID` keeps a SQLite row in the tree of its key: one tree to touch instead of two. `STRICT` makes SQLite
refuse a value of another type, as PostgreSQL does.
"""

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata = MetaData()

Number = BigInteger().with_variant(Integer(), "sqlite")
Flag = SmallInteger().with_variant(Integer(), "sqlite")


def _table(name: str, *parts: Column[object] | CheckConstraint | Index) -> Table:
    return Table(name, metadata, *parts, sqlite_with_rowid=False, sqlite_strict=True)


def key_column(name: str, kind: type[LargeBinary] | type[Text] = LargeBinary) -> Column[object]:
    return Column(name, kind, primary_key=True)


def bytes_column(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, LargeBinary, nullable=nullable)


def text_column(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, Text, nullable=nullable)


def number_column(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, Number, nullable=nullable)


def _of_account() -> Column[object]:
    return Column("account_id", LargeBinary, ForeignKey("accounts.id"), nullable=False)


# `profile` (username, contact, salt), `password`, `age`, `dedup` and `links` are sealed under the account's data
# key; all are always there and padded, so that their presence says nothing.
accounts = _table(
    "accounts",
    key_column("id"),
    Column("username_index", LargeBinary, nullable=False, unique=True),
    text_column("state"),
    Column("tester", Flag, nullable=False),
    number_column("created_at"),
    bytes_column("profile"),
    bytes_column("password"),
    bytes_column("age"),
    bytes_column("dedup"),
    bytes_column("links"),
    CheckConstraint("length(id) = 16", name="account_id_size"),
    CheckConstraint("state IN ('active', 'locked', 'suspended')", name="account_state_known"),
)

# The data key of an account, wrapped by the master ring. Deleting this row makes all that was sealed under it
# unreadable (crypto-shredding), so it stands apart and goes first.
account_keys = _table(
    "account_keys",
    Column("account_id", LargeBinary, ForeignKey("accounts.id"), primary_key=True),
    bytes_column("wrapped"),
)

# De-duplication indexes, on purpose without the account: only the account's sealed record knows its own.
dedup_indexes = _table("dedup_indexes", key_column("digest"))

sessions = _table(
    "sessions",
    key_column("id"),
    _of_account(),
    number_column("auth_time"),
    number_column("created_at"),
    number_column("expires_at"),
    text_column("amr"),
    bytes_column("sid_seed"),
    number_column("revoked_at", nullable=True),
    CheckConstraint("length(id) = 32", name="session_id_size"),
)
Index("sessions_by_account", sessions.c.account_id)
Index("sessions_by_expiry", sessions.c.expires_at)

# Digests of the codes that open an account whose password is lost. Using one deletes its row. Those that a person keeps
# have no end; those that an operator hands out have.
recovery_codes = _table(
    "recovery_codes",
    key_column("digest"),
    _of_account(),
    number_column("expires_at", nullable=True),
    CheckConstraint("length(digest) = 32", name="recovery_code_digest_size"),
)
Index("recovery_codes_by_account", recovery_codes.c.account_id)
Index("recovery_codes_by_expiry", recovery_codes.c.expires_at)

# `document` holds the metadata as JSON; what statements look for has columns of its own.
clients = _table(
    "clients",
    key_column("id", Text),
    text_column("state"),
    text_column("sector"),
    number_column("version"),
    number_column("created_at"),
    bytes_column("secret_hash", nullable=True),
    bytes_column("registration_token_hash", nullable=True),
    bytes_column("document"),
    CheckConstraint("state IN ('pending', 'active', 'suspended')", name="client_state_known"),
)
Index("clients_by_sector", clients.c.sector)

consents = _table(
    "consents",
    key_column("id"),
    _of_account(),
    text_column("client_id"),
    text_column("scope"),
    text_column("claims"),
    number_column("manifest_version"),
    text_column("giver"),
    number_column("created_at"),
    number_column("withdrawn_at", nullable=True),
    CheckConstraint("length(id) = 16", name="consent_id_size"),
    CheckConstraint("giver IN ('self', 'guardian')", name="consent_giver_known"),
)
_ACTIVE = text("withdrawn_at IS NULL")
Index(
    "consents_one_active", consents.c.account_id, consents.c.client_id, consents.c.giver,
    unique=True, sqlite_where=_ACTIVE, postgresql_where=_ACTIVE,
)
Index("consents_by_account", consents.c.account_id)
Index("consents_by_client", consents.c.client_id)

# The hottest table: one insert for each code exchange, so two trees and no foreign key. `id` is the id of the code
# the grant came from: the primary key is what makes a code work once. `sealed` (under the ring) holds `subject`,
# scope, `sid` and the rest; deleting the account empties it.
grants = _table(
    "grants",
    key_column("id"),
    bytes_column("account_id"),
    text_column("client_id"),
    bytes_column("session_id", nullable=True),
    bytes_column("consent_id"),
    Column("offline", Flag, nullable=False),
    bytes_column("sealed"),
    number_column("created_at"),
    number_column("expires_at"),
    Column("generation", Number, nullable=False, server_default=text("0")),
    number_column("rotated_at", nullable=True),
    number_column("revoked_at", nullable=True),
)
Index("grants_by_account", grants.c.account_id)

# Devices without a keyboard, ten minutes each (RFC 8628). The codes are digests; `sealed` (under the ring) says who
# agreed to what, from the moment of that until the device has fetched its tokens.
device_grants = _table(
    "device_grants",
    key_column("id"),
    Column("device_code", LargeBinary, nullable=False, unique=True),
    Column("user_code", LargeBinary, nullable=False, unique=True),
    text_column("client_id"),
    bytes_column("parameters"),
    bytes_column("network"),
    text_column("state"),
    bytes_column("account_id", nullable=True),
    bytes_column("sealed"),
    number_column("created_at"),
    number_column("expires_at"),
    number_column("poll_interval"),
    number_column("next_poll_at"),
    Column("hurried", Flag, nullable=False),
    CheckConstraint("length(id) = 16", name="device_grant_id_size"),
    CheckConstraint("state IN ('waiting', 'approved', 'denied', 'redeemed')", name="device_grant_state_known"),
)
Index("device_grants_by_expiry", device_grants.c.expires_at)

# One-time values: SHA-256 of kind and value.
spent = _table("spent", key_column("digest"), number_column("expires_at"))
Index("spent_by_expiry", spent.c.expires_at)

attempts = _table(
    "attempts",
    key_column("key"),
    Column("window_start", Number, primary_key=True),
    Column("tries", Number, nullable=False),
    number_column("expires_at"),
)
Index("attempts_by_expiry", attempts.c.expires_at)

# Never updated and never deleted. `details` is sealed under the account's data key, or the ring where no account is
# concerned; `mac` covers every other column.
audit_events = _table(
    "audit_events",
    key_column("id"),
    number_column("at"),
    text_column("kind"),
    bytes_column("account_id", nullable=True),
    text_column("client_id", nullable=True),
    text_column("subject"),
    bytes_column("details"),
    bytes_column("mac"),
)
Index("audit_events_by_account", audit_events.c.account_id)

# Events that have no leaf yet. The number is given out in the transaction of the event: the order of the leaves.
audit_pending = Table(
    "audit_pending",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=True),
    Column("event_id", LargeBinary, nullable=False, unique=True),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)

audit_leaves = _table(
    "audit_leaves",
    Column("position", Number, primary_key=True, autoincrement=False),
    Column("event_id", LargeBinary, nullable=False, unique=True),
    bytes_column("hash"),
)

# The one row (id 1) that every sealer locks: the compact state of the Merkle tree (RFC 6962).
audit_frontier = _table(
    "audit_frontier",
    Column("id", Number, primary_key=True, autoincrement=False),
    bytes_column("state"),
)

audit_heads = _table(
    "audit_heads",
    Column("size", Number, primary_key=True, autoincrement=False),
    bytes_column("root"),
    number_column("at"),
    bytes_column("signature", nullable=True),
)

signing_keys = _table(
    "signing_keys",
    key_column("kid", Text),
    text_column("alg"),
    bytes_column("sealed"),
    text_column("state"),
    number_column("created_at"),
    number_column("activated_at", nullable=True),
    number_column("retiring_at", nullable=True),
    number_column("retired_at", nullable=True),
    CheckConstraint("state IN ('next', 'active', 'retiring', 'retired')", name="signing_key_state_known"),
)

# Blind RSA keys of age tokens. They are never in the JWKS and never sign a JWS.
token_keys = _table(
    "token_keys",
    key_column("key_id"),
    text_column("band"),
    number_column("epoch"),
    text_column("role"),
    bytes_column("spki"),
    bytes_column("sealed"),
    number_column("not_before"),
    number_column("revoked_at", nullable=True),
    CheckConstraint("band IN ('minor', 'adult')", name="token_key_band_known"),
    CheckConstraint("role IN ('primary', 'standby')", name="token_key_role_known"),
)
Index("token_keys_one_each", token_keys.c.band, token_keys.c.epoch, token_keys.c.role, unique=True)

# The public key log: canonical JSON leaves in order. Positions have no gap.
token_log = _table("token_log", Column("position", Number, primary_key=True, autoincrement=False), bytes_column("leaf"))

# Signed checkpoints of the key log with their cosignatures, by size.
token_log_notes = _table(
    "token_log_notes", Column("size", Number, primary_key=True, autoincrement=False), text_column("note")
)

# How many tokens were signed for an account in an epoch. There is no column for a token, and none may come.
token_allowance = _table(
    "token_allowance",
    key_column("account_id"),
    Column("epoch", Number, primary_key=True, autoincrement=False),
    number_column("used"),
)

wrapped_keys = _table("wrapped_keys", key_column("name", Text), bytes_column("wrapped"))

meta = _table("meta", key_column("name", Text), text_column("value"))

outbox = _table(
    "outbox",
    key_column("id"),
    text_column("kind"),
    text_column("client_id"),
    bytes_column("payload"),
    number_column("due_at"),
    number_column("tries"),
)
Index("outbox_by_due", outbox.c.due_at)

# One row (id 1): the level of the schema, and the oldest level of program that may still use it.
schema_level = _table(
    "schema_level",
    Column("id", Number, primary_key=True, autoincrement=False),
    number_column("level"),
    number_column("floor"),
)
