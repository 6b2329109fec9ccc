"""When would the detector have noticed: a stream drawn from labelled rows, its mix shifted on purpose.

Rows are drawn with replacement, so the stream is as long as wanted and its true mix is known. The baseline is
taken from unshifted traffic, more unshifted traffic is scanned after it, then a class's odds are multiplied.
What is watched is what a service watches: the classes, and what the bundle measures of scores and inputs.
Rows that the model learned from (or near-duplicates of them) are left out: on those it answers too well.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from model_store.data.rows import Rows
from model_store.data.signatures import Signatures, matches, minhash
from model_store.graphs.inputs import Input
from model_store.graphs.outputs import Task
from model_store.meters import Batch, Meter, Meters
from model_store.policy import Decisions, joined
from monitoring.detection.baseline import MINIMUM_ITEMS
from monitoring.detection.bucket import Bucket, raw_counts
from monitoring.detection.detector import DEFAULT_TOLERANCE, Detector, DetectorConfig
from monitoring.detection.finding import ClassShift, Finding
from monitoring.errors import MonitoringError
from monitoring.recording.counting import count
from monitoring.scanning.streams import CLASSES, streams_of

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
        The first alarm's; its `stream` is the one that led.
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
            "stream": self.finding.stream,
            "classes": [
                _shift_json(each, "class") for each in self.finding.classes if each.stream == CLASSES
            ],
            "columns": [
                _shift_json(each, "column") for each in self.finding.classes if each.stream != CLASSES
            ],
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
    meters: Meters | None = None,
    multilabel: bool = False,
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
    meters : Meters, optional
        What is measured besides, from `model_store.meters.meters_of`; by default nothing.
    multilabel : bool
        The model gives any number of labels; needs its `meters`.

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
    seen = _decide(model, rows.texts if inputs is None else inputs, drawn, meters or Meters(), progress)
    baseline_items = int(at * BASELINE_SHARE) // bucket_items * bucket_items
    config = DetectorConfig(tolerance=tolerance, baseline_items=baseline_items, baseline_seconds=0.0)
    task: Task = "multilabel" if multilabel else "multiclass"
    watched = _watched(meters)
    measures = {meter.name: meter.to_json() for meter in watched}
    detector = Detector(streams_of(model.classes, task=task, measures=measures), config)
    finding, alarm_item = _scan(detector, seen, watched, bucket_items)
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


@dataclass(frozen=True, slots=True, eq=False)
class _Decided:
    """The items of the stream: what was decided about each distinct row, and which row each item is."""

    decisions: Decisions
    readings: Mapping[str, npt.NDArray[np.float64]]
    position: Indices

    def batch(self, start: int, stop: int) -> Batch:
        """Return some items of the stream as a service counts them."""
        rows, all_ = self.position[start:stop], self.decisions
        part = Decisions(
            probabilities=all_.probabilities[rows],
            flags=all_.flags[rows],
            label=all_.label[rows],
            decision=all_.decision[rows],
            top=all_.top[rows],
        )
        scores = part.probabilities[np.arange(len(rows)), part.top]
        return Batch(part, scores, {name: values[rows] for name, values in self.readings.items()})


def _decide(
    model: Decider, inputs: Sequence[Input], drawn: Indices, meters: Meters, progress: Progress | None
) -> _Decided:
    """Decide and read every distinct row once."""
    distinct, position = np.unique(drawn, return_inverse=True)
    decided: list[Decisions] = []
    read: dict[str, list[float]] = {each.name: [] for each in meters.readings}
    for start in range(0, len(distinct), _CHUNK_ROWS):
        items = [inputs[i] for i in distinct[start : start + _CHUNK_ROWS].tolist()]
        decided.append(model.decide(items))
        for each in meters.readings:
            read[each.name].extend(each.read(items))
        if progress is not None:
            progress("decide", start + len(items), len(distinct))
    readings = {name: np.array(values, np.float64) for name, values in read.items()}
    return _Decided(joined(decided), readings, position)


def _watched(meters: Meters | None) -> tuple[Meter, ...]:
    """Return the meters that a detector has a stream of."""
    known = () if meters is None else meters.meters
    return tuple(each for each in known if each.to_json()["stream"] is not None and each.name != "unique")


def _scan(
    detector: Detector, seen: _Decided, meters: Sequence[Meter], bucket_items: int
) -> tuple[Finding | None, int | None]:
    seconds, items = detector.config.bucket_seconds, len(seen.position)
    multilabel = detector.streams[0].kind == "flags"
    n_classes = seen.decisions.probabilities.shape[1]
    for number, start in enumerate(range(0, items, bucket_items)):
        stop = min(start + bucket_items, items)
        counted = count(seen.batch(start, stop), meters, n_classes=n_classes, multilabel=multilabel)
        counts = raw_counts(detector.streams, counted.counts, counted.meters)
        for event in detector.close(Bucket(counts, number * seconds, (number + 1) * seconds)):
            if event.kind == "alarm_raised":
                return event.finding, stop
    return None, None


def _shift_json(shift: ClassShift, noun: str) -> dict[str, Any]:
    fields = asdict(shift)
    left = ("name", "evidence", "stream")
    return {noun: shift.name, **{key: value for key, value in fields.items() if key not in left}}
