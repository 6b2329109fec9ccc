"""Which of two items is the better candidate for a slot? What each kind of slot ranks by.

Three questions: how probable is a class, how unusual is such a probability of any class, and how uncertain is
the model. Which class to watch is known only after the alarm, and with a hundred classes each has few slots:
so most of the slots for high probabilities are for the unusual ones of all classes together. A calibrated
probability p of a class whose usual share is s is reached by at most s / p of the items (Markov's
inequality), so the largest p / s are those that least belong to the traffic as it was: a rare class has
few of them, and they come first.

Uncertain is an item whose probabilities have a large entropy: what no class explains is shared among several
of them. Where an item may have several labels, each is a question of its own: uncertain is then an item near
the threshold of one of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

Probabilities: TypeAlias = npt.NDArray[np.float32]  # (n_items, n_classes)
Scores: TypeAlias = npt.NDArray[np.float64]  # (n_items,), larger is chosen first
Shares: TypeAlias = npt.NDArray[np.float64]  # (n_classes,)
Tops: TypeAlias = npt.NDArray[np.int32]  # (n_items,), the most probable class

MOST_UNUSUAL: Final = "top"  # the kind of the most unusual probabilities of all, whatever their class
MOST_UNCERTAIN: Final = "uncertain"  # the kind of the most uncertain of all, whatever their class
_SMALLEST: Final = 1e-6
_FLOAT32_SLACK: Final = 1e-5  # rows sum to 1 only to about 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """What the candidates of each kind are ranked by, for one model.

    Attributes
    ----------
    classes : tuple of str
        In the model's order.
    usual : float64 array of shape (n_classes,)
        The positive share of items that each class usually has.
    """

    classes: tuple[str, ...]
    usual: Shares

    @classmethod
    def of(cls, classes: Sequence[str], usual: Sequence[float] | None = None) -> Self:
        """Return the ranking of a model; without known shares all classes are as usual as each other.

        Raises
        ------
        ValueError
            Not one positive share a class.
        """
        shares = np.full(len(classes), 1 / len(classes)) if usual is None else np.array(usual, np.float64)
        if shares.shape != (len(classes),) or not (np.isfinite(shares) & (shares > 0)).all():
            raise ValueError(f"usual shares {shares.tolist()}: expected {len(classes)} positive numbers")
        return cls(tuple(classes), shares)

    def scores(self, kind: str, probabilities: Probabilities, uncertainty: Scores) -> Scores:
        """Return what ranks items among those of a kind that is not drawn at random, shape (n_items,)."""
        family, _, name = kind.partition(":")
        if kind == MOST_UNUSUAL:
            return self.unusual(probabilities)
        if family == "top":
            return probabilities[:, self.classes.index(name)].astype(np.float64)
        return uncertainty

    def unusual(self, probabilities: Probabilities) -> Scores:
        """Return the largest ratio of a class's probability to its usual share, shape (n_items,)."""
        ratio: Scores = (probabilities / self.usual).max(axis=1)
        return ratio


def entropies(probabilities: Probabilities) -> Scores:
    """Return the entropy of each row in nats, shape (n_items,)."""
    p = np.ascontiguousarray(probabilities, np.float64)
    entropy: Scores = -(p * np.log(np.maximum(p, np.finfo(np.float64).tiny))).sum(axis=1)
    return entropy


def reaching(probabilities: Probabilities, tops: Tops, floors: Scores) -> Mapping[int, float]:
    """Return the entropy of the rows in which it is at least `floors`, shape (n_items,), by row."""
    n, n_classes = probabilities.shape
    best = probabilities.reshape(-1).take(np.arange(n) * n_classes + tops).astype(np.float64)
    # The entropy of a confident item need not be computed: it is largest where the rest r is shared evenly,
    # and what the best adds, -(1 - r) ln(1 - r), is at most r.
    rest = np.maximum(1 - best, _SMALLEST)
    most = rest * (1 + log(max(n_classes - 1, 1)) - np.log(rest))
    near = (most + _FLOAT32_SLACK >= floors).nonzero()[0]
    if not len(near):
        return {}
    entropy = entropies(probabilities[near])
    reached = entropy >= floors[near]
    return dict(zip(near[reached].tolist(), entropy[reached].tolist(), strict=True))


def nearness(probabilities: Probabilities, thresholds: Scores) -> Scores:
    """Return minus the distance, in logits, of each row to the nearest threshold of its class."""
    distance: Scores = np.abs(_logit(probabilities.astype(np.float64)) - _logit(thresholds)).min(axis=1)
    return -distance


def _logit(p: Scores) -> Scores:
    clipped = np.clip(p, _SMALLEST, 1 - _SMALLEST)
    logit: Scores = np.log(clipped) - np.log1p(-clipped)
    return logit
