"""How does a batch look as JSON lines: one item a line, no header, everything that is known of it."""

import json

from monitoring.batches import Batch
from monitoring.handover.record import FIELDS, fields


def write(batch: Batch) -> bytes:
    """Return the items by rank; the labels come back as lines with `key` and `label`."""
    lines = [
        json.dumps(
            {
                **dict(zip(FIELDS, fields(batch, item), strict=True)),
                "probabilities": dict(zip(batch.classes, item.probabilities, strict=True)),
            },
            ensure_ascii=False,
            allow_nan=False,
        )
        for item in batch.items
    ]
    return "".join(f"{line}\n" for line in lines).encode()
