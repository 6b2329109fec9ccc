"""More measured of every item, what a model's measures mean, and what became of an alarm."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the columns; what was stored before has none of it, and every model had one label an item."""
    for table in ("flushes", "buckets"):
        op.add_column(table, sa.Column("meters", sa.JSON(), nullable=True))
    op.add_column(
        "models", sa.Column("task", sa.String(length=16), nullable=False, server_default="multiclass")
    )
    op.add_column("models", sa.Column("measures", sa.JSON(), nullable=True))
    for done in ("acknowledged", "false"):
        op.add_column("alarms", sa.Column(f"{done}_at", sa.Double(), nullable=True))
        op.add_column("alarms", sa.Column(f"{done}_by", sa.String(length=1024), nullable=True))
        op.add_column("alarms", sa.Column(f"{done}_why", sa.Text(), nullable=True))
    op.add_column("alarms", sa.Column("ended_by", sa.String(length=16), nullable=True))
    op.add_column("alarms", sa.Column("findings", sa.JSON(), nullable=True))
    op.add_column("alarms", sa.Column("strongest", sa.JSON(), nullable=True))
    op.add_column("alarms", sa.Column("meaning", sa.JSON(), nullable=True))
    op.add_column("detectors", sa.Column("meaning", sa.JSON(), nullable=True))
