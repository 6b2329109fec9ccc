"""Has the mix of categories moved, and in which window: a multiscale two-sample scan of counts.

Every window that ends now is compared with the reference, class by class, by the tail of Fisher's exact
test. A window of L buckets has about N / L independent places in N buckets, so a p-value there is worth
-ln p + ln L (Chan and Walther 2013 call it the optimal scan penalty); the class's share of the false-alarm
budget is subtracted in the same currency, nats. The largest such evidence is the statistic. The threshold is
a formula: nothing is simulated or tuned, and the reference's size is part of the test.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.scanning.evidence import Yardstick
from monitoring.scanning.search import Search
from monitoring.scanning.spans import Floats

THRESHOLD_CONSTANT: Final = 9.0
# It allows for variance that is estimated, and for bursts of common items, which are too usual to be set
# aside and make rare ones fall. Where the baseline varied as independent items do, a class rises by neither:
# so much less is asked of its rises, as if the constant were 5.5 (docs/decisions/0020).
RELIEF_OF_RISES: Final = math.log(THRESHOLD_CONSTANT / 5.5)


@dataclass(frozen=True, slots=True, eq=False)
class ScanResult:
    """What one scan found; evidence in nats, 0 where there is none.

    Attributes
    ----------
    statistic : float
        Largest evidence over windows, columns and mixes.
    window : int
        Index of the window in which it was found.
    of_columns : float
        Largest evidence over windows and columns alone.
    by_column : callable
        Returns `evidence` and `rises`, which cost as much as the rest: asked when somebody wants to know.
    closely : callable
        Returns each column's evidence in a window, and whether it is a rise: asked when a drift is named.
    mix : int or None
        Index of the mix whose test as a whole gave `statistic`; None when a column did.
    """

    statistic: float
    window: int
    of_columns: float
    by_column: Callable[[], tuple[Floats, npt.NDArray[np.bool_]]]
    closely: Callable[[int], tuple[Floats, npt.NDArray[np.bool_]]]
    mix: int | None = None

    @property
    def evidence(self) -> Floats:
        """Each column's largest evidence over all windows, shape (n_columns,)."""
        return self.by_column()[0]

    @property
    def rises(self) -> npt.NDArray[np.bool_]:
        """Direction in the window of that largest evidence, shape (n_columns,)."""
        return self.by_column()[1]

    @property
    def strongest(self) -> Floats:
        """Each column's evidence in the window `window`, shape (n_columns,)."""
        return self.closely(self.window)[0]

    @property
    def strongest_rises(self) -> npt.NDArray[np.bool_]:
        """Direction in the window `window`, shape (n_columns,)."""
        return self.closely(self.window)[1]


def scan_columns(
    lengths: npt.NDArray[np.int64],
    counts: npt.ArrayLike,
    items: npt.ArrayLike,
    yardstick: Yardstick,
    *,
    guess: float | None = None,
) -> ScanResult:
    """Compare every window with the reference, column by column and every mix as a whole.

    Parameters
    ----------
    lengths : int64 array of shape (n_windows,)
        Buckets in each window, at least one window, shortest first.
    counts : array of shape (n_windows, n_columns)
    items : array of shape (n_windows, n_columns) or (n_windows, 1)
        Items, or exposures where a season was fitted; a cell without items is no evidence.
    yardstick : Yardstick
        What with, and how strictly.
    guess : float, optional
        About what `of_columns` will be, as it was in the last scan: fewer cells are looked at then.
    """
    n = np.asarray(items, dtype=np.float64)
    search = Search(lengths, np.asarray(counts, dtype=np.float64), n, yardstick)
    of_columns, window = search.largest(guess)
    statistic, mix = of_columns, None
    for index in range(len(yardstick.mixes)):
        whole, where = search.largest_whole(index, above=statistic)
        if whole > statistic:
            statistic, window, mix = whole, where, index
    return ScanResult(
        statistic=statistic,
        window=window,
        of_columns=of_columns,
        by_column=lambda: search.by_column,
        closely=search.window,
        mix=mix,
    )


def formula_threshold(n_buckets: float, max_window: float, constant: float = THRESHOLD_CONSTANT) -> float:
    """Return the statistic that independent traffic exceeds at most once in `n_buckets` buckets on average.

    ln N + ln(9 max(log2 min(N, max_window), 1)): one term for the places a window can be, one for the number
    of window lengths. The constant 9 is measured; with 7 up to two more of 100 runs alarmed.

    Examples
    --------
    >>> round(formula_threshold(100_000, 100_000), 2)
    16.52
    """
    if n_buckets < 1 or max_window < 1:
        raise ValueError(f"threshold for {n_buckets} buckets, window {max_window}: both must be at least 1")
    scales = max(math.log2(min(n_buckets, max_window)), 1.0)
    return math.log(n_buckets) + math.log(constant * scales)
