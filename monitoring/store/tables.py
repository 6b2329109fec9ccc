"""Which tables hold the state?

Counts travel `flushes` -> `buckets`: a closing bucket takes the flushes it read in one transaction, so every
item is in exactly one of the two. `detectors.revision` and `leases.epoch` fence that transaction.

How to change the schema: write a migration under `migrations/versions` (columns are added with a default,
never renamed), change this module to match (a test compares the two), and keep old migrations unchanged.
"""

from typing import Any, Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData()

Key = sa.String(80)
Name = sa.String(1024)
Names = sa.JSON(none_as_null=True)
Maybe = sa.JSON(none_as_null=True)


def _column(name: str, kind: Any, *rest: Any, nullable: bool = False, **options: Any) -> "sa.Column[Any]":
    return sa.Column(name, kind, *rest, nullable=nullable, **options)


models = sa.Table(
    "models",
    METADATA,
    _column("model_key", Key, primary_key=True),
    _column("classes", sa.JSON),
    _column("first_at", sa.Double),
    _column("task", sa.String(16), server_default="multiclass"),
    _column("measures", Maybe, nullable=True),
    _column("usual", Maybe, nullable=True),
)

workers = sa.Table(
    "workers",
    METADATA,
    _column("worker_id", sa.String(64), primary_key=True),
    _column("last_seq", sa.BigInteger),
    _column("model_key", Key),
    _column("first_flush_at", sa.Double),
    _column("last_flush_at", sa.Double),
)

flushes = sa.Table(
    "flushes",
    METADATA,
    _column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    _column("worker_id", sa.String(64)),
    _column("seq", sa.BigInteger),
    _column("model_key", Key),
    _column("epoch", sa.BigInteger),
    _column("first_at", sa.Double),
    _column("last_at", sa.Double),
    _column("committed_at", sa.Double),
    _column("items", sa.BigInteger),
    _column("counts", sa.JSON),
    _column("score_bins", sa.JSON),
    _column("source_counts", sa.JSON),
    _column("candidates_lost", sa.BigInteger),
    _column("meters", Maybe, nullable=True),
    sa.UniqueConstraint("worker_id", "seq", name="flushes_worker_seq"),
    sa.Index("flushes_model", "model_key", "id"),
    # Ids are never used twice, also after rows are taken: candidates name the flush they came with.
    sqlite_autoincrement=True,
)

candidates = sa.Table(
    "candidates",
    METADATA,
    _column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    _column("flush_id", sa.BigInteger),
    _column("bucket_seq", sa.BigInteger, nullable=True),
    _column("model_key", Key),
    _column("epoch", sa.BigInteger),
    _column("key", Name),
    _column("item_id", Name, nullable=True),
    _column("source", sa.String(64)),
    _column("text", sa.Text, nullable=True),
    _column("probabilities", sa.LargeBinary),
    _column("label", sa.Integer),
    _column("decision", sa.Integer),
    _column("at", sa.Double),
    _column("priority", sa.Double),
    _column("kinds", sa.String(128)),
    _column("uncertainty", sa.Double, nullable=True),
    _column("simhash", sa.BigInteger, nullable=True),
    sa.Index("candidates_model_epoch", "model_key", "epoch"),
    sa.Index("candidates_flush", "flush_id"),
    sa.Index("candidates_epoch", "epoch"),
)

buckets = sa.Table(
    "buckets",
    METADATA,
    _column("model_key", Key, primary_key=True),
    _column("seq", sa.BigInteger, primary_key=True),
    _column("start_at", sa.Double),
    _column("end_at", sa.Double),
    _column("items", sa.BigInteger),
    _column("counts", sa.JSON),
    _column("score_bins", sa.JSON),
    _column("state", sa.String(16)),
    _column("statistic", sa.Double, nullable=True),
    _column("threshold", sa.Double, nullable=True),
    _column("coarse", sa.Boolean),
    _column("meters", Maybe, nullable=True),
    sa.Index("buckets_end", "end_at"),
)

bucket_sources = sa.Table(
    "bucket_sources",
    METADATA,
    _column("model_key", Key, primary_key=True),
    _column("epoch", sa.BigInteger, primary_key=True),
    _column("seq", sa.BigInteger, primary_key=True),
    _column("source", sa.String(64), primary_key=True),
    _column("items", sa.BigInteger),
    _column("candidates_lost", sa.BigInteger),
)

detectors = sa.Table(
    "detectors",
    METADATA,
    _column("model_key", Key, primary_key=True),
    _column("revision", sa.BigInteger),
    _column("last_seq", sa.BigInteger),
    _column("last_closed_at", sa.Double),
    _column("last_traffic_at", sa.Double),
    _column("snapshot", sa.JSON),
    _column("status", sa.JSON),
    _column("meaning", Maybe, nullable=True),
)

# What is announced of versions that have no detector yet, which takes it up when it starts.
announcements = sa.Table(
    "announcements",
    METADATA,
    _column("model_key", Key, primary_key=True),
    _column("expectations", sa.JSON),
)

alarms = sa.Table(
    "alarms",
    METADATA,
    _column("alarm_id", sa.String(64), primary_key=True),
    _column("model_key", Key),
    _column("bucket_seq", sa.BigInteger),
    _column("raised_at", sa.Double),
    _column("cleared_at", sa.Double, nullable=True),
    _column("first_epoch", sa.BigInteger),
    _column("last_epoch", sa.BigInteger),
    _column("finding", sa.JSON),
    _column("batch_id", sa.String(64), nullable=True),
    _column("batch_note", sa.Text, nullable=True),
    _column("acknowledged_at", sa.Double, nullable=True),
    _column("acknowledged_by", Name, nullable=True),
    _column("acknowledged_why", sa.Text, nullable=True),
    _column("false_at", sa.Double, nullable=True),
    _column("false_by", Name, nullable=True),
    _column("false_why", sa.Text, nullable=True),
    _column("ended_by", sa.String(16), nullable=True),
    _column("findings", Maybe, nullable=True),
    _column("strongest", Maybe, nullable=True),
    _column("meaning", Maybe, nullable=True),
    _column("ended_cause", sa.String(64), nullable=True),
    sa.Index("alarms_model", "model_key", "raised_at"),
)

batches = sa.Table(
    "batches",
    METADATA,
    _column("batch_id", sa.String(64), primary_key=True),
    _column("alarm_id", sa.String(64), nullable=True),
    _column("model_key", Key),
    _column("reason", sa.String(16)),
    _column("created_at", sa.Double),
    _column("closed_at", sa.Double, nullable=True),
    _column("state", sa.String(16)),
    _column("size", sa.Integer),
    _column("manifest", sa.JSON),
    _column("overlap", sa.Integer, server_default="1"),
    sa.Index("batches_created", "created_at"),
)

batch_items = sa.Table(
    "batch_items",
    METADATA,
    _column("batch_id", sa.String(64), sa.ForeignKey("batches.batch_id"), primary_key=True),
    _column("rank", sa.Integer, primary_key=True),
    _column("key", Name),
    _column("item_id", Name, nullable=True),
    _column("source", sa.String(64)),
    _column("text", sa.Text, nullable=True),
    _column("slice", sa.String(16)),
    _column("stratum", sa.String(16)),
    _column("inclusion_probability", sa.Double),
    _column("dup_count", sa.Integer),
    _column("probabilities", sa.JSON),
    _column("predicted", Name, nullable=True),
    _column("predicted_names", Names, nullable=True),
    _column("at", sa.Double),
    _column("state", sa.String(16)),
    _column("label", Name, nullable=True),
    _column("label_names", Names, nullable=True),
    _column("signature", sa.LargeBinary, nullable=True),
    # The database itself keeps an item out of a second open batch, whoever makes it.
    sa.Index(
        "batch_items_open_key",
        "key",
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    ),
    sa.Index("batch_items_key", "batch_id", "key", unique=True),
)

labels = sa.Table(
    "labels",
    METADATA,
    _column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    _column("batch_id", sa.String(64), sa.ForeignKey("batches.batch_id")),
    _column("key", Name),
    _column("annotation_id", Name),
    _column("annotator", Name, nullable=True),
    _column("label", Name, nullable=True),
    _column("label_names", Names, nullable=True),
    _column("skipped", sa.Boolean),
    _column("received_at", sa.Double),
    _column("adjudicated", sa.Boolean, server_default=sa.false()),
    sa.UniqueConstraint("batch_id", "key", "annotation_id", name="labels_annotation"),
    sqlite_autoincrement=True,
)

# What a labeler was given at a time, for good: labels that come late still tell under which lease.
labeler_leases = sa.Table(
    "labeler_leases",
    METADATA,
    _column("lease_id", sa.String(64), primary_key=True),
    _column("batch_id", sa.String(64), sa.ForeignKey("batches.batch_id")),
    _column("holder", Name),
    _column("leased_at", sa.Double),
    _column("expires_at", sa.Double),
    _column("released_at", sa.Double, nullable=True),
)

# Who labels what now: an item has as many places as its batch asks labelers for.
item_leases = sa.Table(
    "item_leases",
    METADATA,
    _column("batch_id", sa.String(64), sa.ForeignKey("batches.batch_id"), primary_key=True),
    _column("key", Name, primary_key=True),
    _column("place", sa.Integer, primary_key=True, autoincrement=False),
    _column("lease_id", sa.String(64), sa.ForeignKey("labeler_leases.lease_id")),
    _column("holder", Name),
    _column("expires_at", sa.Double),
    sa.UniqueConstraint("batch_id", "key", "holder", name="item_leases_holder"),
    sa.Index("item_leases_lease", "lease_id"),
)

# Ids of erased items, as digests only: what comes again under one of them is not kept.
tombstones = sa.Table(
    "tombstones",
    METADATA,
    _column("digest", sa.String(64), primary_key=True),
    _column("at", sa.Double),
    _column("who", Name),
    _column("why", sa.Text),
)

# What is to be told to others, until it was.
deliveries = sa.Table(
    "deliveries",
    METADATA,
    _column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    _column("event", sa.String(32)),
    _column("subject", sa.String(64)),
    _column("body", sa.JSON),
    _column("created_at", sa.Double),
    _column("next_at", sa.Double, nullable=True),
    _column("attempts", sa.Integer),
    _column("delivered_at", sa.Double, nullable=True),
    _column("last_error", sa.Text, nullable=True),
    sa.UniqueConstraint("event", "subject", name="deliveries_subject"),
    sa.Index("deliveries_next", "next_at"),
    sqlite_autoincrement=True,
)

proposals = sa.Table(
    "proposals",
    METADATA,
    _column("proposal_id", sa.String(64), primary_key=True),
    _column("model_name", Key),
    _column("base_version", Key),
    _column("candidate_version", Key),
    _column("kind", sa.String(16)),
    _column("alarm_id", sa.String(64), nullable=True),
    _column("state", sa.String(16)),
    _column("created_at", sa.Double),
    _column("created_by", Name),
    _column("why", sa.Text),
    _column("decided_at", sa.Double, nullable=True),
    _column("decided_by", Name, nullable=True),
    _column("decided_why", sa.Text, nullable=True),
    _column("comparison", sa.JSON),
    sa.Index("proposals_model", "model_name", "created_at"),
)

# What a proposed version would have answered to live traffic.
shadows = sa.Table(
    "shadows",
    METADATA,
    _column("proposal_id", sa.String(64), sa.ForeignKey("proposals.proposal_id"), primary_key=True),
    _column("revision", sa.BigInteger),
    _column("started_at", sa.Double),
    _column("ended_at", sa.Double, nullable=True),
    _column("seen", sa.JSON),
    _column("tally", sa.JSON),
    _column("examples", sa.JSON),
)

leases = sa.Table(
    "leases",
    METADATA,
    _column("name", sa.String(64), primary_key=True),
    _column("holder", sa.String(128)),
    _column("epoch", sa.BigInteger),
    _column("expires_at", sa.Double),
    _column("on_time_until", sa.Double, nullable=True),
)

audit = sa.Table(
    "audit",
    METADATA,
    _column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True),
    _column("at", sa.Double),
    _column("who", Name),
    _column("action", sa.String(64)),
    _column("model_key", Key, nullable=True),
    _column("details", sa.JSON),
    sqlite_autoincrement=True,
)
