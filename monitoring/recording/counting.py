"""How many decided items fall into each cell of everything that is counted? One function of the items."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.meters import Batch, Counts, Meter
from model_store.policy import DECISIONS, Decisions
from monitoring.recording.meterings import added

Indices: TypeAlias = npt.NDArray[np.integer[Any]]  # (n,)

SCORE_BINS: Final = 20
N_DECISIONS: Final = len(DECISIONS)


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """What some items are in counts; `monitoring.recording.recorder.Sealed` says what each array holds.

    `failed` tells how often a meter raised something: what it should have counted is missing from it.
    """

    counts: Counts
    answers: Counts
    score_bins: Counts
    meters: dict[str, Counts]
    failed: int

    def plus(self, other: "Counted") -> "Counted":
        """Return what both together are."""
        return Counted(
            self.counts + other.counts,
            self.answers + other.answers,
            self.score_bins + other.score_bins,
            added(self.meters, other.meters),
            self.failed + other.failed,
        )


def nothing(n_classes: int) -> Counted:
    """Return the counts of no item."""
    by_decision = np.zeros((n_classes, N_DECISIONS), np.int64)
    return Counted(by_decision, by_decision, np.zeros((n_classes, SCORE_BINS), np.int64), {}, 0)


def count(batch: Batch, meters: Sequence[Meter], *, n_classes: int, multilabel: bool) -> Counted:
    """Count decided items; what is counted of parts of them adds up to what is counted of all.

    Parameters
    ----------
    multilabel : bool
        An item may have several labels: its flags are what was answered.
    """
    decisions, meterings = batch.decisions, {}
    failed = 0
    for meter in meters:
        try:
            meterings[meter.name] = meter.count(batch)
        except Exception:  # the observer boundary
            failed += 1
    # In double precision: 20 times a float32 may round up to the next whole number.
    bins = np.minimum((batch.scores.astype(np.float64) * SCORE_BINS).astype(np.intp), SCORE_BINS - 1)
    return Counted(
        counts=decisions.counts(n_classes),
        answers=_table(*_answers(decisions, multilabel=multilabel), shape=(n_classes, N_DECISIONS)),
        score_bins=_table(decisions.top, bins, shape=(n_classes, SCORE_BINS)),
        meters=meterings,
        failed=failed,
    )


def _table(rows: Indices, columns: Indices, *, shape: tuple[int, int]) -> Counts:
    return np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1]).reshape(shape)


def _answers(decisions: Decisions, *, multilabel: bool) -> tuple[Indices, Indices]:
    """Return each answer and the decision it came with; for an item without any its most probable class."""
    if not multilabel:
        return np.where(decisions.label >= 0, decisions.label, decisions.top), decisions.decision
    items, labels = decisions.flags.nonzero()
    bare = np.flatnonzero(~decisions.flags.any(axis=1))
    kinds = decisions.decision[np.concatenate([items, bare])]
    return np.concatenate([labels, decisions.top[bare]]), kinds
