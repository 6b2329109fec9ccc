"""Cost report: what do ways to decide cost per item, and which class pays?

Realised costs are those of the true classes; expected ones those of the probabilities, equal to them where
calibration holds. The competitors of the Bayes decision are the most probable class, and one threshold for
all: the cheapest constant answer, unless another class's probability reaches the threshold. That threshold is
the best there is on the very rows it is judged on, which flatters it.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibrating.brokenlines import Float64s
from model_store.calibrating.calibration import Labels, Probabilities
from model_store.costs import Costs, CostsError, binary_threshold

Answers: TypeAlias = npt.NDArray[np.integer[Any]]  # (n_items,)


@dataclass(frozen=True, slots=True)
class Way:
    """What one way to decide costs per item, and the share of items it leaves to people."""

    realised: float
    expected: float
    review_share: float = 0.0


@dataclass(frozen=True, slots=True)
class ClassCost:
    """What items of one true class cost per item, realised; None for a class without rows.

    `dearest` is the answer that costs most for it, and `dearest_cost` what it costs.
    """

    class_name: str
    items: int
    dearest: str
    dearest_cost: float
    most_probable: float | None
    bayes: float | None
    bayes_with_review: float | None


@dataclass(frozen=True, slots=True)
class CostReport:
    """Ways to decide the same rows, compared.

    Parameters
    ----------
    review_cost : float, optional
        None where nobody reviews; `bayes_with_review` is None then too.
    threshold : float, optional
        The global one; None where the constant answer is never left.
    constant : str
        The class that it is left from.
    binary_threshold : float, optional
        With two classes: from which probability of the second on it is the cheaper answer.
    """

    items: int
    most_probable: Way
    global_threshold: Way
    bayes: Way
    bayes_with_review: Way | None
    review_cost: float | None
    threshold: float | None
    constant: str
    binary_threshold: float | None
    classes: tuple[ClassCost, ...]

    @property
    def ways(self) -> Mapping[str, Way]:
        """All ways by name, as a table would list them."""
        ways = {
            "most probable class": self.most_probable,
            "one threshold for all": self.global_threshold,
            "least expected cost": self.bayes,
        }
        if self.bayes_with_review is not None:
            ways["least expected cost, or review"] = self.bayes_with_review
        return ways

    def to_json(self) -> dict[str, Any]:
        """Return plain numbers and names."""
        return asdict(self)


def cost_report(
    costs: Costs, probabilities: Probabilities, labels: Labels, *, weights: Float64s | None = None
) -> CostReport:
    """Compare what ways to decide cost on labelled rows.

    Parameters
    ----------
    probabilities : float array of shape (n_items, n_classes)
        Calibrated; at least one item.
    labels : int array of shape (n_items,)
    weights : float64 array of shape (n_items,), optional
        How many items of the traffic a row stands for.
    """
    w = np.ones(len(labels)) if weights is None else weights
    expected = costs.expected(probabilities).astype(np.float64)
    rows = np.arange(len(labels))
    review = np.inf if costs.review is None else costs.review

    def way(answers: Answers, reviewed: npt.NDArray[np.bool_]) -> tuple[Way, Float64s]:
        realised = np.where(reviewed, review, costs.matrix[labels, answers])
        foreseen = np.where(reviewed, review, expected[rows, answers])
        return Way(_mean(realised, w), _mean(foreseen, w), _mean(reviewed, w)), realised

    nobody = np.zeros(len(labels), np.bool_)
    constant, threshold, by_threshold = _one_threshold(costs, probabilities, labels, w)
    bayes, least = costs.bayes(probabilities)
    most_probable, own = way(probabilities.argmax(axis=1), nobody)
    best, best_own = way(bayes, nobody)
    helped, helped_own = way(bayes, least > np.float32(review))
    nobody_reviews = costs.review is None
    realised = (own, best_own, None if nobody_reviews else helped_own)
    return CostReport(
        items=len(labels),
        most_probable=most_probable,
        global_threshold=way(by_threshold, nobody)[0],
        bayes=best,
        bayes_with_review=None if nobody_reviews else helped,
        review_cost=costs.review,
        threshold=threshold,
        constant=costs.classes[constant],
        binary_threshold=even_threshold(costs),
        classes=tuple(_class_cost(costs, k, labels == k, w, realised) for k in range(len(costs.classes))),
    )


def _one_threshold(
    costs: Costs, probabilities: Probabilities, labels: Labels, w: Float64s
) -> tuple[int, float | None, Answers]:
    """Return the constant answer, the threshold of least realised cost, and the answers it gives."""
    constant = int((w @ costs.matrix[labels]).argmin())
    others = probabilities.astype(np.float64)
    others[:, constant] = -1.0
    other, p = others.argmax(axis=1), others.max(axis=1)
    gain = w * (costs.matrix[labels, other] - costs.matrix[labels, constant])
    order = np.argsort(-p, kind="stable")
    total = np.cumsum(gain[order])
    last = np.append(np.diff(p[order]) != 0, True)  # equal probabilities are flagged together
    total, candidates = total[last], p[order][last]
    best = int(total.argmin())
    if total[best] >= 0:
        return constant, None, np.full(len(labels), constant)
    threshold = float(candidates[best])
    return constant, threshold, np.where(p >= threshold, other, constant)


def _class_cost(
    costs: Costs, k: int, own: npt.NDArray[np.bool_], w: Float64s, realised: tuple[Float64s | None, ...]
) -> ClassCost:
    dearest = int(costs.matrix[k].argmax())
    most_probable, bayes, helped = (
        None if each is None or not own.any() else _mean(each[own], w[own]) for each in realised
    )
    return ClassCost(
        class_name=costs.classes[k],
        items=int(own.sum()),
        dearest=costs.classes[dearest],
        dearest_cost=float(costs.matrix[k, dearest]),
        most_probable=most_probable,
        bayes=bayes,
        bayes_with_review=helped,
    )


def even_threshold(costs: Costs) -> float | None:
    """Return `binary_threshold`, None where there are other than two classes or it does not follow."""
    try:
        return binary_threshold(costs)
    except CostsError:
        return None


def _mean(values: npt.NDArray[Any], w: Float64s) -> float:
    return float((values * w).sum() / w.sum())
