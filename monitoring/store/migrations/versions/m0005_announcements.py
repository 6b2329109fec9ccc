"""Which changes are announced of a version that had no traffic yet."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "announcements",
        sa.Column("model_key", sa.String(length=80), primary_key=True),
        sa.Column("expectations", sa.JSON(), nullable=False),
    )
