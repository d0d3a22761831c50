"""Every table of the door. Those it shares with the account issuer's database are the same there, column by column.

No table of people, sessions or consents, and no column that could hold an account: what is not here cannot be joined.
"""

from sqlalchemy import CheckConstraint, Column, Index, LargeBinary, MetaData, Table, Text

from idp.storage.sql import tables
from idp.storage.sql.tables import Number

metadata = MetaData()

for _shared in (
    tables.clients,
    tables.spent,
    tables.attempts,
    tables.audit_pending,
    tables.audit_leaves,
    tables.audit_frontier,
    tables.audit_heads,
    tables.signing_keys,
    tables.token_log,
    tables.token_log_notes,
    tables.wrapped_keys,
    tables.meta,
):
    _shared.to_metadata(metadata)


def _table(name: str, *parts: Column[object] | CheckConstraint | Index) -> Table:
    return Table(name, metadata, *parts, sqlite_with_rowid=False, sqlite_strict=True)


def _key(name: str) -> Column[object]:
    return Column(name, LargeBinary, primary_key=True)


def _bytes(name: str) -> Column[object]:
    return Column(name, LargeBinary, nullable=False)


def _number(name: str) -> Column[object]:
    return Column(name, Number, nullable=False)


# As the account issuer's `grants`, less account, session, consent and refresh. `sealed` (under the ring) holds the
# pseudonym, the band and the scope. A grant lives as long as its one access token.
door_grants = _table(
    "door_grants",
    _key("id"),
    Column("client_id", Text, nullable=False),
    _bytes("sealed"),
    _number("created_at"),
    _number("expires_at"),
    Column("revoked_at", Number, nullable=True),
    CheckConstraint("length(id) = 16", name="door_grant_id_size"),
)
Index("door_grants_by_expiry", door_grants.c.expires_at)

# Age tokens that were spent: SHA-256 of their nonces, until no token of their key is accepted any more.
spent_tokens = _table("spent_tokens", _key("digest"), _number("expires_at"))
Index("spent_tokens_by_expiry", spent_tokens.c.expires_at)

# Requests that were answered, until they would have expired: which token answered, and with which code (sealed under
# the ring), so that the same token again gets the same code.
answered_requests = _table(
    "answered_requests", _key("request"), _bytes("token"), _bytes("sealed"), _number("expires_at")
)
Index("answered_requests_by_expiry", answered_requests.c.expires_at)

# As the account issuer's `audit_events`, less the account.
audit_events = _table(
    "audit_events",
    _key("id"),
    _number("at"),
    Column("kind", Text, nullable=False),
    Column("client_id", Text, nullable=True),
    Column("subject", Text, nullable=False),
    _bytes("details"),
    _bytes("mac"),
)

# One row (id 1), as the account issuer's `schema_level`; the name tells whose database it is.
door_schema_level = _table(
    "door_schema_level",
    Column("id", Number, primary_key=True, autoincrement=False),
    _number("level"),
    _number("floor"),
)
