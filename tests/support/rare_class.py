"""A rare class whose population is known: calibrated probabilities of two normal score distributions."""

import numpy as np
import numpy.typing as npt
from scipy.stats import norm

from model_store.promises.guarantees import fit_thresholds
from model_store.promises.targets import parse_target
from model_store.promises.thresholds import ClassThreshold

TWO = ("rare", "rest")

Probabilities = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


def two_classes(n: int, *, share: float, distance: float, seed: int) -> tuple[Probabilities, Labels]:
    """Return calibrated probabilities of a rare class whose scores lie `distance` s.d. above the others'."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) >= share).astype(np.int64)
    x = rng.normal(0, 1, n) + distance * (labels == 0)
    odds = share / (1 - share) * np.exp(distance * x - distance**2 / 2)
    p = (odds / (1 + odds)).astype(np.float32)
    return np.stack([p, 1 - p], axis=1), labels


def truth(threshold: float, *, share: float, distance: float) -> tuple[float, float]:
    """Return the population's recall and precision of the rare class at a threshold below 1."""
    x = (np.log(threshold / (1 - threshold)) - np.log(share / (1 - share)) + distance**2 / 2) / distance
    recall, false_alarms = float(norm.sf(x - distance)), float(norm.sf(x))
    flagged = share * recall + (1 - share) * false_alarms
    return recall, share * recall / flagged


def rare(p: Probabilities, labels: Labels, target: str, *, delta: float = 0.1) -> ClassThreshold:
    """Return the fitted threshold of the rare class."""
    return fit_thresholds(p, labels, TWO, [parse_target(target)], delta=delta)[0]


def one_column(scores: Probabilities) -> Probabilities:
    """Return the probabilities of two classes from those of the first."""
    return np.stack([scores, 1 - scores], axis=1)
