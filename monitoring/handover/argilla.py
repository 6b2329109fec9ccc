"""How does a batch get into Argilla 2: records to log, and the settings of a dataset that takes them.

`rg.Settings.from_json` reads the settings and `dataset.records.from_json` the records, which `id` makes an
upsert: importing a batch twice changes nothing. Annotators see no metadata. Argilla opens both files in the
encoding of the machine, so they are ASCII.
"""

import json
from collections.abc import Mapping

from monitoring.handover.record import EXPORT_VERSION
from monitoring.handover.shown import prediction, shown
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.labels import NONE_OF_THESE

FIELD, QUESTION = "text", "label"
_METADATA: Mapping[str, str] = {
    "batch": "terms",
    "source": "terms",
    "rank": "integer",
    "export_version": "integer",
}


def write_records(batch: Batch) -> bytes:
    """Return the records by rank as JSON, in the form `rg.Record.to_dict` has."""
    records = [_record(batch, item) for item in batch.items]
    return json.dumps(records, allow_nan=False, indent=1).encode() + b"\n"


def write_settings(batch: Batch) -> bytes:
    """Return the settings of a dataset: the text, and one question for the classes and `none_of_these`."""
    several = batch.multilabel
    settings = {
        "guidelines": f"Choose {'all classes that apply' if several else 'one class'}, "
        f"or {NONE_OF_THESE} where no class fits. Discard what cannot be judged.",
        "fields": [
            {
                "name": FIELD,
                "title": "Item",
                "required": True,
                "settings": {"type": "text", "use_markdown": False},
            }
        ],
        "questions": [
            {
                "name": QUESTION,
                "title": "Which classes?" if several else "Which class?",
                "required": True,
                "settings": {
                    "type": "multi_label_selection" if several else "label_selection",
                    "options": [{"value": name, "text": name} for name in (*batch.classes, NONE_OF_THESE)],
                },
            }
        ],
        "vectors": [],
        "metadata": [
            {"name": name, "title": name, "visible_for_annotators": False, "settings": {"type": kind}}
            for name, kind in _METADATA.items()
        ],
        "allow_extra_metadata": False,
        "distribution": {"strategy": "overlap", "min_submitted": batch.overlap},
        "mapping": None,
    }
    return json.dumps(settings, indent=1).encode() + b"\n"


def _record(batch: Batch, item: BatchItem) -> Mapping[str, object]:
    return {
        "id": item.key,
        "fields": {FIELD: shown(batch, item)},
        "metadata": {
            "batch": batch.id,
            "source": item.source,
            "rank": item.rank,
            "export_version": EXPORT_VERSION,
        },
        "suggestions": _suggestions(batch, item),
        "responses": {},
        "vectors": {},
    }


def _suggestions(batch: Batch, item: BatchItem) -> Mapping[str, object]:
    said = prediction(batch, item)
    if said is None:
        return {}
    value: object = list(said.names) if batch.multilabel else said.names[0]
    score: object = list(said.scores) if batch.multilabel else said.scores[0]
    return {QUESTION: {"value": value, "score": score, "agent": batch.model_key}}
