"""What do labelled rows hold: which classes and sources, and which rows belong together?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.bundles.manifest import MAX_SOURCES, RESERVED_CLASS, Task
from model_store.data.csvfile import refuse
from model_store.data.features import TableUnfit, feature_columns, features_of, inputs_of
from model_store.data.indicators import LabelMatrix
from model_store.data.rows import Progress, Rows
from model_store.data.signatures import THOROUGH_BANDS, Signatures, groups, merged, minhash
from model_store.errors import RowsError, TrainingError

__all__ = [
    "RESERVED_LABELS",
    "LabelConstant",
    "LabelReserved",
    "Labelled",
    "LabelsMissing",
    "LabelsUnknown",
    "OneClass",
    "TableUnfit",
    "TooManySources",
    "classes_of",
    "feature_columns",
    "features_of",
    "groups_of",
    "inputs_of",
    "labelled_of",
    "signatures_of",
    "sources_of",
]

NONE_OF_THESE: Final = "none_of_these"
RESERVED_LABELS: Final = (RESERVED_CLASS, NONE_OF_THESE)
_BLOCK: Final = 1_000
_SHOWN: Final = 5
_MOST_NAMED: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """The truth about every row, in numbers.

    Parameters
    ----------
    classes : tuple of str
    task : {"binary", "multiclass", "multilabel"}
    labels : int64 array of shape (n_rows,), or bool array of shape (n_rows, n_classes)
        Position of each row's class, -1 where a labeler found that it is of none; or for multi-label which
        classes it carries.
    """

    classes: tuple[str, ...]
    task: Task
    labels: npt.NDArray[np.int64] | LabelMatrix

    def __len__(self) -> int:
        return len(self.labels)

    def positives(self) -> npt.NDArray[np.int64]:
        """Return the rows of each class, of shape (n_classes,)."""
        if self.task == "multilabel":
            carried: npt.NDArray[np.int64] = np.sum(self.labels, axis=0, dtype=np.int64)
            return carried
        known = self.labels[self.labels >= 0]
        return np.bincount(known, minlength=len(self.classes)).astype(np.int64)


class LabelsMissing(RowsError):
    """The rows were read without their label column."""

    def __str__(self) -> str:
        return "the rows have no labels; name the label column"


class OneClass(TrainingError):
    """There is nothing to tell apart."""

    def __init__(self, classes: Sequence[str]) -> None:
        super().__init__(tuple(classes))
        self.classes = tuple(classes)

    def __str__(self) -> str:
        found = f"only {self.classes[0]!r}" if self.classes else "none"
        return f"a classifier needs at least two classes, the labels hold {found}; check the label column"


class LabelsUnknown(RowsError):
    """Some rows carry labels that are none of the classes.

    `numbers` holds the first of these rows, `rows` says how many there are and `labels` how many such labels
    they carry. What the labels are is not said: in a wrong column they are content.
    """

    def __init__(self, classes: Sequence[str], numbers: Sequence[int], *, rows: int, labels: int) -> None:
        super().__init__(tuple(classes), tuple(numbers), rows, labels)
        self.classes, self.numbers, self.rows, self.labels = tuple(classes), tuple(numbers), rows, labels

    def __str__(self) -> str:
        named = ", ".join(map(repr, self.classes[:_MOST_NAMED]))
        if len(self.classes) > _MOST_NAMED:
            named += f" and {len(self.classes) - _MOST_NAMED} more"
        one = self.rows == 1
        carry = "row carries a label" if one else "rows carry labels"
        kinds = ": row" if one else f" ({self.labels} different): rows"
        shown = ", ".join(map(str, self.numbers)) + (", ..." if self.rows > len(self.numbers) else "")
        return (
            f"{self.rows} {carry} outside the classes{kinds} {shown}; the classes are {named}: "
            f"correct the labels; write {NONE_OF_THESE} for a row that is of no class"
        )


class LabelColumnsMissing(RowsError):
    """Indicator columns leave out a label of the model: nothing says which rows carry it."""

    def __init__(self, missing: Sequence[str], columns: Sequence[str]) -> None:
        super().__init__(tuple(missing), tuple(columns))
        self.missing, self.columns = tuple(missing), tuple(columns)

    def __str__(self) -> str:
        return (
            f"no column says which rows carry {', '.join(map(repr, self.missing))}; the label columns are "
            f"{', '.join(self.columns)}: name one for every label of the model"
        )


class LabelReserved(TrainingError):
    """A class would be confused with what the service says when there is none."""

    def __init__(self, label: str) -> None:
        super().__init__(label)
        self.label = label

    def __str__(self) -> str:
        return f"class {self.label!r} has a reserved name ({', '.join(RESERVED_LABELS)}); rename it"


class LabelConstant(TrainingError):
    """All rows carry a label, or none does: there is nothing to tell apart."""

    def __init__(self, label: str, rows: int, carried: int) -> None:
        super().__init__(label, rows, carried)
        self.label, self.rows, self.carried = label, rows, carried

    def __str__(self) -> str:
        which = "none" if self.carried == 0 else "all"
        return (
            f"label {self.label!r} is on {which} of the {self.rows} rows; "
            "a model cannot learn it: leave it out, or add rows of the other kind"
        )


class TooManySources(TrainingError):
    """More sources than the service keeps series for."""

    def __init__(self, found: int) -> None:
        super().__init__(found)
        self.found = found

    def __str__(self) -> str:
        return f"{self.found} sources, at most {MAX_SOURCES}; group them, or leave the source column out"


def labelled_of(
    rows: Rows,
    classes: Sequence[str] | None = None,
    *,
    task: Task | None = None,
    constant: bool = False,
) -> Labelled:
    """Return the classes of the rows, and which of them each row carries.

    Parameters
    ----------
    classes : sequence of str, optional
        Of a model that is there already, in its order. By default those of the rows, in alphabetical order.
        A row of the label `none_of_these` is a negative for each of them: to leave it out would hide exactly
        the false alarms.
    task : {"binary", "multiclass", "multilabel"}, optional
        What the model does, where that is known. Rows with one label each serve a multi-label model too, and
        sets of exactly one label (one-hot columns) a model that gives one.
    constant : bool
        Whether rows that all carry the same label will do: a model can be measured on them, none be made.

    Raises
    ------
    LabelsMissing, LabelsUnknown, RowsInvalid
        With row numbers.
    OneClass
        If the labels of all rows are the same one, unless `constant`.
    LabelReserved, LabelConstant
        For labels no model can be made for, if `classes` are not given.
    """
    multilabel = rows.label_sets is not None if task is None else task == "multilabel"
    if multilabel:
        return _sets(_label_sets(rows), rows.label_columns, classes, constant=constant)
    labels = _labels(rows)
    found = sorted(set(labels))
    names = tuple(found if classes is None else classes)
    if classes is None:
        _check_reserved(names)
    else:
        _check_known([(label,) for label in labels], (*names, NONE_OF_THESE))
    if len(found) < 2 and not constant:
        raise OneClass(found)
    position = {NONE_OF_THESE: -1} | {name: k for k, name in enumerate(names)}
    numbers = np.fromiter((position[label] for label in labels), dtype=np.int64, count=len(labels))
    return Labelled(names, "binary" if len(names) == 2 else "multiclass", numbers)


def classes_of(rows: Rows) -> tuple[tuple[str, ...], npt.NDArray[np.int64]]:
    """Return the classes in alphabetical order, and of each row the index of its class.

    Raises
    ------
    LabelsMissing, OneClass, LabelReserved
    """
    labelled = labelled_of(rows, task="multiclass")
    return labelled.classes, labelled.labels.astype(np.int64)


def sources_of(rows: Rows) -> tuple[str, ...]:
    """Return the sources that rows name, sorted; TooManySources beyond what a service keeps series for."""
    found = sorted({source for source in rows.sources or () if source})
    if len(found) > MAX_SOURCES:
        raise TooManySources(len(found))
    return tuple(found)


def signatures_of(contents: Sequence[str], report: Progress, *, exact: bool = False) -> Signatures:
    """Return a near-duplicate signature per row, reporting progress; `exact` for rows of tables."""
    parts = [minhash((), exact=exact)]
    for start in range(0, len(contents), _BLOCK):
        report("signatures", start, len(contents))
        parts.append(minhash(contents[start : start + _BLOCK], exact=exact))
    report("signatures", len(contents), len(contents))
    return np.concatenate(parts)


def groups_of(rows: Rows, signatures: Signatures) -> npt.NDArray[np.int32]:
    """Return a group id per row: near-duplicates are together, and so are rows of one named group."""
    near = groups(signatures, bands=THOROUGH_BANDS)
    return near if rows.groups is None else merged(near, named_groups(rows))


def named_groups(rows: Rows) -> npt.NDArray[np.int32]:
    """Return a group id per row: rows of one named group are together, every other row is alone."""
    # An empty cell says the row belongs to no group, not that all such rows belong together.
    names = rows.groups or ("",) * len(rows)
    named = np.array([group or f"\0{i}" for i, group in enumerate(names)], dtype=object)
    return np.unique(named, return_inverse=True)[1].astype(np.int32)


def _labels(rows: Rows) -> tuple[str, ...]:
    """Return the one label of each row."""
    if rows.labels is not None:
        return rows.labels
    if rows.label_sets is None:
        raise LabelsMissing
    several = [number for number, labels in enumerate(rows.label_sets, 1) if len(labels) != 1]
    refuse(
        rows.path,
        "do not carry exactly one label",
        several,
        remedy="the model gives one label an item: use rows with one label each",
    )
    return tuple(label for labels in rows.label_sets for label in labels)


def _label_sets(rows: Rows) -> tuple[frozenset[str], ...]:
    if rows.label_sets is not None:
        return rows.label_sets
    if rows.labels is None:
        raise LabelsMissing
    return tuple(frozenset((label,)) for label in rows.labels)


def _sets(
    sets: Sequence[frozenset[str]],
    columns: Sequence[str] | None,
    classes: Sequence[str] | None,
    *,
    constant: bool,
) -> Labelled:
    names = tuple(sorted(frozenset(columns or ()).union(*sets)) if classes is None else classes)
    if classes is None:
        _check_reserved(names)
    else:
        _check_known(sets, names)
        if columns is not None and (missing := [name for name in names if name not in columns]):
            raise LabelColumnsMissing(missing, columns)
    position = {name: k for k, name in enumerate(names)}
    matrix = np.zeros((len(sets), len(names)), dtype=np.bool_)
    for row, labels in enumerate(sets):
        matrix[row, [position[label] for label in labels]] = True
    labelled = Labelled(names, "multilabel", matrix)
    if not (constant or matrix.any()):
        raise OneClass(())
    if classes is None:
        _check_constant(labelled)
    return labelled


def _check_known(sets: Sequence[frozenset[str] | tuple[str]], classes: Sequence[str]) -> None:
    known = frozenset(classes)
    strange = {number: odd for number, labels in enumerate(sets, 1) if (odd := set(labels) - known)}
    if strange:
        different = set().union(*strange.values())
        shown = [name for name in classes if name != NONE_OF_THESE]
        raise LabelsUnknown(shown, list(strange)[:_SHOWN], rows=len(strange), labels=len(different))


def _check_reserved(classes: Sequence[str]) -> None:
    for reserved in RESERVED_LABELS:
        if reserved in classes:
            raise LabelReserved(reserved)


def _check_constant(labelled: Labelled) -> None:
    for name, carried in zip(labelled.classes, labelled.positives().tolist(), strict=True):
        if carried in (0, len(labelled)):
            raise LabelConstant(name, len(labelled), carried)
