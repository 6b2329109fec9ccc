"""How do settled labels look as a file: rows that `seamark fit` and `seamark refit` read as they are?"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Final

from monitoring.handover.record import timestamp
from monitoring.waves.cells import guard
from monitoring.waves.label_row import cell_of
from monitoring.waves.labelled import LabelledItem

COLUMNS: Final = (
    "key",
    "id",
    "source",
    "time",
    "text",
    "label",
    "stratum",
    "inclusion_probability",
    "dup_count",
    "weight",
    "batch",
    "alarm",
    "model",
    "annotators",
    "agreed",
)


def write_jsonl(items: Sequence[LabelledItem]) -> bytes:
    """Return one item a line; several labels are a list, a row of a table has `features` for a `text`."""
    lines = [json.dumps(_line(each), ensure_ascii=False, allow_nan=False) for each in items]
    return "".join(f"{line}\n" for line in lines).encode()


def write_csv(items: Sequence[LabelledItem]) -> bytes:
    """Return a UTF-8 CSV; several labels are `a|b`, and rows of a table have a column a feature.

    A feature named like another column is `feature__<name>`. A cell that a spreadsheet would run as a formula
    begins with an apostrophe, see `monitoring.waves.cells`; labels, which are the model's own names, do not.
    """
    rows = [_features(each) for each in items]
    names = sorted({name for row in rows for name in row or ()})
    columns = [name for name in COLUMNS if name != "text" or not names]
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    headers = [f"feature__{name}" if name in COLUMNS else name for name in names]
    writer.writerow([*columns, *map(guard, headers)])
    for each, row in zip(items, rows, strict=True):
        known = _values(each)
        cells = [_label_cell(each) if name == "label" else _cell(known[name]) for name in columns]
        writer.writerow([*cells, *(_feature((row or {}).get(name)) for name in names)])
    return text.getvalue().encode()


def _line(each: LabelledItem) -> Mapping[str, object]:
    known, features = _values(each), _features(each)
    if features is None:
        return known
    return {"features" if name == "text" else name: value for name, value in known.items()} | {
        "features": features
    }


def _values(each: LabelledItem) -> dict[str, object]:
    item = each.item
    values = (
        item.key,
        item.item_id,
        item.source,
        timestamp(item.at),
        item.text,
        list(item.label) if isinstance(item.label, tuple) else item.label,
        each.stratum,
        item.inclusion_probability,
        item.dup_count,
        item.weight,
        each.batch_id,
        each.alarm_id,
        each.model_key,
        each.annotators,
        each.agreed,
    )
    return dict(zip(COLUMNS, values, strict=True))


def _features(each: LabelledItem) -> Mapping[str, object] | None:
    """Return the columns of a row of a table; None for a text."""
    if each.input_kind != "features":
        return None
    found = json.loads(each.item.text) if each.item.text is not None else {}
    return found if isinstance(found, Mapping) else {}


def _label_cell(each: LabelledItem) -> str:
    label = each.item.label
    return cell_of(label) if isinstance(label, tuple) else label or ""


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return guard(value) if isinstance(value, str) else repr(value)


def _feature(value: object) -> str:
    """Return a cell that a fit reads as the feature: numbers as they are, also -1, which is no formula."""
    if value is None:
        return ""
    return guard(value) if isinstance(value, str) else json.dumps(value)
