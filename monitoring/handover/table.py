"""How does a batch look in a spreadsheet: a CSV with a column `p__<class>` per class and an empty `label`."""

import csv
import io
import json
from typing import Final

from monitoring.handover.record import FIELDS, features, fields
from monitoring.waves.batches import Batch
from monitoring.waves.cells import guard
from monitoring.waves.label_row import cell_of

LABEL_COLUMNS: Final = ("label", "annotator")


def write(batch: Batch) -> bytes:
    """Return a UTF-8 CSV (RFC 4180), items by rank; fill in `label` and send it back as it is.

    A cell that a spreadsheet would run as a formula begins with an apostrophe, see `monitoring.waves.cells`.
    In the place of `text`, rows of a table have a column per feature of the feature's name, or
    `feature__<name>` where the sheet has such a column already.
    """
    rows = [features(batch, item) or {} for item in batch.items]
    names = sorted({name for row in rows for name in row})
    probabilities = [f"p__{name}" for name in batch.classes]
    plain = FIELDS if batch.input_kind == "text" else tuple(name for name in FIELDS if name != "text")
    taken = {*FIELDS, *probabilities, *LABEL_COLUMNS}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    headers = [f"feature__{name}" if name in taken else name for name in names]
    writer.writerow([*plain, *map(guard, headers), *probabilities, *LABEL_COLUMNS])
    for item, row in zip(batch.items, rows, strict=True):
        known = dict(zip(FIELDS, fields(batch, item), strict=True))
        writer.writerow(
            [
                *(_cell(known[name]) for name in plain),
                *(_feature(row.get(name)) for name in names),
                *(repr(p) for p in item.probabilities),
                *("" for _ in LABEL_COLUMNS),
            ]
        )
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, tuple):
        value = cell_of(value)
    return guard(value) if isinstance(value, str) else repr(value)


def _feature(value: object) -> str:
    """Return a cell that a fit reads as the feature: numbers as they are, also -1, which is no formula."""
    if value is None:
        return ""
    return guard(value) if isinstance(value, str) else json.dumps(value)
