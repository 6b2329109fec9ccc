"""Who holds which item, what was erased, what is still to be told, and which versions are proposed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the tables and columns; every batch of before asked one labeler an item."""
    op.add_column("batches", sa.Column("overlap", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("alarms", sa.Column("ended_cause", sa.String(length=64), nullable=True))
    op.add_column("labels", sa.Column("adjudicated", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table(
        "labeler_leases",
        sa.Column("lease_id", sa.String(length=64), primary_key=True),
        sa.Column("batch_id", sa.String(length=64), sa.ForeignKey("batches.batch_id"), nullable=False),
        sa.Column("holder", sa.String(length=1024), nullable=False),
        sa.Column("leased_at", sa.Double(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("released_at", sa.Double(), nullable=True),
    )
    op.add_column("candidates", sa.Column("simhash", sa.BigInteger(), nullable=True))
    op.create_table(
        "item_leases",
        sa.Column("batch_id", sa.String(length=64), sa.ForeignKey("batches.batch_id"), primary_key=True),
        sa.Column("key", sa.String(length=1024), primary_key=True),
        sa.Column("place", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("lease_id", sa.String(length=64), sa.ForeignKey("labeler_leases.lease_id"), nullable=False),
        sa.Column("holder", sa.String(length=1024), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.UniqueConstraint("batch_id", "key", "holder", name="item_leases_holder"),
    )
    op.create_index("item_leases_lease", "item_leases", ["lease_id"])
    op.create_table(
        "tombstones",
        sa.Column("digest", sa.String(length=64), primary_key=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("who", sa.String(length=1024), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
    )
    op.create_table(
        "deliveries",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, nullable=False
        ),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("next_at", sa.Double(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("delivered_at", sa.Double(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.UniqueConstraint("event", "subject", name="deliveries_subject"),
        sqlite_autoincrement=True,
    )
    op.create_index("deliveries_next", "deliveries", ["next_at"])
    op.create_table(
        "proposals",
        sa.Column("proposal_id", sa.String(length=64), primary_key=True),
        sa.Column("model_name", sa.String(length=80), nullable=False),
        sa.Column("base_version", sa.String(length=80), nullable=False),
        sa.Column("candidate_version", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("alarm_id", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("created_by", sa.String(length=1024), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.Double(), nullable=True),
        sa.Column("decided_by", sa.String(length=1024), nullable=True),
        sa.Column("decided_why", sa.Text(), nullable=True),
        sa.Column("comparison", sa.JSON(), nullable=False),
    )
    op.create_index("proposals_model", "proposals", ["model_name", "created_at"])
    op.create_table(
        "shadows",
        sa.Column(
            "proposal_id", sa.String(length=64), sa.ForeignKey("proposals.proposal_id"), primary_key=True
        ),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("ended_at", sa.Double(), nullable=True),
        sa.Column("seen", sa.JSON(), nullable=False),
        sa.Column("tally", sa.JSON(), nullable=False),
        sa.Column("examples", sa.JSON(), nullable=False),
    )
