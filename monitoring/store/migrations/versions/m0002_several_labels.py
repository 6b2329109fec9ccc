"""Items with several labels: their names, and what makes such an item uncertain."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns; what was stored before has none of it."""
    op.add_column("candidates", sa.Column("uncertainty", sa.Double(), nullable=True))
    op.add_column("batch_items", sa.Column("predicted_names", sa.JSON(), nullable=True))
    op.add_column("batch_items", sa.Column("label_names", sa.JSON(), nullable=True))
    op.add_column("labels", sa.Column("label_names", sa.JSON(), nullable=True))
