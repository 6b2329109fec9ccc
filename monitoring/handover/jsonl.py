"""How does a batch look as JSON lines: one item a line, no header, everything that is known of it."""

import json

from monitoring.handover.record import FIELDS, features, fields
from monitoring.waves.batches import Batch, BatchItem


def write(batch: Batch) -> bytes:
    """Return the items by rank; the labels come back as lines with `key` and `label`.

    A row of a table has its `features` in the place of a `text`.
    """
    lines = [json.dumps(_line(batch, item), ensure_ascii=False, allow_nan=False) for item in batch.items]
    return "".join(f"{line}\n" for line in lines).encode()


def _line(batch: Batch, item: BatchItem) -> dict[str, object]:
    line = dict(zip(FIELDS, fields(batch, item), strict=True))
    if batch.input_kind == "features":
        del line["text"]
        line["features"] = features(batch, item)
    return line | {"probabilities": dict(zip(batch.classes, item.probabilities, strict=True))}
