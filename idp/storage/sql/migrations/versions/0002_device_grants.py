"""Device authorizations (RFC 8628). Expands."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_FLAG = sa.SmallInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table, and count the level up."""
    op.create_table(
        "device_grants",
        sa.Column("id", sa.LargeBinary, nullable=False, primary_key=True),
        sa.Column("device_code", sa.LargeBinary, nullable=False),
        sa.Column("user_code", sa.LargeBinary, nullable=False),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("parameters", sa.LargeBinary, nullable=False),
        sa.Column("network", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("account_id", sa.LargeBinary, nullable=True),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _NUMBER, nullable=False),
        sa.Column("expires_at", _NUMBER, nullable=False),
        sa.Column("poll_interval", _NUMBER, nullable=False),
        sa.Column("next_poll_at", _NUMBER, nullable=False),
        sa.Column("hurried", _FLAG, nullable=False),
        sa.UniqueConstraint("device_code"),
        sa.UniqueConstraint("user_code"),
        sa.CheckConstraint("length(id) = 16", name="device_grant_id_size"),
        sa.CheckConstraint(
            "state IN ('waiting', 'approved', 'denied', 'redeemed')", name="device_grant_state_known"
        ),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_index("device_grants_by_expiry", "device_grants", ["expires_at"])
    op.execute("UPDATE schema_level SET level = 2 WHERE id = 1")
