"""What is "no drift": live traffic is collected into a provisional baseline, which is then frozen.

A labelled file is enriched for rare classes, so live traffic differs from a bundle's validation data on day
one. That is no drift: it is reported as a mismatch, and only a frozen baseline of live traffic can raise an
alarm.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt

from monitoring.errors import BaselineRefused
from monitoring.scan import class_evidence, class_weights
from monitoring.windows import Counts, WindowSet, as_counts

BaselineKind = Literal["provisional", "frozen"]

AUTOMATIC: Final = "automatic"
MINIMUM_ITEMS: Final = 500  # the smallest reference for which the false-alarm rate was measured
MISMATCH_ERROR_RATE: Final = 0.01  # of naming any category although nothing differs


@dataclass(frozen=True, slots=True, eq=False)
class Baseline:
    """Counts of live traffic that later traffic is compared with.

    Attributes
    ----------
    counts : int64 array of shape (n_categories,)
    items, buckets : int
        Their sum, and the buckets with items they came from.
    start, end : float
        UTC seconds of the first and the last bucket's bounds.
    frozen_at, by, why
        Who froze it when and for what reason; None and empty while it is provisional.
    """

    counts: Counts
    items: int
    buckets: int
    start: float
    end: float
    kind: BaselineKind
    frozen_at: float | None = None
    by: str = ""
    why: str = ""

    def frozen(self, *, at: float, by: str, why: str) -> "Baseline":
        """Return this baseline frozen."""
        return replace(self, kind="frozen", frozen_at=at, by=by, why=why)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        return {name: getattr(self, name) for name in self.__slots__} | {"counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        counts = as_counts(snapshot["counts"], len(snapshot["counts"]))
        return cls(**{**snapshot, "counts": counts})


class BaselineCollector:
    """Adds up live traffic until it may be frozen: `items` and `seconds` have both been reached.

    Enough items alone would freeze one busy hour of a service whose nights look different.
    """

    __slots__ = ("_buckets", "_counts", "_end", "_start", "items", "seconds")

    def __init__(self, n_categories: int, *, items: int, seconds: float) -> None:
        self.items = items
        self.seconds = seconds
        self._counts = np.zeros(n_categories, dtype=np.int64)
        self._buckets = 0
        self._start = math.inf
        self._end = -math.inf

    def add(self, counts: npt.ArrayLike, *, start: float, end: float) -> None:
        """Add one closed bucket; one without items changes nothing."""
        row = as_counts(counts, len(self._counts))
        if not row.any():
            return
        self._counts = self._counts + row
        self._buckets += 1
        self._start = min(self._start, start)
        self._end = max(self._end, end)

    @property
    def complete(self) -> bool:
        """Both conditions are met."""
        return int(self._counts.sum()) >= self.items and self._end - self._start >= self.seconds

    @property
    def rule(self) -> str:
        """The condition in words."""
        return f"{self.items} items and {self.seconds:g} seconds of traffic were reached"

    @property
    def baseline(self) -> Baseline | None:
        """What was collected so far, provisional; None before the first item."""
        if not self._buckets:
            return None
        return Baseline(
            counts=self._counts,
            items=int(self._counts.sum()),
            buckets=self._buckets,
            start=self._start,
            end=self._end,
            kind="provisional",
        )

    def restore(self, baseline: Baseline) -> None:
        """Continue from a provisional baseline."""
        self._counts = baseline.counts
        self._buckets = baseline.buckets
        self._start, self._end = baseline.start, baseline.end


def recent(windows: WindowSet, *, items: int, since: float | None, end: float) -> Baseline | None:
    """Return the newest `items` items as a provisional baseline, None without any; all there are if fewer.

    Parameters
    ----------
    since : float, optional
        UTC seconds; given, the baseline is what came from then on instead, whatever its size.
    end : float
        UTC seconds at which the newest bucket with items ended.
    """
    if not len(windows.items):
        return None
    if since is None:
        i = int(np.searchsorted(windows.items, items))
    else:
        i = int((windows.starts >= since).sum()) - 1
    i = min(max(i, 0), len(windows.items) - 1)
    return Baseline(
        counts=windows.counts[i],
        items=int(windows.items[i]),
        buckets=int(windows.lengths[i]),
        start=float(windows.starts[i]),
        end=end,
        kind="provisional",
    )


def freezable(baseline: Baseline | None, *, force: bool) -> Baseline:
    """Return `baseline`, or raise BaselineRefused when it is too small to compare anything with.

    `force` admits any baseline with at least one item.
    """
    items = 0 if baseline is None else baseline.items
    if baseline is None or (items < MINIMUM_ITEMS and not force):
        least = 1 if force else MINIMUM_ITEMS
        raise BaselineRefused(
            f"it would hold {items} items and needs at least {least}; wait for more traffic"
        )
    return baseline


@dataclass(frozen=True, slots=True)
class Mismatch:
    """A category whose live share is not what validation data had.

    Attributes
    ----------
    live, validation : float
        Shares in [0, 1].
    evidence : float
        -ln p of the difference, less the category's share of the error budget, in nats.
    """

    category: str
    live: float
    validation: float
    evidence: float

    def __str__(self) -> str:
        direction = "more" if self.live > self.validation else "less"
        return (
            f"{self.category} is {direction} frequent in live traffic ({self.live:.2%}) "
            f"than in the validation data ({self.validation:.2%})"
        )


def validation_mismatch(
    categories: Sequence[str],
    live: npt.NDArray[np.int64],
    validation: npt.NDArray[np.int64],
    *,
    tolerance: float = 0.0,
    tolerance_abs: float = 0.0,
) -> tuple[Mismatch, ...]:
    """Compare live counts with a bundle's validation counts, once; most certain difference first.

    A report for people, never an alarm: labelled data are seldom a random sample of traffic. If nothing
    differs, a category is named with a probability of at most 1 %.

    Parameters
    ----------
    categories : sequence of length n_categories
    live, validation : int64 array of shape (n_categories,)
        Both counted under the same policy.
    """
    n, m = int(live.sum()), int(validation.sum())
    if n == 0 or m == 0:
        return ()
    weights = class_weights(validation)
    tested = np.flatnonzero(weights.any(axis=0))
    evidence, _ = class_evidence(
        live[tested].astype(np.float64),
        np.array([float(n)]),
        validation[tested].astype(np.float64),
        float(m),
        lengths=np.array([1]),
        log_weights=np.log(weights[:, tested]),
        tolerance=tolerance,
        tolerance_abs=tolerance_abs,
    )
    found = [
        Mismatch(categories[k], int(live[k]) / n, int(validation[k]) / m, float(e))
        for k, e in zip(tested.tolist(), evidence, strict=True)
        if e >= -math.log(MISMATCH_ERROR_RATE)
    ]
    return tuple(sorted(found, key=lambda m: (-m.evidence, m.category)))
