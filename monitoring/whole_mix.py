"""Has the mix as a whole moved, though perhaps no category shows it alone?"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from monitoring.windows import WindowSet

Floats = npt.NDArray[np.float64]

POOL_ITEMS: Final = 5.0  # Cochran's rule: Pearson's X2 wants at least 5 expected items a cell
_TINY: Final = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Mix:
    """A mix that is also tested as a whole.

    Attributes
    ----------
    start, stop : int
        Its columns, `stop` exclusive; at least three.
    budget : float
        Its share of the false-alarm budget, in (0, 1).
    """

    start: int
    stop: int
    budget: float


def whole_mix_evidence(windows: WindowSet, reference: npt.NDArray[np.int64]) -> Floats:
    """Return -ln p + ln L of the mix as a whole per window: Pearson's X2, rarest categories pooled.

    Categories are pooled, rarest first, until a group's effective count reaches 5; X2 is turned into a normal
    score by Wilson and Hilferty (1931).

    Returns
    -------
    float64 array of shape (n_windows,)
        In nats; 0 where fewer than two groups are left.
    """
    m = float(reference.sum())
    n = windows.items[:, None].astype(np.float64)
    share = (windows.counts + reference) / (n + m)
    order = np.argsort(share, axis=1, kind="stable")
    groups = _pooled(np.take_along_axis(share * n * m / (n + m), order, axis=1))
    a = _sum_by_group(np.take_along_axis(windows.counts, order, axis=1), groups)
    r = _sum_by_group(np.take_along_axis(np.broadcast_to(reference, share.shape), order, axis=1), groups)
    x2 = ((a * m - r * n) ** 2 / np.maximum(n * m * (a + r), _TINY)).sum(axis=1)
    df = groups[:, -1].astype(np.float64)
    spread = 2.0 / (9.0 * np.maximum(df, 1.0))
    z = (np.cbrt(x2 / np.maximum(df, 1.0)) - (1.0 - spread)) / np.sqrt(spread)
    return np.where(df > 0, np.log(windows.lengths) - log_ndtr(-z), 0.0)


def _pooled(effective: Floats) -> npt.NDArray[np.int64]:
    """Return group numbers along axis 1; what is left over at the end joins the last full group."""
    groups = np.zeros(effective.shape, dtype=np.int64)
    group = np.zeros(len(effective), dtype=np.int64)
    held = np.zeros(len(effective))
    for column in range(effective.shape[1]):
        groups[:, column] = group
        held += effective[:, column]
        full = held >= POOL_ITEMS
        group += full
        held[full] = 0.0
    return np.minimum(groups, np.maximum(group - 1, 0)[:, None])


def _sum_by_group(values: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]) -> Floats:
    sums = np.zeros(values.shape)
    np.add.at(sums, (np.arange(len(values))[:, None], groups), values)
    return sums
