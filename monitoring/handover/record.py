"""What is there to say about one item of a batch, in every format that carries the whole record?"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, cast

from model_store.data.contents import Values
from monitoring.waves.batches import PARTIAL, Batch, BatchItem
from monitoring.waves.carried import draws_taken

# Goes up when what comes back under these names means something else: see `monitoring.waves.returns`.
EXPORT_VERSION: Final = 1
FIELDS: Final = (
    "batch",
    "rank",
    "key",
    "id",
    "source",
    "time",
    "text",
    "slice",
    "stratum",
    "inclusion_probability",
    "dup_count",
    "weight",
    "model",
    "predicted",
    "export_version",
)


def fields(batch: Batch, item: BatchItem) -> tuple[object, ...]:
    """Return the values of `FIELDS`: what identifies an item, how it was chosen, what the model said.

    How far its labeling has come is not among it: a batch has the same bytes on every pull.
    """
    return (
        batch.id,
        item.rank,
        item.key,
        item.item_id,
        item.source,
        timestamp(item.at),
        item.text,
        item.slice,
        stratum(batch, item),
        item.inclusion_probability,
        item.dup_count,
        item.weight,
        batch.model_key,
        item.predicted,
        EXPORT_VERSION,
    )


def stratum(batch: Batch, item: BatchItem) -> str:
    """Return the stratum; that of a drawn item says whether the items of the batch are the whole sample."""
    whole = batch.complete_sample and not draws_taken(batch)
    return PARTIAL if item.stratum == "exploration" and not whole else item.stratum


def features(batch: Batch, item: BatchItem) -> Values | None:
    """Return the columns of an item of a table; None for one whose features are not kept, and for a text."""
    if batch.input_kind != "features" or item.text is None:
        return None
    found = json.loads(item.text)
    return cast(Values, found) if isinstance(found, Mapping) else None


def timestamp(seconds: float) -> str:
    """Return UTC epoch seconds as ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
