"""Guarantees: from which probability on may each class be called, and what is then promised about it?

A threshold found by sweeping a validation set misses its target on the population in about half of all
runs. These do not, because what is claimed is a bound with confidence 1 - delta:

- **recall >= r** is an order statistic of the positives' scores, exact for every distribution, ties too
  (`model_store.promises.bounds`);
- **precision >= p** is a Clopper-Pearson bound read at many candidates, so only `empirical`; with `certify`
  it is proved by thresholds tested in a fixed sequence (`model_store.promises.sequence`);
- **both** take recall at delta/2, then one binomial test at delta/2 at that one threshold
  (`model_store.promises.pair`), or two thresholds with a person between them.

All of it needs independent draws, and near-duplicates or rows of one thread that were dealt out together are
none. With `groups` every count is scaled to the effective sample size, and where that is clearly less than
the number of rows (`model_store.promises.class_rows.INDEPENDENT`) nothing is `certified`. For a recall the
positives decide that, for a precision the flagged rows, for a pair the positives and the false alarms.

Scores and thresholds are float32, the type serving compares in.

Statuses are ordered: `certified`, `empirical`, `infeasible`, `insufficient_data`. Take positives away and a
recall or a precision never gets a better one. A pair can, and rightly so: without the positives that the
model misses the class is an easier one. Taken from the highest score on, a pair's never gets better either.

Scores may be changed by any increasing function of their own per class, and the same items are flagged with
the same status: everything here reads their order, except what reads them as probabilities, which are the
sequence of `certify`, the shrinkage under `n_min`, and the even odds of a class without a target.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Float64s, Probabilities
from model_store.data.indicators import AnyLabels, indicators
from model_store.errors import RowsError
from model_store.promises.bounds import Groups, lower_bound, recall_threshold
from model_store.promises.class_rows import ClassRows
from model_store.promises.pair import recall_and_precision
from model_store.promises.precision import precision_only
from model_store.promises.recall import recall_only
from model_store.promises.shrinkage import shrunk
from model_store.promises.targets import (
    DEFAULT_DELTA,
    EVEN_ODDS,
    Target,
    check_targets,
    class_deltas,
    n_min,
)
from model_store.promises.thresholds import ClassThreshold

__all__ = ["fit_thresholds", "lower_bound", "recall_threshold"]


def fit_thresholds(
    probabilities: Probabilities,
    labels: AnyLabels,
    classes: Sequence[str],
    targets: Sequence[Target] = (),
    *,
    delta: float = DEFAULT_DELTA,
    joint: bool = False,
    weights: Float64s | None = None,
    sample: bool = True,
    groups: Groups | None = None,
) -> tuple[ClassThreshold, ...]:
    """Fit the threshold of every class on rows that neither classifier nor calibration has seen.

    Parameters
    ----------
    probabilities : float32 array of shape (n_items, n_classes)
        Calibrated. The rows must be a sample of the traffic that the claims are about.
    labels : int array of shape (n_items,), or bool array of shape (n_items, n_classes)
        The second form is multi-label: every label has a claim of its own.
    targets : sequence of Target
        A class without one gets recall >= `DEFAULT_RECALL` and a threshold of at most `EVEN_ODDS`: lower than
        the target needs is still certified, and an item most probably of the class is not refused.
    delta : float
        Each class's claim is wrong with at most this probability; the `confidence` of a target goes first.
    joint : bool
        `delta` is for the claims of all classes together, shared out by `class_deltas`.
    weights : float64 array of shape (n_items,), optional
        How many items of the traffic a row stands for, at any scale. Equal weights are none. Unequal ones
        give weighted estimates with bounds at the effective sample size (sum w)^2 / sum w^2, which certify
        nothing.
    sample : bool
        False says that the rows are no sample of the traffic: nothing is certified.
    groups : int array of shape (n_items,), optional
        Rows of equal number are not independent of each other, near-duplicates for instance.

    Raises
    ------
    TargetError
        For an unknown or repeated class, a delta outside (0, 0.5], or confidences that leave others nothing.
    RowsError
        For weights that are not one finite number of at least 0 a row, or groups that are not one a row.
    """
    asked = check_targets(targets, classes)
    deltas = class_deltas(asked, delta=delta, joint=joint)
    weights = _unequal(weights, len(probabilities))
    groups = _shared(groups, len(probabilities))
    positive = indicators(labels, len(classes))
    declared = {target.class_name for target in targets}
    rows = [
        ClassRows(
            name=name,
            scores=probabilities[:, k].astype(np.float32),
            positive=positive[:, k],
            target=asked[name],
            delta=deltas[name],
            proves=sample and weights is None,
            weights=weights,
            highest=1.0 if name in declared else EVEN_ODDS,
            groups=groups,
        )
        for k, name in enumerate(classes)
    ]
    siblings = {row.name: row.own_quantile() for row in rows if _enough(row, n_min(row.aim, row.delta))}
    return tuple(_fit_one(row, siblings) for row in rows)


def _fit_one(rows: ClassRows, siblings: Mapping[str, float]) -> ClassThreshold:
    recall, precision = rows.target.recall, rows.target.precision
    strictest = _strictest(rows.target, rows.delta)
    if not _enough(rows, strictest):
        return shrunk(rows, [t for name, t in siblings.items() if name != rows.name], strictest)
    if recall is None:
        return precision_only(rows, precision or 0.0)
    return recall_only(rows, recall) if precision is None else recall_and_precision(rows, recall, precision)


def _strictest(target: Target, delta: float) -> int:
    """Return how many positives the first claim takes: the recall, at half of delta where there are two."""
    if target.recall is None:
        return n_min(target.precision or 0.0, delta)
    return n_min(target.recall, delta if target.precision is None else delta / 2)


def _enough(rows: ClassRows, least: int) -> bool:
    return rows.n >= least - 1e-9


def _unequal(weights: npt.NDArray[np.floating] | None, n_rows: int) -> Float64s | None:
    """Return weights that say something, checked; None where all rows weigh the same."""
    if weights is None:
        return None
    if weights.shape != (n_rows,):
        raise RowsError(f"weights of shape {weights.shape}: expected one for each of {n_rows:,} rows")
    bad = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(bad):
        raise RowsError(
            f"{len(bad):,} weights, the first of threshold row {bad[0] + 1:,}, are no finite number of at "
            "least 0; correct them"
        )
    return None if n_rows == 0 or (weights == weights[0]).all() else weights.astype(np.float64)


def _shared(groups: Groups | None, n_rows: int) -> Groups | None:
    """Return groups numbered from 0 on; None where every row is its own."""
    if groups is None:
        return None
    if groups.shape != (n_rows,):
        raise RowsError(f"groups of shape {groups.shape}: expected one for each of {n_rows:,} rows")
    found, numbers = np.unique(groups, return_inverse=True)
    return None if len(found) == n_rows else numbers
