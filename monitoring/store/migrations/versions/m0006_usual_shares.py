"""What share of items each class of a model usually has."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add the column; a model's next flush fills it."""
    op.add_column("models", sa.Column("usual", sa.JSON(), nullable=True))
