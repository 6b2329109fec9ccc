"""Which windows of recent traffic are there to test: an exponential histogram of closed buckets.

Recent buckets are kept one by one, older ones merged into entries of 2, 4, 8, ... buckets, at most `cap`
entries of each length. The newest i entries together are a window, so windows of every age are at hand in
O(n_categories log n_buckets) memory, with exact integer counts (Bifet and Gavalda 2007 use the same
structure).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.policy import NO_CLASS, NO_CLASS_PASSES

Counts: TypeAlias = npt.NDArray[np.int64]  # (n_categories,) items per category, never negative

DEFAULT_CAP: Final = 4


def drift_categories(classes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the categories whose shares are watched: the classes in order, then `no_class_passes`."""
    return (*classes, NO_CLASS)


def category_counts(counts: npt.NDArray[np.int64]) -> Counts:
    """Return items per drift category from items per most probable class and decision.

    Parameters
    ----------
    counts : int64 array of shape (n_classes, n_decisions)
        Columns in the order of `model_store.policy.DECISIONS`.

    Returns
    -------
    int64 array of shape (n_classes + 1,)
        Items per most probable class, then all items of which no class passes.

    Examples
    --------
    >>> category_counts(np.array([[5, 1, 2, 0], [3, 0, 4, 1]])).tolist()
    [6, 4, 6]
    """
    nowhere = counts[:, NO_CLASS_PASSES]
    return np.append(counts.sum(axis=1) - nowhere, nowhere.sum()).astype(np.int64, copy=False)


@dataclass(frozen=True, slots=True, eq=False)
class WindowSet:
    """Every window that ends now, shortest first; window i holds the newest i + 1 entries.

    Attributes
    ----------
    lengths : int64 array of shape (n_windows,)
        Buckets with items in the window.
    items : int64 array of shape (n_windows,)
    counts : int64 array of shape (n_windows, n_categories)
    starts : float64 array of shape (n_windows,)
        Earliest time in the window, UTC seconds.
    """

    lengths: npt.NDArray[np.int64]
    items: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    starts: npt.NDArray[np.float64]


class Windows:
    """An exponential histogram of buckets; buckets without items are not kept.

    A window's length counts buckets that had items: silence is no evidence, neither for a change nor against.

    Parameters
    ----------
    n_categories : int
    cap : int
        Most entries of one length, at least 2; 4 keeps windows of every age within a factor of about 1.3.
    max_buckets : int, optional
        The oldest entries are dropped while more buckets than this are held.
    """

    __slots__ = (
        "_counts",
        "_lengths",
        "_per_level",
        "_size",
        "_starts",
        "cap",
        "max_buckets",
        "n_categories",
    )

    def __init__(self, n_categories: int, *, cap: int = DEFAULT_CAP, max_buckets: int | None = None) -> None:
        if n_categories < 1 or cap < 2 or (max_buckets is not None and max_buckets < 1):
            raise ValueError(
                f"windows of {n_categories} categories, cap {cap}, max_buckets {max_buckets}: "
                "at least 1 category, cap 2 and 1 bucket are needed"
            )
        self.n_categories = n_categories
        self.cap = cap
        self.max_buckets = max_buckets
        self._counts = np.zeros((16, n_categories), dtype=np.int64)  # rows oldest first, _size in use
        self._lengths: list[int] = []
        self._starts: list[float] = []
        self._per_level: list[int] = []  # entries of length 2**level
        self._size = 0

    @property
    def buckets(self) -> int:
        """Buckets with items that are held."""
        return sum(self._lengths)

    @property
    def items(self) -> int:
        """Items held."""
        return int(self._counts[: self._size].sum())

    def add(self, counts: npt.ArrayLike, *, start: float) -> None:
        """Add one closed bucket; one without items changes nothing.

        Parameters
        ----------
        counts : int array of shape (n_categories,)
        start : float
            Beginning of the bucket in UTC seconds; need not be later than that of earlier buckets.

        Raises
        ------
        ValueError
            The shape is another one or a count is negative.
        """
        row = as_counts(counts, self.n_categories)
        if not row.any():
            return
        self._append(row, start)
        self._merge()
        self._drop_oldest()

    def limit(self, max_buckets: int | None) -> None:
        """Hold at most so many buckets from now on; the oldest entries beyond it go at once."""
        self.max_buckets = max_buckets
        self._drop_oldest()

    def suffixes(self) -> WindowSet:
        """Return all windows that end with the newest bucket; empty arrays before the first bucket."""
        counts = np.cumsum(self._counts[: self._size][::-1], axis=0)
        return WindowSet(
            lengths=np.cumsum(np.array(self._lengths[::-1], dtype=np.int64)),
            items=counts.sum(axis=1),
            counts=counts,
            starts=np.minimum.accumulate(np.array(self._starts[::-1], dtype=np.float64)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly."""
        rows = self._counts[: self._size].tolist()
        entries = zip(self._lengths, self._starts, rows, strict=True)
        return {
            "n_categories": self.n_categories,
            "cap": self.cap,
            "max_buckets": self.max_buckets,
            "entries": [{"length": n, "start": start, "counts": row} for n, start, row in entries],
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        windows = cls(snapshot["n_categories"], cap=snapshot["cap"], max_buckets=snapshot["max_buckets"])
        for entry in snapshot["entries"]:
            level = int(entry["length"]).bit_length() - 1
            windows._append(as_counts(entry["counts"], windows.n_categories), entry["start"], level=level)
        return windows

    def _append(self, row: Counts, start: float, *, level: int = 0) -> None:
        if self._size == len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros_like(self._counts)])
        self._counts[self._size] = row
        self._size += 1
        self._lengths.append(1 << level)
        self._starts.append(start)
        self._per_level.extend([0] * (level + 1 - len(self._per_level)))
        self._per_level[level] += 1

    def _merge(self) -> None:
        level, newer = 0, 0
        while self._per_level[level] > self.cap:
            oldest = self._size - newer - self._per_level[level]
            self._merge_pair(oldest)
            self._per_level[level] -= 2
            newer += self._per_level[level]
            level += 1
            self._per_level.extend([0] * (level + 1 - len(self._per_level)))
            self._per_level[level] += 1

    def _merge_pair(self, older: int) -> None:
        newer = older + 1
        self._counts[older] += self._counts[newer]
        self._counts[newer : self._size - 1] = self._counts[newer + 1 : self._size]
        self._size -= 1
        self._lengths[older] += self._lengths.pop(newer)
        self._starts[older] = min(self._starts[older], self._starts.pop(newer))

    def _drop_oldest(self) -> None:
        while self.max_buckets is not None and self.buckets > self.max_buckets:
            level = self._lengths.pop(0).bit_length() - 1
            self._starts.pop(0)
            self._per_level[level] -= 1
            self._counts[: self._size - 1] = self._counts[1 : self._size]
            self._size -= 1


def single_window(counts: Counts) -> WindowSet:
    """Return `counts` as the only window, one bucket long: a comparison made once, without a search."""
    return WindowSet(
        lengths=np.ones(1, dtype=np.int64),
        items=counts.sum(keepdims=True),
        counts=counts[None],
        starts=np.zeros(1),
    )


def as_counts(counts: npt.ArrayLike, n_categories: int) -> Counts:
    """Return `counts` as int64; ValueError for another shape, non-integers or a negative count."""
    array = np.asarray(counts)
    if array.shape != (n_categories,):
        raise ValueError(f"counts of shape {array.shape}: expected ({n_categories},), one per category")
    if array.dtype.kind not in "iu":
        raise ValueError(f"counts of type {array.dtype}: expected integers")
    if (array < 0).any():
        raise ValueError(f"counts with a negative entry {int(array.min())}: expected 0 or more")
    return array.astype(np.int64, copy=False)
