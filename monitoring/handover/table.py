"""How does a batch look in a spreadsheet: a CSV with a column `p__<class>` per class and an empty `label`."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Final

from monitoring.handover.record import FIELDS, features, fields
from monitoring.waves.batches import Batch
from monitoring.waves.cells import guard
from monitoring.waves.label_row import cell_of

LABEL_COLUMNS: Final = ("label", "annotator")


def write(batch: Batch) -> bytes:
    """Return a UTF-8 CSV (RFC 4180), items by rank; fill in `label` and send it back as it is.

    People label in it: what the model made of an item that was drawn at random is left out. A cell that a
    spreadsheet would run as a formula begins with an apostrophe, see `monitoring.waves.cells`.
    In the place of `text`, rows of a table have the columns of `feature_columns`.
    """
    of_features = feature_columns(batch)
    plain = FIELDS if batch.input_kind == "text" else tuple(name for name in FIELDS if name != "text")
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*plain, *map(guard, of_features), *_probabilities(batch), *LABEL_COLUMNS])
    for place, item in enumerate(batch.items):
        known = dict(zip(FIELDS, fields(batch, item), strict=True))
        drawn = item.stratum == "exploration"
        if drawn:
            known["predicted"] = None
        writer.writerow(
            [
                *(_cell(known[name]) for name in plain),
                *(feature_cell(cells[place]) for cells in of_features.values()),
                *("" if drawn else repr(p) for p in item.probabilities),
                *("" for _ in LABEL_COLUMNS),
            ]
        )
    return text.getvalue().encode()


def feature_columns(batch: Batch) -> Mapping[str, Sequence[object]]:
    """Return a column for each feature of a table's rows, by its name, None where a row has none.

    A feature named like another column is `feature__<name>`. A batch of texts has no such columns.
    """
    rows = [features(batch, item) or {} for item in batch.items]
    taken = {*FIELDS, *_probabilities(batch), *LABEL_COLUMNS}
    return {
        f"feature__{name}" if name in taken else name: [row.get(name) for row in rows]
        for name in sorted({name for row in rows for name in row})
    }


def _probabilities(batch: Batch) -> list[str]:
    return [f"p__{name}" for name in batch.classes]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        value = cell_of(value)
    return guard(value) if isinstance(value, str) else repr(value)


def feature_cell(value: object) -> str:
    """Return a cell that a fit reads as the feature: numbers as they are, also -1, which is no formula."""
    if value is None:
        return ""
    return guard(value) if isinstance(value, str) else json.dumps(value)
