"""When would the detector have noticed: a stream drawn from labelled rows, its mix shifted on purpose.

Rows are drawn with replacement, so the stream is as long as wanted and its true mix is known. The baseline is
taken from unshifted traffic, more unshifted traffic is scanned after it, then a class's odds are multiplied.
Rows that the model learned from (or near-duplicates of them) are left out: on those it answers too well.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from model_store.data.rows import Rows
from model_store.data.signatures import Signatures, matches, minhash
from model_store.graphs.inputs import Input
from model_store.policy import Decisions
from monitoring.baseline import MINIMUM_ITEMS
from monitoring.detector import DEFAULT_TOLERANCE, Bucket, Detector, DetectorConfig
from monitoring.errors import MonitoringError
from monitoring.finding import ClassShift, Finding
from monitoring.streams import class_stream
from monitoring.windows import drift_categories

BASELINE_SHARE: Final = 0.75  # of the unshifted items; the rest is scanned and must stay silent
DEFAULT_ITEMS: Final = 40_000
DEFAULT_BUCKET_ITEMS: Final = 50
_CHUNK_ROWS: Final = 1_024

Progress = Callable[[str, int, int], None]  # stage, done, total
Indices = npt.NDArray[np.intp]


class Decider(Protocol):
    """What a replay needs of a model."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the decisions' indices."""
        ...

    def decide(self, inputs: Sequence[Any]) -> Decisions:
        """Return the decision of each item, in order."""
        ...


class ReplayRefused(MonitoringError):
    """A replay as asked for is not possible; the reason says what to change."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"cannot replay: {self.reason}"


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """What the detector said about the stream.

    Attributes
    ----------
    finding : Finding or None
        The first alarm's.
    alarm_item : int or None
        Items of the stream that had been seen when it was raised.
    items, baseline_items : int
        Length of the whole stream and of the part at its beginning that became the baseline.
    threshold : float
        In nats.
    excluded_rows : int
        Rows left out because the model had seen them.
    """

    finding: Finding | None
    alarm_item: int | None
    items: int
    threshold: float
    baseline_items: int
    excluded_rows: int

    def to_json(self) -> dict[str, Any]:
        """Return what ``seamark drift replay --json`` prints."""
        return {
            "alarm": self._alarm(),
            "items": self.items,
            "threshold": self.threshold,
            "baseline_items": self.baseline_items,
        }

    def _alarm(self) -> dict[str, Any] | None:
        if self.finding is None or self.alarm_item is None:
            return None
        return {
            "item": self.alarm_item,
            "since_item": self.alarm_item - self.finding.since_items,
            "classes": [_shift_json(shift) for shift in self.finding.classes],
        }


def replay(
    model: Decider,
    rows: Rows,
    *,
    inputs: Sequence[Input] | None = None,
    shift: tuple[str, float] | None = None,
    at: int | None = None,
    items: int = DEFAULT_ITEMS,
    seed: int = 0,
    bucket_items: int = DEFAULT_BUCKET_ITEMS,
    seen_signatures: Signatures | None = None,
    tolerance: float = DEFAULT_TOLERANCE,
    progress: Progress | None = None,
) -> ReplayResult:
    """Return whether and when a live detector would have raised an alarm on a stream drawn from `rows`.

    Parameters
    ----------
    inputs : sequence of length n_rows, optional
        What the model takes for each row, by default its text; `model_store.graphs.scoring.inputs_of` makes
        them of the cells of a table.
    shift : (class, factor), optional
        From item `at` on, a row that has the class as its true label, or among its labels, is `factor` times
        as likely to be drawn as another row. Factor 1 changes nothing.
    at : int
        First shifted item, by default the middle. Three quarters of the items before it become the baseline,
        the last quarter is scanned unshifted.
    items, bucket_items : int
        Length of the stream and of a bucket. A bucket stands for the default 10 seconds: the threshold is
        that of a live service, at most one false alarm in 90 days.
    seed : int
        The same seed draws the same stream.
    seen_signatures : uint32 array of shape (n_seen, 64), optional
        Signatures of the rows the model was made from; near-duplicates of them are left out, of a table only
        equal rows.

    Raises
    ------
    ReplayRefused
        A shift of unlabelled rows or of a class that is not there, impossible numbers, or no row left.
    """
    at = items // 2 if at is None else at
    _check(at=at, items=items, bucket_items=bucket_items)
    unseen = _unseen(rows, seen_signatures)
    weights = _weights(rows, unseen, shift)
    drawn = _draw(unseen, weights, at=at, items=items, rng=np.random.default_rng(seed))
    categories = _categories(model, rows.texts if inputs is None else inputs, drawn, progress)
    baseline_items = int(at * BASELINE_SHARE) // bucket_items * bucket_items
    config = DetectorConfig(tolerance=tolerance, baseline_items=baseline_items, baseline_seconds=0.0)
    detector = Detector((class_stream(drift_categories(model.classes)),), config)
    finding, alarm_item = _scan(detector, categories, bucket_items)
    return ReplayResult(
        finding=finding,
        alarm_item=alarm_item,
        items=items,
        threshold=detector.threshold,
        baseline_items=baseline_items,
        excluded_rows=len(rows) - len(unseen),
    )


def _check(*, at: int, items: int, bucket_items: int) -> None:
    if bucket_items < 1:
        raise ReplayRefused(f"buckets of {bucket_items} items; at least 1 is needed")
    least = math.ceil((MINIMUM_ITEMS + bucket_items) / BASELINE_SHARE)
    if at > items:
        raise ReplayRefused(f"the shift at item {at} is after the last of {items}; shift earlier")
    if at < least:
        raise ReplayRefused(
            f"a shift at item {at} of {items} needs at least {least} items before it, for a baseline of at "
            f"least {MINIMUM_ITEMS}; shift at item {least} or later, or draw at least {2 * least} items"
        )


def _unseen(rows: Rows, seen: Signatures | None) -> Indices:
    """Return the indices of rows that are no near-duplicates of seen ones."""
    if seen is None or not len(seen):
        unseen = np.arange(len(rows))
    else:
        unseen = np.flatnonzero(~matches(minhash(rows.contents(), exact=rows.features is not None), seen))
    if not len(unseen):
        raise ReplayRefused(f"all of the {len(rows)} rows are ones the model was made from; use other rows")
    return unseen


def _weights(rows: Rows, unseen: Indices, shift: tuple[str, float] | None) -> npt.NDArray[np.float64]:
    """Return each unseen row's weight after the shift."""
    weights = np.ones(len(unseen))
    if shift is None:
        return weights
    name, factor = shift
    given = rows.label_sets or rows.labels
    if given is None:
        raise ReplayRefused(f"shifting {name!r} needs the rows' true labels; name the label column")
    if not (math.isfinite(factor) and factor >= 0.0):
        raise ReplayRefused(f"factor {factor} of {name!r}; expected a number of at least 0")
    sets = [(each,) if isinstance(each, str) else each for each in (given[row] for row in unseen.tolist())]
    carries = np.fromiter((name in each for each in sets), np.bool_, len(sets))
    if not carries.any():
        found = ", ".join(sorted({label for each in sets for label in each})[:20])
        raise ReplayRefused(f"no unseen row has the label {name!r}; labels are {found}")
    weights[carries] = factor
    if not weights.any():
        raise ReplayRefused(f"factor 0 of {name!r}, which every row has, leaves no row to draw")
    return weights


def _draw(
    unseen: Indices, weights: npt.NDArray[np.float64], *, at: int, items: int, rng: np.random.Generator
) -> Indices:
    before = rng.integers(len(unseen), size=at)
    after = rng.choice(len(unseen), size=items - at, p=weights / weights.sum())
    drawn: Indices = unseen[np.concatenate([before, after])]
    return drawn


def _categories(
    model: Decider, inputs: Sequence[Input], drawn: Indices, progress: Progress | None
) -> Indices:
    """Return the drift category of each drawn row; every distinct row is decided once."""
    distinct, position = np.unique(drawn, return_inverse=True)
    found = np.empty(len(distinct), dtype=np.intp)
    for start in range(0, len(distinct), _CHUNK_ROWS):
        chunk = distinct[start : start + _CHUNK_ROWS].tolist()
        decisions = model.decide([inputs[i] for i in chunk])
        found[start : start + len(chunk)] = decisions.categories(len(model.classes))
        if progress is not None:
            progress("decide", start + len(chunk), len(distinct))
    return found[position]


def _scan(detector: Detector, categories: Indices, bucket_items: int) -> tuple[Finding | None, int | None]:
    seconds, n = detector.config.bucket_seconds, len(detector.categories)
    for number, start in enumerate(range(0, len(categories), bucket_items)):
        bucket = categories[start : start + bucket_items]
        counts = np.bincount(bucket, minlength=n)
        events = detector.close(Bucket(counts, number * seconds, (number + 1) * seconds))
        if events:
            return events[0].finding, start + len(bucket)
    return None, None


def _shift_json(shift: ClassShift) -> dict[str, Any]:
    fields = asdict(shift)
    return {
        ("class" if key == "name" else key): fields[key]
        for key in fields
        if key not in ("evidence", "stream")
    }
