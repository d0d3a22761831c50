"""${message}.

Expands or contracts? Say which. A contraction raises `floor`.
"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}
    op.execute("UPDATE schema_level SET level = ${up_revision.lstrip("0")}")
