"""How does a batch get into Prodigy: tasks of its `choice` interface, and the settings that go with them.

Prodigy shows a task's `meta` in the corner of the card, so what is known of an item stands beside it, where
it is kept and comes back unseen. A choice that is made already would be taken for the labeler's, so no task
has the model's.
"""

import json
from collections.abc import Mapping

from monitoring.handover.record import EXPORT_VERSION
from monitoring.handover.shown import shown
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.labels import NONE_OF_THESE


def write_tasks(batch: Batch) -> bytes:
    """Return the tasks by rank, JSON lines for `prodigy mark DATASET FILE --view-id choice`."""
    options = [{"id": name, "text": name} for name in (*batch.classes, NONE_OF_THESE)]
    lines = (
        json.dumps(_task(batch, item, options), ensure_ascii=False, allow_nan=False) for item in batch.items
    )
    return "".join(f"{line}\n" for line in lines).encode()


def write_settings(batch: Batch) -> bytes:
    """Return what to add to `prodigy.json`: one choice or several."""
    style = "multiple" if batch.multilabel else "single"
    return json.dumps({"choice_style": style}).encode() + b"\n"


def _task(batch: Batch, item: BatchItem, options: list[dict[str, str]]) -> Mapping[str, object]:
    return {
        "text": shown(batch, item),
        "options": options,
        "key": item.key,
        "batch": batch.id,
        "source": item.source,
        "rank": item.rank,
        "export_version": EXPORT_VERSION,
    }
