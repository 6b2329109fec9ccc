"""What has this worker decided since it was last asked? Counted in memory, on the event loop."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import ModelKey
from model_store.graphs.outputs import Task
from model_store.policy import DECISIONS, Decisions
from monitoring.meterings import added
from monitoring.observed import Observed
from monitoring.reservoir import EPOCH_SECONDS, Candidate, Reservoir

SCORE_BINS: Final = 20
N_DECISIONS: Final = len(DECISIONS)

Counts: TypeAlias = npt.NDArray[np.int64]


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
    task : Task
        What the model answers.
    meters_failed : int
        Times that a meter failed; what it should have counted is missing from it, and from nothing else.
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
    task: Task = "multiclass"
    meters_failed: int = 0

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
            task=self.task,
            meters_failed=self.meters_failed + other.meters_failed,
        )

    def without_candidates(self) -> "Sealed":
        """Return the same counts with the candidates given up, and counted as such."""
        return replace(self, candidates=(), candidates_lost=self.candidates_lost + len(self.candidates))


class Recorder:
    """Counters and candidates of one worker for one model; only the event loop may touch it.

    Plain lists, not numpy: most requests hold one item, and numpy costs microseconds before it counts it.

    Parameters
    ----------
    multilabel : bool
        An item may have several labels: its flags are what was answered.
    """

    __slots__ = (
        "_answers",
        "_counts",
        "_epoch",
        "_first_at",
        "_last_at",
        "_multilabel",
        "_reservoir",
        "_score_bins",
        "_source_counts",
        "classes",
        "model_key",
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
    ) -> None:
        self.model_key = model_key
        self.classes = tuple(classes)
        self.sources = tuple(sources)
        self._reservoir = reservoir
        self._multilabel = multilabel
        self._epoch: int | None = None
        self._clear()

    def _clear(self) -> None:
        self._counts = [0] * (len(self.classes) * N_DECISIONS)
        self._answers = [0] * (len(self.classes) * N_DECISIONS)
        self._score_bins = [0] * (len(self.classes) * SCORE_BINS)
        self._source_counts: dict[str, int] = {}
        self._first_at: float | None = None
        self._last_at: float | None = None

    def observe(self, observed: Observed) -> None:
        """Count the items of one request and offer them as candidates.

        An exception leaves the counts of this request either untouched or complete: they are made before the
        candidates, from values that were all read first.
        """
        decisions = observed.decisions
        tops, kinds = decisions.top.tolist(), decisions.decision.tolist()
        labels = decisions.label.tolist()
        flagged = _flagged(decisions) if self._multilabel else None
        best = decisions.probabilities
        scores = [best.item(row, top) for row, top in enumerate(tops)]
        bins = [min(int(score * SCORE_BINS), SCORE_BINS - 1) for score in scores]
        counts, answers, score_bins = self._counts, self._answers, self._score_bins
        sources = self._source_counts
        for top, kind, label, score_bin in zip(tops, kinds, labels, bins, strict=True):
            counts[top * N_DECISIONS + kind] += 1
            score_bins[top * SCORE_BINS + score_bin] += 1
            if flagged is None:
                answers[(label if label >= 0 else top) * N_DECISIONS + kind] += 1
        for label, kind in flagged or ():
            answers[label * N_DECISIONS + kind] += 1
        for source in observed.sources:
            sources[source] = sources.get(source, 0) + 1
        at = observed.arrived_at
        if self._first_at is None or at < self._first_at:
            self._first_at = at
        if self._last_at is None or at > self._last_at:
            self._last_at = at
        self._reservoir.offer(observed)

    def seal(self, now: float) -> Sealed:
        """Return everything since the last seal and start anew; `now` is UTC epoch seconds.

        The epoch changes only here, so what is sealed together belongs to one epoch and one filling of the
        reservoir: the random candidates of whole epochs are then an exact sample of the counted occurrences.
        """
        epoch = int(now // EPOCH_SECONDS)
        if self._epoch is None:
            self._epoch = epoch
        sealed = Sealed(
            model_key=self.model_key,
            classes=self.classes,
            epoch=self._epoch,
            counts=np.array(self._counts, np.int64).reshape(-1, N_DECISIONS),
            answers=np.array(self._answers, np.int64).reshape(-1, N_DECISIONS),
            score_bins=np.array(self._score_bins, np.int64).reshape(-1, SCORE_BINS),
            source_counts=self._source_counts,
            first_at=self._first_at,
            last_at=self._last_at,
            sealed_at=now,
            candidates=self._reservoir.drain(),
        )
        self._clear()
        if epoch != self._epoch:
            self._epoch = epoch
            self._reservoir.reset()
        return sealed


def _flagged(decisions: Decisions) -> Iterable[tuple[int, int]]:
    """Return each label of each item with the item's decision; without any its most probable one."""
    rows, columns = decisions.flags.nonzero()
    bare = np.flatnonzero(~decisions.flags.any(axis=1))
    kinds = decisions.decision[np.concatenate([rows, bare])].tolist()
    return zip([*columns.tolist(), *decisions.top[bare].tolist()], kinds, strict=True)
