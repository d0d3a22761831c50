"""Staff, their sessions and passkeys. Expands."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, and count the level up."""
    op.create_table(
        "staff",
        sa.Column("id", sa.LargeBinary, nullable=False, primary_key=True),
        sa.Column("name_index", sa.LargeBinary, nullable=False),
        sa.Column("roles", sa.Text, nullable=False),
        sa.Column("name", sa.LargeBinary, nullable=False),
        sa.Column("password", sa.LargeBinary, nullable=False),
        sa.Column("totp", sa.LargeBinary, nullable=False),
        sa.Column("totp_step", _NUMBER, nullable=False),
        sa.Column("enrol_until", _NUMBER, nullable=False),
        sa.Column("created_at", _NUMBER, nullable=False),
        sa.UniqueConstraint("name_index"),
        sa.CheckConstraint("length(id) = 16", name="staff_id_size"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_table(
        "staff_sessions",
        sa.Column("id", sa.LargeBinary, nullable=False, primary_key=True),
        sa.Column("staff_id", sa.LargeBinary, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("factor", sa.Text, nullable=True),
        sa.Column("created_at", _NUMBER, nullable=False),
        sa.Column("seen_at", _NUMBER, nullable=False),
        sa.Column("expires_at", _NUMBER, nullable=False),
        sa.CheckConstraint("length(id) = 32", name="staff_session_id_size"),
        sa.CheckConstraint("factor IN ('totp', 'passkey')", name="staff_factor_known"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_index("staff_sessions_by_member", "staff_sessions", ["staff_id"])
    op.create_index("staff_sessions_by_expiry", "staff_sessions", ["expires_at"])
    op.create_table(
        "staff_passkeys",
        sa.Column("id", sa.LargeBinary, nullable=False, primary_key=True),
        sa.Column("staff_id", sa.LargeBinary, sa.ForeignKey("staff.id"), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("sign_count", _NUMBER, nullable=False),
        sa.Column("created_at", _NUMBER, nullable=False),
        sa.CheckConstraint("length(id) = 32", name="staff_passkey_id_size"),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_index("staff_passkeys_by_member", "staff_passkeys", ["staff_id"])
    op.execute("UPDATE schema_level SET level = 3 WHERE id = 1")
