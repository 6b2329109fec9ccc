"""How does a batch get into doccano: examples of a text classification project, and its labels.

doccano keeps every column but text and label as metadata, shows it beside the text and gives it back: so it
holds no more than finds the item again. Labels in the file would be annotations of whoever imports it, so
none has any. Where doccano is left to guess the encoding it guesses UTF-8 wrong: the file is ASCII.
"""

import json
from collections.abc import Mapping
from typing import Final

from monitoring.handover.record import EXPORT_VERSION
from monitoring.handover.shown import shown
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.labels import NONE_OF_THESE

_SHORTCUTS: Final = "123456789"
_COLORS: Final = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#e377c2", "#17becf", "#bcbd22")
_NO_CLASS: Final = "#7f7f7f"


def write_examples(batch: Batch) -> bytes:
    """Return the examples by rank, JSON lines with the text in the column `text`, labels in `label`."""
    lines = (json.dumps(_example(batch, item)) for item in batch.items)
    return "".join(f"{line}\n" for line in lines).encode()


def write_labels(batch: Batch) -> bytes:
    """Return the label types to import: the classes, the first nine with their number as the shortcut."""
    labels = [
        _label(name, _SHORTCUTS[place : place + 1] or None, _COLORS[place % len(_COLORS)])
        for place, name in enumerate(batch.classes)
    ]
    labels.append(_label(NONE_OF_THESE, "0", _NO_CLASS))
    return json.dumps(labels, indent=1).encode() + b"\n"


def _example(batch: Batch, item: BatchItem) -> Mapping[str, object]:
    return {
        # doccano leaves out an example without text.
        "text": shown(batch, item) or f"(no text is kept of {item.key})",
        "label": [],
        "form": "doccano",
        "key": item.key,
        "batch": batch.id,
        "rank": item.rank,
        "export_version": EXPORT_VERSION,
    }


def _label(text: str, shortcut: str | None, color: str) -> Mapping[str, object]:
    return {
        "text": text,
        "prefix_key": None,
        "suffix_key": shortcut,
        "background_color": color,
        "text_color": "#ffffff",
    }
