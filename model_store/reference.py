"""Reference: what did the model's answers look like on labelled rows it had not seen?

A drift detector takes its live baseline from traffic; this is the mix that baseline is held against, and
the confusion matrix that turns a moved mix of answers into a moved mix of classes. With several labels an
item what is watched is still one category, its most probable class: counts stay counts of items.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Self, cast

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Float32s, Float64s
from model_store.data.indicators import AnyLabels, indicators
from model_store.policy import NO_CLASS, Decisions

SCORE_BINS: Final = 20
_FORMAT_1: Final = frozenset({"categories", "counts", "confusion", "score_cuts", "priors"})
_FORMAT_2: Final = _FORMAT_1 | {"multilabel"}
_KEYS: Final = _FORMAT_2 | {"inputs"}


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """The answers of one bundle on its threshold rows.

    Parameters
    ----------
    categories : tuple of str
        The classes in order, then `no_class_passes`.
    counts : int64 array of shape (n_classes + 1,)
        Items per category. An item that the policy abstained from counts for its most probable class.
    confusion : int64 array of shape (n_classes, n_classes + 1)
        Row: true class; column: the most probable class, the last one where no class passes. What is watched
        is the most probable class, not the label: docs/decisions/0006. An item of several classes counts in
        the row of each, and one of none in no row: row k over its sum is how items of class k are watched.
    score_cuts : float32 array of shape (SCORE_BINS - 1,)
        Quantiles of the top calibrated probability, ascending.
    priors : float64 array of shape (n_classes,)
        Shares of the true classes; they sum to 1, but not where an item may be of several.
    multilabel : bool
        An item may be of several classes, or of none.
    inputs : mapping of str to tuple of float
        Ascending cuts of what can be read off the items themselves (`model_store.readings`); empty in bundles
        of earlier formats.
    """

    categories: tuple[str, ...]
    counts: npt.NDArray[np.int64]
    confusion: npt.NDArray[np.int64]
    score_cuts: Float32s
    priors: Float64s
    multilabel: bool = False
    inputs: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse shapes and sums that do not belong together."""
        k = len(self.categories) - 1
        if k < (1 if self.multilabel else 2) or self.categories[-1] != NO_CLASS:
            raise ValueError(f"reference categories: expected the classes, then {NO_CLASS!r}")
        if self.counts.shape != (k + 1,) or self.confusion.shape != (k, k + 1) or self.priors.shape != (k,):
            raise ValueError(
                f"reference counts {self.counts.shape}, confusion {self.confusion.shape}, priors "
                f"{self.priors.shape}: expected ({k + 1},), ({k}, {k + 1}), ({k},)"
            )
        self._check_sums()
        if self.score_cuts.ndim != 1 or not (np.diff(self.score_cuts) >= 0).all():
            raise ValueError("reference score_cuts: expected ascending numbers")
        for name, cuts in self.inputs.items():
            if not np.isfinite(cuts).all() or not (np.diff(cuts) > 0).all():
                raise ValueError(f"reference inputs {name!r}: expected ascending numbers, none of them twice")

    def _check_sums(self) -> None:
        if (self.confusion < 0).any() or (self.counts < 0).any():
            raise ValueError("reference counts and confusion: expected no negative numbers")
        if self.multilabel:
            if (self.confusion > self.counts).any():
                raise ValueError(
                    "reference confusion: expected no more items of a class than there are items"
                )
            if not ((self.priors >= 0) & (self.priors <= 1)).all():
                raise ValueError("reference priors: expected shares")
            return
        if (self.confusion.sum(axis=0) != self.counts).any():
            raise ValueError("reference confusion: expected counts whose columns sum to the reference counts")
        if (self.priors < 0).any() or abs(self.priors.sum() - 1) > 1e-6:
            raise ValueError("reference priors: expected shares that sum to 1")

    @property
    def classes(self) -> tuple[str, ...]:
        """The categories that are classes."""
        return self.categories[:-1]

    @property
    def usual(self) -> Float64s:
        """The share of items that each class has, none of them zero: half an item is added to each."""
        n = self.counts.sum()
        usual: Float64s = (self.priors * n + 0.5) / (n + 0.5 * len(self.priors))
        return usual

    def to_json(self) -> dict[str, Any]:
        """Return what reference.json holds."""
        return {
            "categories": list(self.categories),
            "counts": self.counts.tolist(),
            "confusion": self.confusion.tolist(),
            "score_cuts": self.score_cuts.astype(np.float64).tolist(),
            "priors": self.priors.tolist(),
            "multilabel": self.multilabel,
            "inputs": {name: list(cuts) for name, cuts in self.inputs.items()},
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Read reference.json, also of formats 1 and 2; a ValueError says what is missing or malformed."""
        if set(data) not in (_KEYS, _FORMAT_2, _FORMAT_1):
            raise ValueError(f"reference keys {sorted(data)}: expected {sorted(_KEYS)}")
        multilabel = data.get("multilabel", False)
        if not isinstance(multilabel, bool):
            raise ValueError(f"reference multilabel {multilabel!r}: expected true or false")
        return cls(
            categories=tuple(data["categories"]),
            counts=_integers("counts", data["counts"]),
            confusion=_integers("confusion", data["confusion"]),
            score_cuts=np.array(data["score_cuts"], dtype=np.float32),
            priors=np.array(data["priors"], dtype=np.float64),
            multilabel=multilabel,
            inputs={name: tuple(map(float, cuts)) for name, cuts in data.get("inputs", {}).items()},
        )


def build_reference(
    decisions: Decisions,
    labels: AnyLabels,
    classes: Sequence[str],
    *,
    inputs: Mapping[str, tuple[float, ...]] = MappingProxyType({}),
) -> Reference:
    """Summarise what the policy decided about labelled rows that stand for the traffic.

    Parameters
    ----------
    labels : int array of shape (n_items,), or bool array of shape (n_items, n_classes)
        At least one item of a class. Items of none (-1) are left out: no column of the confusion is theirs.
    inputs : mapping of str to tuple of float, optional
        What `model_store.readings.input_cuts` says of the same rows.
    """
    k = len(classes)
    known = np.arange(len(labels)) if labels.ndim == 2 else np.flatnonzero(labels >= 0)
    positive = indicators(labels, k)[known]
    watched = decisions.categories(k)[known]
    by_item, true = np.nonzero(positive)
    confusion = np.bincount(true * (k + 1) + watched[by_item], minlength=k * (k + 1)).reshape(k, k + 1)
    cuts = np.quantile(decisions.probabilities[known].max(axis=1), np.arange(1, SCORE_BINS) / SCORE_BINS)
    return Reference(
        categories=(*classes, NO_CLASS),
        counts=np.bincount(watched, minlength=k + 1).astype(np.int64),
        confusion=confusion.astype(np.int64),
        score_cuts=cuts.astype(np.float32),
        priors=positive.mean(axis=0),
        multilabel=labels.ndim == 2,
        inputs=inputs,
    )


def _integers(key: str, value: object) -> npt.NDArray[np.int64]:
    array = np.array(value)
    if array.dtype.kind != "i":
        raise ValueError(f"reference {key}: expected whole numbers")
    return cast(npt.NDArray[np.int64], array.astype(np.int64))
