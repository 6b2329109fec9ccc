"""What is in a batch for people who open the file themselves, and nothing of why an item was chosen?

A column `text`, or in its place one for each feature of a table's rows, and an empty `label`.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from monitoring.handover.parquet import feature_array
from monitoring.handover.record import EXPORT_VERSION, features
from monitoring.handover.table import feature_cell, feature_columns
from monitoring.waves.batches import Batch
from monitoring.waves.cells import guard

LABEL: Final = "label"


def write_csv(batch: Batch) -> bytes:
    """Guard cells that a spreadsheet would run as a formula by an apostrophe."""
    columns = _columns(batch)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*map(guard, columns), LABEL])
    writer.writerows([*map(feature_cell, row), ""] for row in zip(*columns.values(), strict=True))
    return text.getvalue().encode()


def write_jsonl(batch: Batch) -> bytes:
    """Leave `label` out of the lines: one without it is not labelled yet."""
    rows = _named(batch)
    if batch.input_kind == "features":
        rows = {**rows, "features": [features(batch, item) for item in batch.items]}
    else:
        rows = {**rows, "text": [item.text for item in batch.items]}
    about = {"batch": batch.id, "export_version": EXPORT_VERSION}
    each = (dict(zip(rows, row, strict=True)) | about for row in zip(*rows.values(), strict=True))
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in each).encode()


def write_parquet(batch: Batch) -> bytes:
    """Give each column its type, nothing guarded; needs pyarrow."""
    import pyarrow as pa  # noqa: PLC0415 - optional, and slow to load
    import pyarrow.parquet as pq  # noqa: PLC0415

    columns = {name: feature_array(pa, cells) for name, cells in _columns(batch).items()}
    body = io.BytesIO()
    table = pa.table(columns | {LABEL: pa.nulls(len(batch.items), pa.string())})
    pq.write_table(table, body, compression="zstd")
    return body.getvalue()


# By the forms of `monitoring.handover`, whose own files of these carry everything that is known of an item.
SHEETS: Final[Mapping[str, Callable[[Batch], bytes]]] = {
    "csv": write_csv,
    "jsonl": write_jsonl,
    "parquet": write_parquet,
}


def _named(batch: Batch) -> Mapping[str, Sequence[object]]:
    return {
        "key": [item.key for item in batch.items],
        "id": [item.item_id or "" for item in batch.items],
        "source": [item.source for item in batch.items],
    }


def _columns(batch: Batch) -> Mapping[str, Sequence[object]]:
    if batch.input_kind == "features":
        return {**_named(batch), **feature_columns(batch)}
    return {**_named(batch), "text": [item.text for item in batch.items]}
