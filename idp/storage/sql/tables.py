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


def _key(name: str, kind: type[LargeBinary] | type[Text] = LargeBinary) -> Column[object]:
    return Column(name, kind, primary_key=True)


def _bytes(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, LargeBinary, nullable=nullable)


def _text(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, Text, nullable=nullable)


def _number(name: str, nullable: bool = False) -> Column[object]:
    return Column(name, Number, nullable=nullable)


def _of_account() -> Column[object]:
    return Column("account_id", LargeBinary, ForeignKey("accounts.id"), nullable=False)


# `profile` (username, contact, salt), `password`, `age`, `dedup` and `links` are sealed under the account's data
# key; all are always there and padded, so that their presence says nothing.
accounts = _table(
    "accounts",
    _key("id"),
    Column("username_index", LargeBinary, nullable=False, unique=True),
    _text("state"),
    Column("tester", Flag, nullable=False),
    _number("created_at"),
    _bytes("profile"),
    _bytes("password"),
    _bytes("age"),
    _bytes("dedup"),
    _bytes("links"),
    CheckConstraint("length(id) = 16", name="account_id_size"),
    CheckConstraint("state IN ('active', 'locked', 'suspended')", name="account_state_known"),
)

# The data key of an account, wrapped by the master ring. Deleting this row makes all that was sealed under it
# unreadable (crypto-shredding), so it stands apart and goes first.
account_keys = _table(
    "account_keys",
    Column("account_id", LargeBinary, ForeignKey("accounts.id"), primary_key=True),
    _bytes("wrapped"),
)

# De-duplication indexes, on purpose without the account: only the account's sealed record knows its own.
dedup_indexes = _table("dedup_indexes", _key("digest"))

sessions = _table(
    "sessions",
    _key("id"),
    _of_account(),
    _number("auth_time"),
    _number("created_at"),
    _number("expires_at"),
    _text("amr"),
    _bytes("sid_seed"),
    _number("revoked_at", nullable=True),
    CheckConstraint("length(id) = 32", name="session_id_size"),
)
Index("sessions_by_account", sessions.c.account_id)
Index("sessions_by_expiry", sessions.c.expires_at)

# Digests of the codes that open an account whose password is lost. Using one deletes its row. Those that a person keeps
# have no end; those that an operator hands out have.
recovery_codes = _table(
    "recovery_codes",
    _key("digest"),
    _of_account(),
    _number("expires_at", nullable=True),
    CheckConstraint("length(digest) = 32", name="recovery_code_digest_size"),
)
Index("recovery_codes_by_account", recovery_codes.c.account_id)
Index("recovery_codes_by_expiry", recovery_codes.c.expires_at)

# `id` is the digest of the credential id; `sealed` (under the account's data key) holds what names a device or person.
passkeys = _table(
    "passkeys",
    _key("id"),
    _of_account(),
    _bytes("sealed"),
    _number("sign_count"),
    _number("created_at"),
    CheckConstraint("length(id) = 32", name="passkey_id_size"),
)
Index("passkeys_by_account", passkeys.c.account_id)

# People who run the issuer; nothing joins them to an account. `name`, `password` and `totp` are sealed under the ring.
staff = _table(
    "staff",
    _key("id"),
    Column("name_index", LargeBinary, nullable=False, unique=True),
    _text("roles"),
    _bytes("name"),
    _bytes("password"),
    _bytes("totp"),
    _number("totp_step"),
    _number("enrol_until"),
    _number("created_at"),
    CheckConstraint("length(id) = 16", name="staff_id_size"),
)


def _of_member() -> Column[object]:
    return Column("staff_id", LargeBinary, ForeignKey("staff.id"), nullable=False)


# `factor` is NULL until the second factor was shown. Ending a session deletes its row.
staff_sessions = _table(
    "staff_sessions",
    _key("id"),
    _of_member(),
    _text("factor", nullable=True),
    _number("created_at"),
    _number("seen_at"),
    _number("expires_at"),
    CheckConstraint("length(id) = 32", name="staff_session_id_size"),
    CheckConstraint("factor IN ('totp', 'passkey')", name="staff_factor_known"),
)
Index("staff_sessions_by_member", staff_sessions.c.staff_id)
Index("staff_sessions_by_expiry", staff_sessions.c.expires_at)

staff_passkeys = _table(
    "staff_passkeys",
    _key("id"),
    _of_member(),
    _bytes("sealed"),
    _number("sign_count"),
    _number("created_at"),
    CheckConstraint("length(id) = 32", name="staff_passkey_id_size"),
)
Index("staff_passkeys_by_member", staff_passkeys.c.staff_id)

# `document` holds the metadata as JSON; what statements look for has columns of its own.
clients = _table(
    "clients",
    _key("id", Text),
    _text("state"),
    _text("sector"),
    _number("version"),
    _number("created_at"),
    _bytes("secret_hash", nullable=True),
    _bytes("registration_token_hash", nullable=True),
    _bytes("document"),
    CheckConstraint("state IN ('pending', 'active', 'suspended')", name="client_state_known"),
)
Index("clients_by_sector", clients.c.sector)

consents = _table(
    "consents",
    _key("id"),
    _of_account(),
    _text("client_id"),
    _text("scope"),
    _text("claims"),
    _number("manifest_version"),
    _text("giver"),
    _number("created_at"),
    _number("withdrawn_at", nullable=True),
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
    _key("id"),
    _bytes("account_id"),
    _text("client_id"),
    _bytes("session_id", nullable=True),
    _bytes("consent_id"),
    Column("offline", Flag, nullable=False),
    _bytes("sealed"),
    _number("created_at"),
    _number("expires_at"),
    Column("generation", Number, nullable=False, server_default=text("0")),
    _number("rotated_at", nullable=True),
    _number("revoked_at", nullable=True),
)
Index("grants_by_account", grants.c.account_id)

# Devices without a keyboard, ten minutes each (RFC 8628). The codes are digests; `sealed` (under the ring) says who
# agreed to what, from the moment of that until the device has fetched its tokens.
device_grants = _table(
    "device_grants",
    _key("id"),
    Column("device_code", LargeBinary, nullable=False, unique=True),
    Column("user_code", LargeBinary, nullable=False, unique=True),
    _text("client_id"),
    _bytes("parameters"),
    _bytes("network"),
    _text("state"),
    _bytes("account_id", nullable=True),
    _bytes("sealed"),
    _number("created_at"),
    _number("expires_at"),
    _number("poll_interval"),
    _number("next_poll_at"),
    Column("hurried", Flag, nullable=False),
    CheckConstraint("length(id) = 16", name="device_grant_id_size"),
    CheckConstraint("state IN ('waiting', 'approved', 'denied', 'redeemed')", name="device_grant_state_known"),
)
Index("device_grants_by_expiry", device_grants.c.expires_at)

# One-time values: SHA-256 of kind and value.
spent = _table("spent", _key("digest"), _number("expires_at"))
Index("spent_by_expiry", spent.c.expires_at)

attempts = _table(
    "attempts",
    _key("key"),
    Column("window_start", Number, primary_key=True),
    Column("tries", Number, nullable=False),
    _number("expires_at"),
)
Index("attempts_by_expiry", attempts.c.expires_at)

# Never updated and never deleted. `details` is sealed under the account's data key, or the ring where no account is
# concerned; `mac` covers every other column.
audit_events = _table(
    "audit_events",
    _key("id"),
    _number("at"),
    _text("kind"),
    _bytes("account_id", nullable=True),
    _text("client_id", nullable=True),
    _text("subject"),
    _bytes("details"),
    _bytes("mac"),
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
    _bytes("hash"),
)

# The one row (id 1) that every sealer locks: the compact state of the Merkle tree (RFC 6962).
audit_frontier = _table(
    "audit_frontier",
    Column("id", Number, primary_key=True, autoincrement=False),
    _bytes("state"),
)

audit_heads = _table(
    "audit_heads",
    Column("size", Number, primary_key=True, autoincrement=False),
    _bytes("root"),
    _number("at"),
    _bytes("signature", nullable=True),
)

signing_keys = _table(
    "signing_keys",
    _key("kid", Text),
    _text("alg"),
    _bytes("sealed"),
    _text("state"),
    _number("created_at"),
    _number("activated_at", nullable=True),
    _number("retiring_at", nullable=True),
    _number("retired_at", nullable=True),
    CheckConstraint("state IN ('next', 'active', 'retiring', 'retired')", name="signing_key_state_known"),
)

# Blind RSA keys of age tokens. They are never in the JWKS and never sign a JWS.
token_keys = _table(
    "token_keys",
    _key("key_id"),
    _text("band"),
    _number("epoch"),
    _text("role"),
    _bytes("spki"),
    _bytes("sealed"),
    _number("not_before"),
    _number("revoked_at", nullable=True),
    CheckConstraint("band IN ('minor', 'adult')", name="token_key_band_known"),
    CheckConstraint("role IN ('primary', 'standby')", name="token_key_role_known"),
)
Index("token_keys_one_each", token_keys.c.band, token_keys.c.epoch, token_keys.c.role, unique=True)

# The public key log: canonical JSON leaves in order. Positions have no gap.
token_log = _table("token_log", Column("position", Number, primary_key=True, autoincrement=False), _bytes("leaf"))

# Signed checkpoints of the key log with their cosignatures, by size.
token_log_notes = _table(
    "token_log_notes", Column("size", Number, primary_key=True, autoincrement=False), _text("note")
)

# How many tokens were signed for an account in an epoch. There is no column for a token, and none may come.
token_allowance = _table(
    "token_allowance",
    _key("account_id"),
    Column("epoch", Number, primary_key=True, autoincrement=False),
    _number("used"),
)

wrapped_keys = _table("wrapped_keys", _key("name", Text), _bytes("wrapped"))

meta = _table("meta", _key("name", Text), _text("value"))

# How often an app did what on a day, for its inspection. Nothing joins it to a person.
app_use = _table(
    "app_use",
    _key("id"),
    _text("client_id"),
    _number("day"),
    _text("kind"),
    _number("count"),
    _number("expires_at"),
)
Index("app_use_by_expiry", app_use.c.expires_at)

outbox = _table(
    "outbox",
    _key("id"),
    _text("kind"),
    _text("client_id"),
    _bytes("payload"),
    _number("due_at"),
    _number("tries"),
)
Index("outbox_by_due", outbox.c.due_at)

# One row (id 1): the level of the schema, and the oldest level of program that may still use it.
schema_level = _table(
    "schema_level",
    Column("id", Number, primary_key=True, autoincrement=False),
    _number("level"),
    _number("floor"),
)
