"""Every table of the door. Those it shares with the account issuer's database are the same there, column by column.

No table of people, sessions or consents, and no column that could hold an account: what is not here cannot be joined.
"""

from sqlalchemy import CheckConstraint, Column, Index, MetaData, Table

from idp.storage.sql import tables
from idp.storage.sql.tables import Number, bytes_column, key_column, number_column, text_column

metadata = MetaData()


def _table(name: str, *parts: Column[object] | CheckConstraint | Index) -> Table:
    return Table(name, metadata, *parts, sqlite_with_rowid=False, sqlite_strict=True)


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

# As the account issuer's `grants`, less account, session, consent and refresh. `sealed` (under the ring) holds the
# pseudonym, the band and the scope. A grant lives as long as its one access token.
door_grants = _table(
    "door_grants",
    key_column("id"),
    text_column("client_id"),
    bytes_column("sealed"),
    number_column("created_at"),
    number_column("expires_at"),
    number_column("revoked_at", nullable=True),
    CheckConstraint("length(id) = 16", name="door_grant_id_size"),
)
Index("door_grants_by_expiry", door_grants.c.expires_at)

# Age tokens that were spent: SHA-256 of their nonces, until no token of their key is accepted any more.
spent_tokens = _table("spent_tokens", key_column("digest"), number_column("expires_at"))
Index("spent_tokens_by_expiry", spent_tokens.c.expires_at)

# Requests that were answered, until they would have expired: which token answered, and with which code (sealed under
# the ring), so that the same token again gets the same code.
answered_requests = _table(
    "answered_requests",
    key_column("request"),
    bytes_column("token"),
    bytes_column("sealed"),
    number_column("expires_at"),
)
Index("answered_requests_by_expiry", answered_requests.c.expires_at)

audit_events = _table(
    "audit_events",
    key_column("id"),
    number_column("at"),
    text_column("kind"),
    text_column("client_id", nullable=True),
    text_column("subject"),
    bytes_column("details"),
    bytes_column("mac"),
)

# One row (id 1), as the account issuer's `schema_level`; the name tells whose database it is.
door_schema_level = _table(
    "door_schema_level",
    Column("id", Number, primary_key=True, autoincrement=False),
    number_column("level"),
    number_column("floor"),
)
