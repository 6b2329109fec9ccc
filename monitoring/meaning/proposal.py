"""Proposal: which promises does a shifted mix leave standing, and which thresholds would keep the others?

A recall says nothing of other classes, so under a shift of the mix alone it stands. A precision does not: its
threshold is solved again on validation rows, reweighted to the new priors at the end of the class's interval
that is worse for it. Old stands beside new, and nothing is put in force. Where the mix alone does not explain
the traffic, validation rows say nothing about it and every claim is stale.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from scipy.special import expit

from model_store.calibrating.calibration import Float32s, Float64s
from model_store.policy import Policy
from model_store.promises.class_rows import ClassRows
from model_store.promises.pair import recall_and_precision
from model_store.promises.precision import precision_only
from model_store.promises.thresholds import ClassThreshold
from model_store.shift_reference import ShiftReference
from monitoring.meaning.expected import Flagged
from monitoring.meaning.priors import Priors, pessimistic

# conservative: more than was claimed; optimistic: less; stale: nobody knows.
Standing: TypeAlias = Literal["stands", "conservative", "optimistic", "stale"]

_CLAIMED: Final = ("certified", "empirical")
_GRID_ENDS: Final = 12.0
_GRID_STEPS: Final = 481
_DRAWS_95: Final = (0.025, 0.975)


@dataclass(frozen=True, slots=True)
class ClaimStanding:
    """What has become of one class's claim.

    Attributes
    ----------
    recall, precision : Standing or None
        None where nothing is claimed of it. A precision stands while the interval of the one expected holds
        that of validation.
    old, new : ClassThreshold
        `new` is None where the old one stays.
    why : str
        Why there is no new one although the precision is no longer what it was; else empty.
    """

    old: ClassThreshold
    recall: Standing | None
    precision: Standing | None
    new: ClassThreshold | None = None
    why: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the class's line."""
        return {
            "class": self.old.class_name,
            "claim": str(self.old.target),
            "recall": self.recall,
            "precision": self.precision,
            "old": _threshold_json(self.old),
            "new": None if self.new is None else _threshold_json(self.new),
            "why": self.why,
        }


def standings(
    reference: ShiftReference, policy: Policy, priors: Priors, flagged: Flagged
) -> tuple[ClaimStanding, ...]:
    """Return the classes that claim something, in their order, where the mix alone explains the traffic."""
    before = flagged.precision(reference.priors)
    low, high = np.quantile(np.nan_to_num(flagged.precision(priors.draws), nan=0.0), _DRAWS_95, axis=0)
    found = []
    for k, threshold in enumerate(policy.thresholds):
        if threshold.status not in _CLAIMED:
            continue
        recall: Standing | None = None if threshold.target.recall is None else "stands"
        if threshold.target.precision is None:
            found.append(ClaimStanding(threshold, recall, None))
            continue
        moved: Standing = (
            "conservative" if low[k] >= before[k] else "optimistic" if high[k] < before[k] else "stands"
        )
        claim = ClaimStanding(threshold, recall, moved)
        found.append(claim if moved == "stands" else _proposed(reference, priors, k, claim))
    return tuple(found)


def stale(policy: Policy) -> tuple[ClaimStanding, ...]:
    """Return the classes that claim something, none of which is known to hold any more."""
    return tuple(
        ClaimStanding(
            threshold,
            None if threshold.target.recall is None else "stale",
            None if threshold.target.precision is None else "stale",
        )
        for threshold in policy.thresholds
        if threshold.status in _CLAIMED
    )


def _proposed(reference: ShiftReference, priors: Priors, k: int, claim: ClaimStanding) -> ClaimStanding:
    old, target = claim.old, claim.old.target
    if priors.low[k] <= 0.0:
        return ClaimStanding(old, claim.recall, claim.precision, why="its prior may be 0")
    rows = ClassRows(
        name=old.class_name,
        scores=_on_grid(reference.probabilities[:, k]),
        positive=reference.labels == k,
        target=target,
        delta=old.delta,
        proves=False,
        weights=_weights(reference, pessimistic(reference, priors, k)),
    )
    precision = target.precision or 0.0
    new = (
        precision_only(rows, precision)
        if target.recall is None
        else recall_and_precision(rows, target.recall, precision)
    )
    if new.status not in _CLAIMED:
        why = f"no threshold keeps {target} at these priors"
        return ClaimStanding(old, claim.recall, claim.precision, why=why)
    return ClaimStanding(old, claim.recall, claim.precision, new)


def _on_grid(scores: Float32s) -> Float32s:
    """Return scores rounded down to one of a few hundred values, evenly spaced in the log-odds.

    At a threshold of the grid the same rows are flagged, and there are so many fewer to try: with 20,000 rows
    the time of a class falls from 30 ms to 4.
    """
    grid = expit(np.linspace(-_GRID_ENDS, _GRID_ENDS, _GRID_STEPS)).astype(np.float32)
    grid[0] = 0.0
    down: Float32s = grid[grid.searchsorted(scores, side="right") - 1]
    return down


def _weights(reference: ShiftReference, priors: Float64s) -> Float64s:
    """Return how many items of the traffic each validation row stands for, 1 on average."""
    each = priors / np.maximum(reference.priors, np.finfo(np.float64).tiny)
    weights: Float64s = np.where(reference.counts > 0, each, 0.0)[reference.labels]
    return weights


def _threshold_json(threshold: ClassThreshold) -> dict[str, Any]:
    entry = threshold.to_json()
    return {key: entry[key] for key in ("threshold", "review_from", "status", "recall", "precision")}
