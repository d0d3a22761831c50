"""Counts of what apps ask for. Expands."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table, and count the level up."""
    op.create_table(
        "app_use",
        sa.Column("id", sa.LargeBinary, nullable=False, primary_key=True),
        sa.Column("client_id", sa.Text, nullable=False),
        sa.Column("day", _NUMBER, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("count", _NUMBER, nullable=False),
        sa.Column("expires_at", _NUMBER, nullable=False),
        sqlite_with_rowid=False,
        sqlite_strict=True,
    )
    op.create_index("app_use_by_expiry", "app_use", ["expires_at"])
    op.execute("UPDATE schema_level SET level = 4 WHERE id = 1")
