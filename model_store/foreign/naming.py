"""Naming: what are the columns of the scores called, by the graph, its user, or the labels of a file?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from model_store.data.labelled import RESERVED_LABELS, LabelReserved, LabelsMissing
from model_store.data.rows import Rows
from model_store.foreign.recognise import Given, Unrecognised, listed

_DECLARED: Final = "as declared"
_GRAPH: Final = "as the graph names them"
_SORTED: Final = "assumed: the labels of the file in alphabetical order, as scikit-learn numbers them"
_COLUMNS: Final = "assumed: the label columns in the order they were named"


@dataclass(frozen=True, slots=True)
class Naming:
    """Classes in the order of the scores' columns, and where that order comes from."""

    classes: tuple[str, ...]
    basis: str

    @property
    def assumed(self) -> bool:
        """Whether nothing but the file says it."""
        return self.basis.startswith("assumed")


def name_classes(rows: Rows, given: Given, *, columns: int, multilabel: bool) -> Naming:
    """Return the names of the classes.

    Exporters often number the classes: XGBoost knows no others, and neither does a network. Numbers that are
    not what the file calls its classes stand for positions, which somebody has to name.

    Parameters
    ----------
    columns : int
        How many classes the scores speak of.

    Raises
    ------
    Unrecognised, LabelsMissing, LabelReserved
    """
    found = _labels(rows)
    naming = _naming(rows, found, given, columns, multilabel=multilabel)
    if len(naming.classes) != columns:
        raise Unrecognised(
            f"output {given.scores} has scores of {columns} classes, {len(naming.classes)} are named "
            f"({naming.basis}): {listed(naming.classes)}; name each with --classes"
        )
    for reserved in RESERVED_LABELS:
        if reserved in naming.classes:
            raise LabelReserved(reserved)
    return naming


def _naming(rows: Rows, found: Sequence[str], given: Given, columns: int, *, multilabel: bool) -> Naming:
    if given.named_by == "declared":
        return Naming(given.classes, _DECLARED)
    numbered = given.classes == tuple(map(str, range(len(given.classes))))
    if given.classes and (not numbered or set(found) <= set(given.classes)):
        return Naming(given.classes, _GRAPH)
    if multilabel and rows.label_columns is not None:
        return Naming(rows.label_columns, _COLUMNS)
    if len(found) == columns:
        return Naming(tuple(found), _SORTED)
    raise Unrecognised(
        f"the graph does not name its {columns} classes, and the file has {len(found)} different labels; "
        "name all classes with --classes, in the order of the scores' columns"
    )


def _labels(rows: Rows) -> list[str]:
    if rows.labels is not None:
        return sorted(set(rows.labels))
    if rows.label_sets is None:
        raise LabelsMissing
    return sorted(frozenset(rows.label_columns or ()).union(*rows.label_sets))
