"""Carried: which promise holds today where most threshold rows are of earlier traffic and a few of today's?

Rows of earlier traffic prove nothing about today's. What proves something are the explored rows, a plain
sample of it, and they alone: the two are never counted together here, since a class whose wording changed has
other scores today. Per class,

- a target that somebody declared takes its threshold from the explored rows as soon as they prove it;
- a class without one keeps the threshold of the earlier rows, and is certified if the explored rows show the
  default recall at just that threshold, which they had no part in;
- any other keeps the threshold of the earlier rows, `empirical` at best.

A claim is made only by a test of the explored rows at confidence 1 - delta, whichever of the three it is, so
it is wrong as rarely as one on explored rows alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Float64s, Probabilities
from model_store.data.indicators import AnyLabels, indicators
from model_store.promises.bounds import Groups
from model_store.promises.class_rows import Tally
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.targets import Target
from model_store.promises.thresholds import ClassThreshold


@dataclass(frozen=True, slots=True, eq=False)
class LabelledScores:
    """Rows that neither classifier nor calibration has seen.

    Parameters
    ----------
    probabilities : float32 array of shape (n_items, n_classes)
        Calibrated.
    labels : int array of shape (n_items,), or bool array of shape (n_items, n_classes)
    weights : float64 array of shape (n_items,), optional
        How many items of the traffic a row stands for; rows of unequal weight certify nothing.
    groups : int array of shape (n_items,), optional
    """

    probabilities: Probabilities
    labels: AnyLabels
    weights: Float64s | None = None
    groups: Groups | None = None

    def __len__(self) -> int:
        return len(self.labels)


def carried_thresholds(
    earlier: LabelledScores,
    explored: LabelledScores,
    classes: Sequence[str],
    targets: Sequence[Target] = (),
    *,
    delta: float,
    joint: bool = False,
) -> tuple[ClassThreshold, ...]:
    """Return the threshold of every class, certified by explored rows only.

    Parameters
    ----------
    explored : LabelledScores
        A plain sample of the traffic the claims are about; possibly of no row.
    delta, joint
        As `fit_thresholds`.

    Returns
    -------
    tuple of ClassThreshold
        Where a status rests on explored rows, their positives are named `explored` too.

    Raises
    ------
    TargetError, RowsError
        As `fit_thresholds`.
    """
    kept = _fitted(earlier, classes, targets, delta=delta, joint=joint, sample=False)
    if not len(explored):
        return kept
    shown = _fitted(explored, classes, targets, delta=delta, joint=joint, sample=True)
    declared = {target.class_name for target in targets}
    positive = indicators(explored.labels, len(classes))
    shown = tuple(
        replace(t, n_positive={**t.n_positive, "explored": t.n_positive["threshold"]}) for t in shown
    )
    return tuple(
        _declared(old, new)
        if name in declared
        else _tested(old, new, explored.probabilities[:, k], positive[:, k])
        for k, (name, old, new) in enumerate(zip(classes, kept, shown, strict=True))
    )


def _fitted(
    rows: LabelledScores,
    classes: Sequence[str],
    targets: Sequence[Target],
    *,
    delta: float,
    joint: bool,
    sample: bool,
) -> tuple[ClassThreshold, ...]:
    return fit_thresholds(
        rows.probabilities,
        rows.labels,
        classes,
        targets,
        delta=delta,
        joint=joint,
        weights=rows.weights,
        sample=sample,
        groups=rows.groups,
    )


def _declared(old: ClassThreshold, new: ClassThreshold) -> ClassThreshold:
    """Return what the explored rows prove; of a precision also what they merely show, since it moves."""
    shown = new.status == "empirical" and new.target.precision is not None
    return new if new.status == "certified" or shown else old


def _tested(
    old: ClassThreshold, new: ClassThreshold, scores: npt.NDArray[np.float32], positive: npt.NDArray[np.bool_]
) -> ClassThreshold:
    """Return the kept threshold with what the explored rows show at it.

    It was fixed before they were looked at, so one binomial test is exact; it succeeds exactly where the
    threshold is no higher than the one that the explored rows would certify.
    """
    if new.status != "certified" or old.threshold > new.threshold:
        return old
    flagged, every = scores >= np.float32(old.threshold), np.ones(len(scores))
    recall, precision = (
        Tally.of(every[of], hit[of]).interval(old.delta)
        for of, hit in ((positive, flagged), (flagged, positive))
    )
    return replace(new, threshold=old.threshold, recall=recall, precision=precision)
