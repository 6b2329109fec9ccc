"""Needs: how many more explored labels would certify a class?

A target that is declared takes its threshold from the explored rows, so all it needs is positives: `n_min`
of them without a miss, at a threshold low enough. A class without one keeps its threshold, and the recall at
just that one must be shown, which takes more the closer it is to what is asked. How many labels give so many
positives is chance; what is planned is enough in four of five draws.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import bdtrc

from model_store.promises.bounds import lower_bound
from model_store.promises.targets import n_min
from model_store.promises.thresholds import ClassThreshold

ENOUGH: Final = 0.8
MOST_LABELS: Final = 100_000
_MOST_POSITIVES: Final = 2_000


@dataclass(frozen=True, slots=True)
class Need:
    """What a class lacks for a claim.

    Parameters
    ----------
    positives : int, optional
        Further explored rows of the class; 0 where there are enough and what fails is a precision or their
        independence, None where no number will do at the threshold that is kept.
    labels : int, optional
        Explored labels of the traffic that hold so many with probability `ENOUGH`; None with `positives`, or
        beyond `MOST_LABELS`.
    share : float
        Of the class in the traffic, as planned with.
    """

    positives: int | None
    labels: int | None
    share: float

    def to_json(self) -> dict[str, Any]:
        """Return what a proposal says of it."""
        return {"positives": self.positives, "labels": self.labels, "share": self.share}


def need(
    threshold: ClassThreshold,
    *,
    declared: bool,
    positives: int,
    rows: int,
    caught: float | None,
    prior: float,
) -> Need:
    """Return what a class that is not certified lacks.

    Parameters
    ----------
    positives, rows : int
        Explored rows of the class, and of all classes, that may carry a claim.
    caught : float, optional
        Recall at the threshold that is kept, as far as it is known.
    prior : float
        Share of the class where nothing was explored.
    """
    share = (positives + 0.5) / (rows + 1) if rows else prior
    asked = threshold.target.recall
    strictest = asked if asked is not None else threshold.target.precision or 0.0
    both = asked is not None and threshold.target.precision is not None
    delta = threshold.delta / 2 if both else threshold.delta
    fewest: int | None = n_min(strictest, delta)
    if not declared and asked is not None:
        fewest = _to_show(asked, caught, delta)
    if fewest is None:
        return Need(None, None, share)
    missing = max(fewest - positives, 0)
    return Need(missing, labels_for(missing, share), share)


def labels_for(positives: int, share: float) -> int | None:
    """Return how many draws hold `positives` rows of a class of that share with probability `ENOUGH`.

    Examples
    --------
    >>> labels_for(13, 0.06), labels_for(1, 0.5), labels_for(0, 0.1)
    (263, 3, 0)
    """
    if positives == 0:
        return 0
    low, high = positives, MOST_LABELS
    if share <= 0 or float(bdtrc(positives - 1, high, share)) < ENOUGH:
        return None
    while low < high:
        middle = (low + high) // 2
        enough = float(bdtrc(positives - 1, middle, share)) >= ENOUGH
        low, high = (low, middle) if enough else (middle + 1, high)
    return low


def _to_show(asked: float, caught: float | None, delta: float) -> int | None:
    """Return on how many positives a recall of `caught` shows that it is `asked`; None beyond 2,000."""
    sizes = np.arange(1, _MOST_POSITIVES + 1)
    hits = np.floor(sizes * (1.0 if caught is None else caught) + 1e-9)
    shown = lower_bound(hits, sizes, delta) >= asked - 1e-12
    return int(sizes[np.argmax(shown)]) if shown.any() else None
