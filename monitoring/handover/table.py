"""How does a batch look in a spreadsheet: a CSV with a column `p__<class>` per class and an empty `label`."""

import csv
import io
from typing import Final

from monitoring.batches import Batch
from monitoring.cells import guard
from monitoring.handover.record import FIELDS, fields

LABEL_COLUMNS: Final = ("label", "annotator")


def write(batch: Batch) -> bytes:
    """Return a UTF-8 CSV (RFC 4180), items by rank; fill in `label` and send it back as it is.

    A cell that a spreadsheet would run as a formula begins with an apostrophe, see `monitoring.cells`.
    """
    rows = [
        [
            *(_cell(value) for value in fields(batch, item)),
            *(repr(p) for p in item.probabilities),
            *("" for _ in LABEL_COLUMNS),
        ]
        for item in batch.items
    ]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*FIELDS, *(f"p__{name}" for name in batch.classes), *LABEL_COLUMNS])
    writer.writerows(rows)
    return text.getvalue().encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return guard(value) if isinstance(value, str) else repr(value)
