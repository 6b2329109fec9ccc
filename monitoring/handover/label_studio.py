"""How does a batch get into Label Studio: tasks to import, and the labeling configuration that fits them.

The configuration shows the text alone, of a row of a table a line `name: value` for each feature: what a
task's data says of an item's choice is for the way back, not for the labeler's screen. Predictions are left
off items of the exploration stratum, whatever their slice: their labels must owe nothing to the model.
"""

import html
import json
from collections.abc import Mapping

from monitoring.handover.record import EXPORT_VERSION, stratum
from monitoring.handover.shown import prediction, shown
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.labels import NONE_OF_THESE


def write_tasks(batch: Batch) -> bytes:
    """Return the tasks by rank, as JSON; `item_id` in the data is the key the labels come back with."""
    tasks = [{"data": _data(batch, item), "predictions": _predictions(batch, item)} for item in batch.items]
    return json.dumps(tasks, ensure_ascii=False, allow_nan=False, indent=1).encode() + b"\n"


def write_config(batch: Batch) -> bytes:
    """Return the labeling configuration, XML: the classes and `none_of_these`, to choose one or several."""
    choice = "multiple" if batch.multilabel else "single"
    choices = "".join(
        f'    <Choice value="{html.escape(name)}"/>\n' for name in (*batch.classes, NONE_OF_THESE)
    )
    return (
        "<View>\n"
        '  <Text name="text" value="$text"/>\n'
        f'  <Choices name="label" toName="text" choice="{choice}" required="true">\n'
        f"{choices}"
        "  </Choices>\n"
        "</View>\n"
    ).encode()


def _data(batch: Batch, item: BatchItem) -> Mapping[str, object]:
    return {
        # Label Studio refuses a task without the text its configuration names; "" where none is kept.
        "text": shown(batch, item),
        "item_id": item.key,
        "source": item.source,
        "batch": batch.id,
        "rank": item.rank,
        "stratum": stratum(batch, item),
        "incl_prob": item.inclusion_probability,
        "dup_count": item.dup_count,
        "weight": item.weight,
        "model_version": batch.model_key,
        "export_version": EXPORT_VERSION,
    }


def _predictions(batch: Batch, item: BatchItem) -> list[Mapping[str, object]]:
    said = prediction(batch, item)
    if said is None:
        return []
    # Of several labels the least sure one: by it a team finds the answers most worth a look.
    score = min(said.scores)
    choice = {
        "from_name": "label",
        "to_name": "text",
        "type": "choices",
        "score": score,
        "value": {"choices": list(said.names)},
    }
    return [{"model_version": batch.model_key, "score": score, "result": [choice]}]
