"""What has this worker decided since it was last asked? Counted in memory, on the event loop."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any, Final

from model_store.bundles.bundle import ModelKey
from model_store.graphs.outputs import Task
from model_store.meters import Counts as Counts  # noqa: PLC0414 - what is sealed
from model_store.meters import Meters
from monitoring.recording.counting import N_DECISIONS as N_DECISIONS  # noqa: PLC0414
from monitoring.recording.counting import SCORE_BINS as SCORE_BINS  # noqa: PLC0414
from monitoring.recording.counting import count, nothing
from monitoring.recording.meterings import added
from monitoring.recording.observed import Observed
from monitoring.recording.reader import Reader
from monitoring.recording.repeats import Deduplicate
from monitoring.recording.reservoir import EPOCH_SECONDS, Candidate, Reservoir

FORGET_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a recorder saw between two seals; never changed once made.

    Attributes
    ----------
    classes : tuple of str
        The model's classes, in the order of the rows of `counts`.
    epoch : int
        The ten-minute epoch, `floor(time / EPOCH_SECONDS)`, of the reservoir the candidates come from.
    counts : int64 array of shape (n_classes, N_DECISIONS)
        Items per most probable class and decision, in the order of `DECISIONS`: what is stored and watched.
    answers : int64 array of shape (n_classes, N_DECISIONS)
        The same by the label that was answered, for "no_class_passes" the most probable class: what is
        exported as predictions. Where an item may have several labels, each of them counts, and an item
        without any once, for its most probable one.
    score_bins : int64 array of shape (n_classes, SCORE_BINS)
        Items per class and equal-width bin of the top calibrated probability.
    source_counts : mapping of str to int
        Occurrences per source: what the random candidates of the source are a sample of.
    first_at, last_at : float or None
        Arrival of the first and the last item; None when there was none.
    sealed_at : float
        UTC epoch seconds; everything observed before it is in here or in an earlier one.
    candidates : tuple of Candidate
        Those that entered the reservoir since the last seal.
    candidates_lost : int
        Candidates given up because the store was away for too long. Counts are never given up.
    meters : mapping of str to int64 array
        What was measured besides the class, by meter; `measures` says what the numbers of each count.
    measures : mapping of str to JSON
        `model_store.meters.Meters.to_json` of the model; empty where nothing was measured.
    usual : tuple of n_classes floats
        The positive share of items that each class usually has; empty where it is not known.
    task : Task
        What the model answers.
    meters_failed : int
        Times that a meter failed; what it should have counted is missing from it, and from nothing else.
    candidates_bytes : int
        About how much memory the candidates take.
    """

    model_key: ModelKey
    classes: tuple[str, ...]
    epoch: int
    counts: Counts
    answers: Counts
    score_bins: Counts
    source_counts: Mapping[str, int]
    first_at: float | None
    last_at: float | None
    sealed_at: float
    candidates: tuple[Candidate, ...] = ()
    candidates_lost: int = 0
    meters: Mapping[str, Counts] = field(default_factory=dict)
    measures: Mapping[str, Any] = field(default_factory=dict)
    usual: tuple[float, ...] = ()
    task: Task = "multiclass"
    meters_failed: int = 0
    candidates_bytes: int = 0

    @property
    def items(self) -> int:
        """Return how many items were decided."""
        return int(self.counts.sum())

    def merge(self, other: "Sealed") -> "Sealed":
        """Return what one recorder that saw both would have sealed; associative.

        Raises
        ------
        ValueError
            The two are of different models.
        """
        if (self.model_key, self.classes) != (other.model_key, other.classes):
            raise ValueError(f"cannot merge counts of {self.model_key} with counts of {other.model_key}")
        firsts = [at for at in (self.first_at, other.first_at) if at is not None]
        lasts = [at for at in (self.last_at, other.last_at) if at is not None]
        sources = dict(self.source_counts)
        for source, n in other.source_counts.items():
            sources[source] = sources.get(source, 0) + n
        return Sealed(
            model_key=self.model_key,
            classes=self.classes,
            epoch=max(self.epoch, other.epoch),
            counts=self.counts + other.counts,
            answers=self.answers + other.answers,
            score_bins=self.score_bins + other.score_bins,
            source_counts=sources,
            first_at=min(firsts, default=None),
            last_at=max(lasts, default=None),
            sealed_at=max(self.sealed_at, other.sealed_at),
            candidates=self.candidates + other.candidates,
            candidates_lost=self.candidates_lost + other.candidates_lost,
            meters=added(self.meters, other.meters),
            measures=self.measures or other.measures,
            usual=self.usual or other.usual,
            task=self.task,
            meters_failed=self.meters_failed + other.meters_failed,
            candidates_bytes=self.candidates_bytes + other.candidates_bytes,
        )

    def without_candidates(self) -> "Sealed":
        """Return the same counts with the candidates given up, and counted as such."""
        lost = self.candidates_lost + len(self.candidates)
        return replace(self, candidates=(), candidates_lost=lost, candidates_bytes=0)


class Recorder:
    """Counters and candidates of one worker for one model; only the event loop may touch it.

    It is told of hundreds of items at once where it can be (`service.pending`): counting takes some sixty
    array operations, and each costs microseconds whether it is given one item or hundreds.

    Parameters
    ----------
    multilabel : bool
        An item may have several labels: its flags are what was answered.
    meters : Meters, optional
        What is measured besides; nothing by default.
    deduplicate : Deduplicate
        What tells the meters that an item was counted before: its id, or what it says where it has none.
    task : Task
        What the store is told of the model.

    Attributes
    ----------
    seen : int
        Items of this epoch so far.
    """

    __slots__ = (
        "_counted",
        "_epoch",
        "_first_at",
        "_forgot_at",
        "_last_at",
        "_measures",
        "_meters",
        "_multilabel",
        "_reader",
        "_reservoir",
        "_source_counts",
        "_task",
        "classes",
        "model_key",
        "seen",
        "sources",
    )

    def __init__(
        self,
        model_key: ModelKey,
        classes: Sequence[str],
        sources: Sequence[str],
        reservoir: Reservoir,
        *,
        multilabel: bool = False,
        meters: Meters | None = None,
        deduplicate: Deduplicate = "id",
        task: Task = "multiclass",
    ) -> None:
        self.model_key = model_key
        self.classes = tuple(classes)
        self.sources = tuple(sources)
        self._reservoir = reservoir
        self._multilabel = multilabel
        self._task: Task = task
        self._meters = meters or Meters()
        self._measures = self._meters.to_json()
        self._reader = Reader(self._meters.readings, deduplicate=deduplicate if meters else "off")
        self._epoch: int | None = None
        self._forgot_at = inf
        self.seen = 0
        self._clear()

    def _clear(self) -> None:
        self._counted = nothing(len(self.classes))
        self._source_counts: Counter[str] = Counter()
        self._first_at: float | None = None
        self._last_at: float | None = None

    @property
    def held_bytes(self) -> int:
        """Return about how much memory the candidates in the slots take."""
        return self._reservoir.held_bytes

    @property
    def turned_away(self) -> int:
        """Return how many items did not enter a slot for want of memory."""
        return self._reservoir.turned_away

    def observe(self, observed: Observed) -> None:
        """Count the items of one or more requests and offer them as candidates.

        An exception leaves the counts of these items either untouched or complete: they are made before the
        candidates, from values that were all computed first.
        """
        counted = count(
            self._reader.read(observed),
            self._meters.meters,
            n_classes=len(self.classes),
            multilabel=self._multilabel,
        )
        self._counted = self._counted.plus(counted)
        self._source_counts.update(observed.sources)
        at = observed.arrived_at
        if self._first_at is None or at < self._first_at:
            self._first_at = at
        if self._last_at is None or at > self._last_at:
            self._last_at = at
        self.seen += len(observed.inputs)
        self._reservoir.offer(observed)

    def seal(self, now: float, *, forget: bool = True) -> Sealed:
        """Return everything since the last seal and start anew; `now` is UTC epoch seconds.

        The epoch changes only here, so what is sealed together belongs to one epoch: the random candidates of
        whole epochs are then an exact sample of the counted occurrences. Every minute the reservoir may
        forget what it reported, unless `forget` is false: the state does not keep up with the reports.
        """
        epoch = int(now // EPOCH_SECONDS)
        if self._epoch is None:
            self._epoch, self._forgot_at = epoch, now
        passed = None
        if forget and epoch == self._epoch and now - self._forgot_at >= FORGET_SECONDS:
            self._forgot_at, passed = now, now / EPOCH_SECONDS - epoch
        counted, candidates = self._counted, self._reservoir.drain(passed=passed)
        sealed = Sealed(
            model_key=self.model_key,
            classes=self.classes,
            epoch=self._epoch,
            counts=counted.counts,
            answers=counted.answers,
            score_bins=counted.score_bins,
            source_counts=dict(self._source_counts),
            first_at=self._first_at,
            last_at=self._last_at,
            sealed_at=now,
            candidates=candidates,
            meters=counted.meters,
            measures=self._measures,
            usual=self._reservoir.usual,
            task=self._task,
            meters_failed=counted.failed,
            candidates_bytes=sum(each.held_bytes for each in candidates),
        )
        self._clear()
        if epoch != self._epoch:
            self._epoch, self._forgot_at, self.seen = epoch, now, 0
            self._reservoir.reset()
            self._reader.begin_epoch()
        return sealed
