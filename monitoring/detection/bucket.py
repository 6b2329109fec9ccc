"""What is a detector fed with: counts of one closed stretch of time, and for how long was there nothing?"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from model_store.policy import NO_CLASS_PASSES
from monitoring.scanning.streams import INPUTS, SCORES, Given, Stream
from monitoring.scanning.windows import Counts, category_counts

_UNIQUE: Final = "unique"
_LABELS: Final = "labels"
_SCORE: Final = "score"
_FEATURE: Final = "feature:"


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """Counts of one closed stretch of time, summed over all workers.

    Attributes
    ----------
    counts : mapping of str to int array
        A raw row per stream, see `monitoring.scanning.streams`; an array is the row of the classes. A stream
        that is missing counted nothing.
    start, end : float
        UTC seconds. A bucket may begin before the last one ended: clocks are set back.
    """

    counts: Given
    start: float
    end: float


def raw_counts(
    streams: Sequence[Stream],
    counts: npt.NDArray[np.int64],
    meters: Mapping[str, npt.NDArray[Any]],
    *,
    deduplicate: bool = False,
) -> dict[str, Counts]:
    """Return what a bucket holds for these streams.

    Parameters
    ----------
    counts : int64 array of shape (n_classes, n_decisions)
        Columns in the order of `model_store.policy.DECISIONS`.
    meters : mapping of str to int64 array
        What was measured besides; a stream whose meter is missing, or of another length, is left out.
    deduplicate : bool
        Take the classes from the meter that counts an item id once, where there is one.
    """
    rows = {}
    for stream in streams:
        if stream.is_class_stream:
            row = _class_row(stream, counts, meters, deduplicate=deduplicate)
        else:
            row = _measured(stream, meters)
        if row is not None and len(row) == stream.width:
            rows[stream.name] = np.asarray(row, np.int64)
    return rows


def _class_row(
    stream: Stream,
    counts: npt.NDArray[np.int64],
    meters: Mapping[str, npt.NDArray[Any]],
    *,
    deduplicate: bool,
) -> Counts | None:
    unique = meters.get(_UNIQUE) if deduplicate else None
    if stream.kind == "mix":
        return category_counts(counts) if unique is None else np.asarray(unique, np.int64)
    labels = meters.get(_LABELS) if unique is None else unique
    if labels is None:
        return None
    # items of which no class passes are not counted once per id: the label is never set then
    nowhere = min(int(counts[:, NO_CLASS_PASSES].sum()), int(labels[-1])) if unique is None else 0
    return np.insert(np.asarray(labels, np.int64), len(labels) - 1, nowhere)


def _measured(stream: Stream, meters: Mapping[str, npt.NDArray[Any]]) -> Counts | None:
    if stream.name == SCORES:
        return meters.get(_SCORE)
    quantity = stream.name.removeprefix(INPUTS)
    return meters.get(quantity, meters.get(f"{_FEATURE}{quantity}"))


@dataclass(slots=True)
class Times:
    """When traffic was seen, UTC seconds; infinite, never NaN, before the first bucket."""

    first: float = math.inf
    latest: float = -math.inf
    last_items: float = -math.inf

    def note(self, bucket: Bucket, *, has_items: bool) -> None:
        """Take in a closed bucket."""
        self.first = min(self.first, bucket.start)
        self.latest = max(self.latest, bucket.end)
        if has_items:
            self.last_items = max(self.last_items, bucket.end)

    def to_json(self) -> dict[str, float]:
        """Return what is known; `Times(**...)` restores it exactly."""
        readings = {"first": self.first, "latest": self.latest, "last_items": self.last_items}
        return {name: value for name, value in readings.items() if math.isfinite(value)}

    @property
    def quiet_seconds(self) -> float:
        """Seconds without an item up to the end of the newest bucket."""
        if self.latest == -math.inf:
            return 0.0
        return self.latest - (self.last_items if math.isfinite(self.last_items) else self.first)
