"""How does a batch look in Parquet: the columns of the CSV with their types, nothing guarded or rounded.

`label` and `annotator` are empty for the labeler. Where an item may have several labels, `predicted` and
`label` are lists.
"""

import io
import json
from collections.abc import Sequence
from typing import Any, Final

from monitoring.handover.record import FIELDS, fields
from monitoring.handover.table import feature_columns
from monitoring.waves.batches import Batch

_INTEGERS: Final = frozenset({"rank", "dup_count", "export_version"})
_REALS: Final = frozenset({"inclusion_probability", "weight"})


def write(batch: Batch) -> bytes:
    """Return the items by rank; needs pyarrow."""
    import pyarrow as pa  # noqa: PLC0415 - optional, and slow to load
    import pyarrow.parquet as pq  # noqa: PLC0415

    names = pa.list_(pa.string()) if batch.multilabel else pa.string()
    rows = [fields(batch, item) for item in batch.items]
    columns: dict[str, Any] = {
        name: pa.array([row[place] for row in rows], _type(pa, name, names))
        for place, name in enumerate(FIELDS)
        if not (name == "text" and batch.input_kind == "features")
    }
    for header, cells in feature_columns(batch).items():
        columns[header] = feature_array(pa, cells)
    for place, name in enumerate(batch.classes):
        columns[f"p__{name}"] = pa.array([item.probabilities[place] for item in batch.items], pa.float64())
    columns["label"] = pa.nulls(len(rows), names)
    columns["annotator"] = pa.nulls(len(rows), pa.string())
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body, compression="zstd")
    return body.getvalue()


def _type(pa: Any, name: str, names: Any) -> Any:
    if name == "predicted":
        return names
    if name in _INTEGERS:
        return pa.int64()
    return pa.float64() if name in _REALS else pa.string()


def feature_array(pa: Any, cells: Sequence[object]) -> Any:
    """Return a column of one type: numbers, truths or text; what is mixed is told in JSON."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {int, float}:
        return pa.array([None if cell is None else float(cell) for cell in cells], pa.float64())  # type: ignore[arg-type]
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds == {str}:
        return pa.array(cells, pa.string())
    return pa.array([None if cell is None else json.dumps(cell) for cell in cells], pa.string())
