"""Reference: what did the model's answers look like on labelled rows it had not seen?

A drift detector takes its live baseline from traffic; this is the mix that baseline is held against, and
the confusion matrix that turns a moved mix of answers into a moved mix of classes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import numpy as np
import numpy.typing as npt

from model_store.calibration import Float32s, Float64s, Labels
from model_store.policy import NO_CLASS, Decisions

SCORE_BINS: Final = 20


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The answers of one bundle on its threshold rows.

    Parameters
    ----------
    categories : tuple of str
        The classes in order, then `no_class_passes`.
    counts : int64 array of shape (n_classes + 1,)
        Items per category.
    confusion : int64 array of shape (n_classes, n_classes + 1)
        Row: true class; column: the most probable class, the last one where no class passes. What is watched
        is the most probable class, not the label: docs/decisions/0006.
    score_cuts : float32 array of shape (SCORE_BINS - 1,)
        Quantiles of the top calibrated probability, ascending.
    priors : float64 array of shape (n_classes,)
        Shares of the true classes; they sum to 1.
    """

    categories: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    confusion: npt.NDArray[np.int64]
    score_cuts: Float32s
    priors: Float64s

    def __post_init__(self) -> None:
        """Refuse shapes and sums that do not belong together."""
        k = len(self.categories) - 1
        if k < 2 or self.categories[-1] != NO_CLASS:
            raise ValueError(f"reference categories: expected the classes, then {NO_CLASS!r}")
        if self.counts.shape != (k + 1,) or self.confusion.shape != (k, k + 1) or self.priors.shape != (k,):
            raise ValueError(
                f"reference counts {self.counts.shape}, confusion {self.confusion.shape}, priors "
                f"{self.priors.shape}: expected ({k + 1},), ({k}, {k + 1}), ({k},)"
            )
        if (self.confusion < 0).any() or (self.confusion.sum(axis=0) != self.counts).any():
            raise ValueError("reference confusion: expected counts whose columns sum to the reference counts")
        if (self.priors < 0).any() or abs(self.priors.sum() - 1) > 1e-6:
            raise ValueError("reference priors: expected shares that sum to 1")
        if self.score_cuts.ndim != 1 or not (np.diff(self.score_cuts) >= 0).all():
            raise ValueError("reference score_cuts: expected ascending numbers")

    @property
    def classes(self) -> tuple[str, ...]:
        """The categories that are classes."""
        return self.categories[:-1]

    def to_json(self) -> dict[str, Any]:
        """Return what reference.json holds."""
        return {
            "categories": list(self.categories),
            "counts": self.counts.tolist(),
            "confusion": self.confusion.tolist(),
            "score_cuts": self.score_cuts.astype(np.float64).tolist(),
            "priors": self.priors.tolist(),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read reference.json; a ValueError says what is missing or malformed."""
        expected = {"categories", "counts", "confusion", "score_cuts", "priors"}
        if set(data) != expected:
            raise ValueError(f"reference keys {sorted(data)}: expected {sorted(expected)}")
        return cls(
            categories=tuple(data["categories"]),
            counts=_integers("counts", data["counts"]),
            confusion=_integers("confusion", data["confusion"]),
            score_cuts=np.array(data["score_cuts"], dtype=np.float32),
            priors=np.array(data["priors"], dtype=np.float64),
        )


def build_reference(decisions: Decisions, labels: Labels, classes: Sequence[str]) -> Reference:
    """Summarise what the policy decided about labelled rows that stand for the traffic."""
    k = len(classes)
    cells = labels * (k + 1) + decisions.categories(k)
    confusion = np.bincount(cells, minlength=k * (k + 1)).reshape(k, k + 1)
    cuts = np.quantile(decisions.probabilities.max(axis=1), np.arange(1, SCORE_BINS) / SCORE_BINS)
    return Reference(
        categories=(*classes, NO_CLASS),
        counts=confusion.sum(axis=0).astype(np.int64),
        confusion=confusion.astype(np.int64),
        score_cuts=cuts.astype(np.float32),
        priors=np.bincount(labels, minlength=k) / len(labels),
    )


def _integers(key: str, value: object) -> npt.NDArray[np.int64]:
    array = np.array(value)
    if array.dtype.kind != "i":
        raise ValueError(f"reference {key}: expected whole numbers")
    return cast(npt.NDArray[np.int64], array.astype(np.int64))
