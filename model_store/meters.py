"""What is measured of every decided item besides its class, and into which cells does each measure fall?

A meter is a vector of counts. Its cells come from the bundle and its entries are whole numbers, so that what
several workers counted in several seconds adds up exactly. A bundle of an older release says nothing of its
inputs, and has no meters of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final, Literal, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import read_validation
from model_store.calibrating.calibration import Probabilities
from model_store.joint_cells import JointCells, confidence_cuts
from model_store.model import Model
from model_store.policy import NO_CLASS, Decisions
from model_store.readings import MISSING, Reading, readings_of
from model_store.reference import Reference

Counts: TypeAlias = npt.NDArray[np.int64]
Values: TypeAlias = npt.NDArray[np.floating[Any]]  # (n_items,)
Kind: TypeAlias = Literal["cuts", "cells", "sums", "mix", "flags"]

MASS_UNIT: Final = 2**20  # what a probability of 1 is in the sums of `mass`
MOST_MASSES: Final = 1_000  # with more classes these sums would be most of what a flush stores
FLAGGED: Final = np.float32(0.5)
ORIGINS: Final = ("first", "repeat", "without id", "beyond memory")
FIRST, REPEAT, WITHOUT_ID, BEYOND_MEMORY = range(len(ORIGINS))
_UNIT: Final = np.float32(MASS_UNIT)
_ROWS: Final = 1_024  # int32 holds the sum of so many probabilities of 1


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Decided items that are counted at once.

    Parameters
    ----------
    scores : float32 array of shape (n_items,)
        The top probability of each.
    readings : mapping of str to float64 array of shape (n_items,)
        What was read off the items, by name of the reading; a reading that failed is missing.
    origins : int8 array of shape (n_items,), optional
        Index into `ORIGINS`: whether an item was seen before. None: nobody knows.
    """

    decisions: Decisions
    scores: npt.NDArray[np.float32]
    readings: Mapping[str, npt.NDArray[np.float64]] = field(default_factory=dict)
    origins: npt.NDArray[np.int8] | None = None

    def seen(self) -> npt.NDArray[np.int8]:
        """Return the origins; ValueError where nobody knows."""
        if self.origins is None:
            raise ValueError("nobody knows which items were seen before")
        return self.origins


class Meter(Protocol):
    """One vector of counts, and what its entries mean."""

    @property
    def name(self) -> str:
        """The key of the vector."""

    def count(self, batch: Batch) -> Counts:
        """Return the vector of some items; vectors of parts of them add up to it."""

    def to_json(self) -> dict[str, Any]:
        """Return what `models.measures` says of the vector: kind, stream, columns, length and the cells."""


@dataclass(frozen=True, slots=True, eq=False)
class CutMeter:
    """Items per bin of one number: bin j holds those above cut j - 1 and not above cut j.

    Parameters
    ----------
    cuts : float array of shape (n_cuts,)
        Ascending. The first is `MISSING` where items may lack the number: those are alone in the first bin.
    """

    name: str
    stream: str
    what: str
    cuts: Values

    def count(self, batch: Batch) -> Counts:
        """Return items per bin, shape (n_cuts + 1,)."""
        return np.bincount(self.cuts.searchsorted(self._values(batch)), minlength=len(self.cuts) + 1)

    def _values(self, batch: Batch) -> Values:
        return batch.readings[self.name]

    def to_json(self) -> dict[str, Any]:
        """Return kind, stream, columns, length and cuts, the first null where it stands for missing."""
        may_miss = bool(len(self.cuts)) and self.cuts[0] == MISSING
        numbers: list[float] = self.cuts[int(may_miss) :].astype(np.float64).tolist()
        lacking = " missing or" if may_miss else ""
        columns = [f"{self.what}{lacking} <= {cut:.6g}" for cut in numbers]
        return {
            "kind": "cuts",
            "stream": self.stream,
            "columns": [f"{self.what} missing", *columns] if may_miss else columns,
            "length": len(self.cuts) + 1,
            "cuts": [None, *numbers] if may_miss else numbers,
        }


@dataclass(frozen=True, slots=True, eq=False)
class ScoreMeter(CutMeter):
    """Items per bin of the top calibrated probability."""

    def _values(self, batch: Batch) -> Values:
        return batch.scores


@dataclass(frozen=True, slots=True, eq=False)
class JointMeter:
    """Items per most probable class and bin of its probability."""

    cells: JointCells
    name: ClassVar[str] = "joint"

    def count(self, batch: Batch) -> Counts:
        """Return items per cell, shape (cells.n,)."""
        return np.bincount(self.cells.of(batch.decisions.top, batch.scores), minlength=self.cells.n)

    def to_json(self) -> dict[str, Any]:
        """Return kind, length, and the cuts of each class: one cell more than these, class by class."""
        return {
            "kind": "cells",
            "stream": None,
            "length": self.cells.n,
            "class_cuts": [list(cuts) for cuts in self.cells.class_cuts],
        }


@dataclass(frozen=True, slots=True)
class MassMeter:
    """The sum of each class's probabilities, in units of 1 / `MASS_UNIT`, rounded item by item."""

    classes: tuple[str, ...]
    name: ClassVar[str] = "mass"

    def count(self, batch: Batch) -> Counts:
        """Return the sums, shape (n_classes,)."""
        probabilities = batch.decisions.probabilities
        total = np.zeros(probabilities.shape[1], np.int64)
        for start in range(0, len(probabilities), _ROWS):
            units = probabilities[start : start + _ROWS] * _UNIT
            total += np.rint(units, out=units).astype(np.int32).sum(axis=0, dtype=np.int32)
        return total

    def to_json(self) -> dict[str, Any]:
        """Return kind, length and unit."""
        return {"kind": "sums", "stream": None, "length": len(self.classes), "unit": MASS_UNIT}


@dataclass(frozen=True, slots=True)
class LabelMeter:
    """Items of each label whose probability is at least a half, then all items."""

    classes: tuple[str, ...]
    name: ClassVar[str] = "labels"

    def count(self, batch: Batch) -> Counts:
        """Return the counts, shape (n_classes + 1,)."""
        return _labelled(batch.decisions.probabilities)

    def to_json(self) -> dict[str, Any]:
        """Return kind, stream, columns and length."""
        return _flags_json("classes", self.classes)


@dataclass(frozen=True, slots=True)
class UniqueMeter:
    """What the drift of classes is seen in, but for items whose id was counted within the same epoch.

    With one label an item these are items per most probable class, then those of which no class passes; with
    several those that `LabelMeter` counts.
    """

    classes: tuple[str, ...]
    multilabel: bool
    name: ClassVar[str] = "unique"

    def count(self, batch: Batch) -> Counts:
        """Return the counts, shape (n_classes + 1,)."""
        decisions, k = batch.decisions, len(self.classes)
        kept = batch.seen() != REPEAT
        if self.multilabel:
            return _labelled(decisions.probabilities[kept])
        return np.bincount(decisions.categories(k)[kept], minlength=k + 1)

    def to_json(self) -> dict[str, Any]:
        """Return kind, stream, columns and length."""
        if self.multilabel:
            return _flags_json("unique", self.classes)
        columns = [*self.classes, NO_CLASS]
        return {"kind": "mix", "stream": "unique", "columns": columns, "length": len(columns)}


@dataclass(frozen=True, slots=True)
class OriginMeter:
    """Items by whether they were seen before, in the order of `ORIGINS`."""

    name: ClassVar[str] = "deduplicated"

    def count(self, batch: Batch) -> Counts:
        """Return the counts, shape (len(ORIGINS),)."""
        return np.bincount(batch.seen(), minlength=len(ORIGINS))

    def to_json(self) -> dict[str, Any]:
        """Return kind, columns and length."""
        return {"kind": "sums", "stream": None, "columns": list(ORIGINS), "length": len(ORIGINS)}


@dataclass(frozen=True, slots=True)
class Meters:
    """All meters of a model, and what they read off the items."""

    meters: tuple[Meter, ...] = ()
    readings: tuple[Reading, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `models.measures` holds, by name of the meter."""
        return {meter.name: meter.to_json() for meter in self.meters}


def meters_of(model: Model, *, deduplicated: bool = True) -> Meters:
    """Return the meters of a loaded model, whose validation rows are read for the cells of `joint`.

    Parameters
    ----------
    deduplicated : bool
        Items are told apart by their ids: count those that are new as well.
    """
    reference, classes = model.bundle.reference, model.classes
    readings = tuple(
        each for each in readings_of(model.classifier.front_end) if _cuts(reference, each) is not None
    )
    return Meters(
        (
            ScoreMeter("score", "scores", "top probability", np.unique(reference.score_cuts)),
            *_input_meters(reference, readings),
            JointMeter(JointCells(confidence_cuts(read_validation(model.bundle).probabilities))),
            *_class_meters(classes, multilabel=reference.multilabel, deduplicated=deduplicated),
        ),
        readings,
    )


def _class_meters(classes: tuple[str, ...], *, multilabel: bool, deduplicated: bool) -> Iterator[Meter]:
    if len(classes) <= MOST_MASSES:
        yield MassMeter(classes)
    if multilabel:
        yield LabelMeter(classes)
    if deduplicated:
        yield UniqueMeter(classes, multilabel)
        yield OriginMeter()


def _input_meters(reference: Reference, readings: Sequence[Reading]) -> Iterator[Meter]:
    for each in readings:
        cuts = _cuts(reference, each)
        if cuts is not None:
            yield CutMeter(each.name, each.stream, each.what, cuts)


def _cuts(reference: Reference, reading: Reading) -> Values | None:
    """Return the cuts of a reading, None if it has none: the bundle says nothing of it."""
    known = reference.inputs.get(reading.name)
    if known is None:
        return None
    cuts = np.array([MISSING, *known] if reading.missing else known, np.float64)
    return cuts if len(cuts) else None


def _labelled(probabilities: Probabilities) -> Counts:
    counts = np.count_nonzero(probabilities >= FLAGGED, axis=0)
    return np.append(counts, len(probabilities)).astype(np.int64)


def _flags_json(stream: str, classes: tuple[str, ...]) -> dict[str, Any]:
    return {"kind": "flags", "stream": stream, "columns": list(classes), "length": len(classes) + 1}
