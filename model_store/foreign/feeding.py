"""Feeding: as which columns does a graph from elsewhere take the rows of a file, and where may gaps be?

Kinds come from the types of the graph's inputs. A column may be missing if cells of the file are empty in it
and the graph answers those rows all the same: what nobody has tried is not allowed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from model_store.bundles.bundle import AnyFrontEnd
from model_store.data.cells import MISSING
from model_store.data.csvfile import refuse, where
from model_store.data.features import feature_columns, features_of
from model_store.data.rows import Rows
from model_store.foreign.answers import Answers
from model_store.foreign.graph import PlainGraph
from model_store.foreign.recognise import Taken
from model_store.graphs.columns import Column, ColumnInputs, ColumnKind
from model_store.graphs.inputs import Input, OnnxType

_KIND: Final[Mapping[OnnxType, ColumnKind]] = {
    "tensor(float)": "float",
    "tensor(double)": "float",
    "tensor(int64)": "integer",
    "tensor(bool)": "boolean",
    "tensor(string)": "text",
}
_TRUTHS: Final = frozenset({"true", "false"})
_FILL_IN: Final = "fill it in as in training, leave these rows out, or export the model with its imputer"


def feed(graph: PlainGraph, taken: Taken, rows: Rows) -> tuple[AnyFrontEnd, Sequence[Input]]:
    """Return what turns items into the graph's inputs, and the rows as items.

    Raises
    ------
    RowsInvalid, TableUnfit
        For cells of another type than the graph takes, and gaps where it can take none, with row numbers.
    """
    if taken.text is not None:
        return taken.text, rows.texts
    table = rows.features or {}
    types = {name: each.type for each in taken.inputs for name in each.columns}
    kinds = {name: _kind(types[name], cells) for name, cells in table.items()}
    for name, kind in kinds.items():
        if types[name] in ("tensor(int64)", "tensor(bool)"):
            _refuse_gaps(rows, name, kind)
    known = graph.strings()
    columns = tuple(_with_typical(c, table[c.name], known) for c in feature_columns(rows, kinds))
    return ColumnInputs(columns, taken.inputs), features_of(rows, columns)


def check_finite(answers: Answers, rows: Rows) -> None:
    """Refuse rows that the graph answers with anything but finite numbers, naming a gap that may be why.

    Raises
    ------
    RowsInvalid
    """
    bad = (~answers.finite()).nonzero()[0]
    for name, cells in (rows.features or {}).items():
        gaps = [int(row) + 1 for row in bad if cells[row].strip().lower() in MISSING]
        refuse(
            rows.path,
            f"lack a value in {name!r}, without which the graph gives no number",
            gaps,
            remedy=_FILL_IN,
        )
    refuse(
        rows.path,
        "get an answer that is not a finite number",
        (bad + 1).tolist(),
        remedy="check for extreme values in them, or leave them out",
    )


def _kind(onnx_type: OnnxType, cells: Sequence[str]) -> ColumnKind:
    """Return the kind of a column; true and false are fed to a tensor of numbers as 1 and 0."""
    kind = _KIND[onnx_type]
    if kind in ("float", "integer") and {cell.strip().lower() for cell in cells} <= _TRUTHS | MISSING:
        return "boolean" if any(cell.strip().lower() in _TRUTHS for cell in cells) else kind
    return kind


def _refuse_gaps(rows: Rows, name: str, kind: ColumnKind) -> None:
    gaps = where((rows.features or {})[name], lambda cell: cell.strip().lower() in MISSING)
    what = "whole numbers" if kind == "integer" else "true or false"
    problem = f"lack a value in {name!r}, which the graph takes as {what}"
    refuse(rows.path, problem, gaps, remedy=f"{_FILL_IN.split(',')[0]}, or leave these rows out")


def _with_typical(column: Column, cells: Sequence[str], known: frozenset[str]) -> Column:
    """Return a column of texts with the commonest of the values that the graph itself holds.

    An encoder that was trained on categories often refuses others, and then no made-up item can be its first.
    """
    if column.kind != "text" or column.typical is not None:
        return column
    held = Counter(cell for cell in cells if cell in known)
    return replace(column, typical=held.most_common(1)[0][0]) if held else column
