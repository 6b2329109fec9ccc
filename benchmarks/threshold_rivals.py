"""Which threshold do others set on the same rows: a plain sweep, scikit-learn's tuner, MAPIE's controller?

Each gets the scores through a fitted estimator that only looks them up, and is used as its documentation
shows: the sweep takes the threshold that looks best among those that reach the target on the rows, the tuner
maximises a score that a miss of the target makes negative, the controller is given the target as its risk.
"""

import warnings
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from mapie.risk_control import BinaryClassificationController
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.metrics import make_scorer
from sklearn.model_selection import TunedThresholdClassifierCV
from sklearn.utils.validation import check_is_fitted

from model_store.promises.targets import Target

Scores: TypeAlias = npt.NDArray[np.float32]
Flags: TypeAlias = npt.NDArray[np.bool_]

# MAPIE's own grid; where a sequence is tested it starts at the end where the target is met most easily.
GRID: Final = np.linspace(0, 0.99, 100)


class Lookup(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose only feature is the probability of its positive class."""

    classes_ = np.array([0, 1])

    def fit(self, X: Scores, y: Flags) -> "Lookup":  # noqa: N803, ARG002
        """Do nothing: there is nothing to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict_proba(self, X: Scores) -> npt.NDArray[np.float64]:  # noqa: N803
        """Return both probabilities of every row."""
        check_is_fitted(self)
        p = X[:, 0].astype(np.float64)
        return np.stack([1 - p, p], axis=1)

    def predict(self, X: Scores) -> npt.NDArray[np.int64]:  # noqa: N803
        """Call the more probable class."""
        return (X[:, 0] >= 0.5).astype(np.int64)


def sweep(scores: Scores, positive: Flags, target: Target) -> float | None:
    """Return the best threshold among those that reach the target on the rows."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(positive[order])
    recall, precision = hits / max(hits[-1], 1), hits / np.arange(1, len(hits) + 1)
    reached = _reached(recall, precision, target)
    if not reached.any():
        return None
    # Recall asked for: the highest threshold that reaches it; only precision: the one with the most recall.
    best = np.flatnonzero(reached)[0 if target.recall is not None else -1]
    return float(scores[order][best])


def tuner(scores: Scores, positive: Flags, target: Target) -> float | None:
    """Return the threshold of `TunedThresholdClassifierCV` for a score that is negative off the target."""

    def score(truth: npt.NDArray[np.int64], called: npt.NDArray[np.int64]) -> float:
        hits = int((truth & called).sum())
        recall, precision = hits / max(int(truth.sum()), 1), hits / max(int(called.sum()), 1)
        short = min(
            recall - target.recall if target.recall is not None else 1.0,
            precision - target.precision if target.precision is not None else 1.0,
        )
        if short < 0:
            return short
        return precision if target.recall is not None else recall

    tuned = TunedThresholdClassifierCV(
        Lookup(), scoring=make_scorer(score), cv="prefit", refit=False, response_method="predict_proba"
    ).fit(scores[:, None], positive.astype(np.int64))
    return float(tuned.best_threshold_) if tuned.best_score_ >= 0 else None


def controller(
    scores: Scores, positive: Flags, target: Target, *, delta: float, fixed_sequence: bool = False
) -> float | None:
    """Return the threshold of MAPIE's `BinaryClassificationController`.

    By default it corrects for its 100 thresholds by Bonferroni and Holm. With `fixed_sequence`, which it has
    for one risk only, it tests them in order: the recall from 0 upwards, the precision downwards. Thresholds
    that no row reaches are left out: with one of them, MAPIE 1.6 finds nothing for a precision.
    """
    grid = GRID[scores.max() >= GRID]
    asked = {"recall": target.recall, "precision": target.precision}
    risks = {name: float(level) for name, level in asked.items() if level is not None}
    single = len(risks) == 1
    found = BinaryClassificationController(
        Lookup().predict_proba,
        risk=next(iter(risks)) if single else list(risks),
        target_level=next(iter(risks.values())) if single else list(risks.values()),
        confidence_level=1 - delta,
        list_predict_params=grid if target.recall is not None else grid[::-1],
        fwer_method="fixed_sequence" if fixed_sequence else "bonferroni_holm",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where no threshold passes: an outcome here
        found.calibrate(scores[:, None], positive.astype(np.int64))
    best = found.best_predict_param
    return None if best is None else float(best)


def _reached(recall: npt.NDArray[np.float64], precision: npt.NDArray[np.float64], target: Target) -> Flags:
    enough_recall: Flags = recall >= (target.recall or 0.0)
    enough_precision: Flags = precision >= (target.precision or 0.0)
    return enough_recall & enough_precision
