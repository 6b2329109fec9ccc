"""The first schema."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "alarms",
        sa.Column("alarm_id", sa.String(length=64), nullable=False),
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("bucket_seq", sa.BigInteger(), nullable=False),
        sa.Column("raised_at", sa.Double(), nullable=False),
        sa.Column("cleared_at", sa.Double(), nullable=True),
        sa.Column("first_epoch", sa.BigInteger(), nullable=False),
        sa.Column("last_epoch", sa.BigInteger(), nullable=False),
        sa.Column("finding", sa.JSON(), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=True),
        sa.Column("batch_note", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("alarm_id"),
    )
    op.create_index("alarms_model", "alarms", ["model_key", "raised_at"], unique=False)
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("who", sa.String(length=1024), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("model_key", sa.String(length=80), nullable=True),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("alarm_id", sa.String(length=64), nullable=True),
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("closed_at", sa.Double(), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("batch_id"),
    )
    op.create_index("batches_created", "batches", ["created_at"], unique=False)
    op.create_table(
        "bucket_sources",
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("candidates_lost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("model_key", "epoch", "seq", "source"),
    )
    op.create_table(
        "buckets",
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("start_at", sa.Double(), nullable=False),
        sa.Column("end_at", sa.Double(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("score_bins", sa.JSON(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("statistic", sa.Double(), nullable=True),
        sa.Column("threshold", sa.Double(), nullable=True),
        sa.Column("coarse", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("model_key", "seq"),
    )
    op.create_index("buckets_end", "buckets", ["end_at"], unique=False)
    op.create_table(
        "candidates",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("flush_id", sa.BigInteger(), nullable=False),
        sa.Column("bucket_seq", sa.BigInteger(), nullable=True),
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("item_id", sa.String(length=1024), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("probabilities", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Integer(), nullable=False),
        sa.Column("decision", sa.Integer(), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("priority", sa.Double(), nullable=False),
        sa.Column("kinds", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("candidates_epoch", "candidates", ["epoch"], unique=False)
    op.create_index("candidates_flush", "candidates", ["flush_id"], unique=False)
    op.create_index("candidates_model_epoch", "candidates", ["model_key", "epoch"], unique=False)
    op.create_table(
        "detectors",
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_closed_at", sa.Double(), nullable=False),
        sa.Column("last_traffic_at", sa.Double(), nullable=False),
        sa.Column("snapshot", sa.JSON(), nullable=False),
        sa.Column("status", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("model_key"),
    )
    op.create_table(
        "flushes",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("worker_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.Column("last_at", sa.Double(), nullable=False),
        sa.Column("committed_at", sa.Double(), nullable=False),
        sa.Column("items", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.JSON(), nullable=False),
        sa.Column("score_bins", sa.JSON(), nullable=False),
        sa.Column("source_counts", sa.JSON(), nullable=False),
        sa.Column("candidates_lost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("worker_id", "seq", name="flushes_worker_seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("flushes_model", "flushes", ["model_key", "id"], unique=False)
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("on_time_until", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "models",
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("classes", sa.JSON(), nullable=False),
        sa.Column("first_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("model_key"),
    )
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.String(length=64), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("model_key", sa.String(length=80), nullable=False),
        sa.Column("first_flush_at", sa.Double(), nullable=False),
        sa.Column("last_flush_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("worker_id"),
    )
    op.create_table(
        "batch_items",
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("item_id", sa.String(length=1024), nullable=True),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("slice", sa.String(length=16), nullable=False),
        sa.Column("stratum", sa.String(length=16), nullable=False),
        sa.Column("inclusion_probability", sa.Double(), nullable=False),
        sa.Column("dup_count", sa.Integer(), nullable=False),
        sa.Column("probabilities", sa.JSON(), nullable=False),
        sa.Column("predicted", sa.String(length=1024), nullable=True),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("label", sa.String(length=1024), nullable=True),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batches.batch_id"],
        ),
        sa.PrimaryKeyConstraint("batch_id", "rank"),
    )
    op.create_index("batch_items_key", "batch_items", ["batch_id", "key"], unique=True)
    op.create_index(
        "batch_items_open_key",
        "batch_items",
        ["key"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "labels",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("batch_id", sa.String(length=64), nullable=False),
        sa.Column("key", sa.String(length=1024), nullable=False),
        sa.Column("annotation_id", sa.String(length=1024), nullable=False),
        sa.Column("annotator", sa.String(length=1024), nullable=True),
        sa.Column("label", sa.String(length=1024), nullable=True),
        sa.Column("skipped", sa.Boolean(), nullable=False),
        sa.Column("received_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batches.batch_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("batch_id", "key", "annotation_id", name="labels_annotation"),
        sqlite_autoincrement=True,
    )
