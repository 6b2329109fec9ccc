"""In which form does a batch travel to the labelers: three formats, the same bytes on every pull."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

from model_store.bundles.canonical import canonical_json
from monitoring.handover import jsonl, label_studio, table
from monitoring.waves.batches import Batch

__all__ = ["FORMATS", "Format", "export", "labeling_config", "manifest"]

Format: TypeAlias = Literal["jsonl", "csv", "label_studio"]

_WRITERS: Final[Mapping[str, Callable[[Batch], bytes]]] = {
    "jsonl": jsonl.write,
    "csv": table.write,
    "label_studio": label_studio.write_tasks,
}
FORMATS: Final = tuple(_WRITERS)


def export(batch: Batch, form: str) -> bytes:
    """Return the items by rank in one of `FORMATS`; ValueError for another form."""
    writer = _WRITERS.get(form)
    if writer is None:
        raise ValueError(f"batch format {form!r}: expected one of {', '.join(FORMATS)}")
    return writer(batch)


def labeling_config(batch: Batch) -> bytes:
    """Return the labeling configuration that fits the Label Studio tasks, XML."""
    return label_studio.write_config(batch)


def manifest(batch: Batch) -> bytes:
    """Return how the batch was chosen, as JSON, and size and sha256 of its items in each format."""
    files = {form: export(batch, form) for form in FORMATS} | {"labeling_config": labeling_config(batch)}
    return canonical_json(
        {
            **batch.manifest,
            "batch": batch.id,
            "alarm": batch.alarm_id,
            "model": batch.model_key,
            "created_at": batch.created_at,
            "files": {
                form: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
                for form, body in files.items()
            },
        }
    )
