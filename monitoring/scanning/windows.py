"""Which windows of recent traffic are there to test: an exponential histogram of closed buckets.

Recent buckets are kept one by one, older ones merged into entries of 2, 4, 8, ... buckets, at most `cap`
entries of each length. The newest i entries together are a window, so windows of every age are at hand in
O(width log n_buckets) memory, with exact integer counts (Bifet and Gavalda 2007 use the same structure).
Beside the counts a row may carry waves: sums that are not counts, which a seasonal comparison needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.policy import NO_CLASS, NO_CLASS_PASSES

Counts: TypeAlias = npt.NDArray[np.int64]  # (width,) items per category, never negative
Waves: TypeAlias = npt.NDArray[np.float64]  # (n_waves,) sums of items times the waves of a season

DEFAULT_CAP: Final = 8


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
    """Windows that end now, shortest first, each within the next.

    Attributes
    ----------
    lengths : int64 array of shape (n_windows,)
        Buckets with items in the window.
    counts : int64 array of shape (n_windows, width)
    starts : float64 array of shape (n_windows,)
        Earliest time in the window, UTC seconds.
    waves : float64 array of shape (n_windows, n_waves), optional
    """

    lengths: npt.NDArray[np.int64]
    counts: npt.NDArray[np.int64]
    starts: npt.NDArray[np.float64]
    waves: Waves | None = None


class Windows:
    """An exponential histogram of buckets; buckets without items are not kept.

    A window's length counts buckets that had items: silence is no evidence, neither for a change nor against.

    Parameters
    ----------
    width : int
        Length of a row.
    cap : int
        Most entries of one length, at least 2; 8 keeps windows of every age within a factor of about 1.15.
    max_buckets : int, optional
        The oldest entries are dropped while more buckets than this are held.
    n_waves : int
        Length of the waves beside each row.
    """

    __slots__ = (
        "_lengths",
        "_per_level",
        "_size",
        "_starts",
        "_sums",
        "_waves",
        "cap",
        "max_buckets",
        "n_waves",
        "width",
    )

    def __init__(
        self, width: int, *, cap: int = DEFAULT_CAP, max_buckets: int | None = None, n_waves: int = 0
    ) -> None:
        if width < 1 or cap < 2 or (max_buckets is not None and max_buckets < 1):
            raise ValueError(
                f"windows of width {width}, cap {cap}, max_buckets {max_buckets}: "
                "at least 1 category, cap 2 and 1 bucket are needed"
            )
        self.width = width
        self.n_waves = n_waves
        self.cap = cap
        self.max_buckets = max_buckets
        # Per entry, oldest first, the counts from it to the newest: what every scan asks for. _size in use.
        self._sums = np.zeros((16, width), dtype=np.int64)
        self._waves = np.zeros((16, n_waves))  # of each entry alone: sums of floats could not be undone
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
        """Sum of everything held: the items, where a row is one mix."""
        return int(self._sums[0].sum()) if self._size else 0

    def add(self, counts: npt.ArrayLike, *, start: float, waves: Waves | None = None) -> None:
        """Add one closed bucket; one without items changes nothing.

        Parameters
        ----------
        counts : int array of shape (width,)
        start : float
            Beginning of the bucket in UTC seconds; need not be later than that of earlier buckets.
        waves : float64 array of shape (n_waves,)
            Left out where there are none.

        Raises
        ------
        ValueError
            The shape is another one or a count is negative.
        """
        row = as_counts(counts, self.width)
        if not row.any():
            return
        self._append(row, start, waves=waves)
        self._merge()
        self._drop_oldest()

    def drop_newest(self) -> tuple[Counts, float, Waves | None] | None:
        """Take back the bucket added last and return what `add` was given; None when there is none."""
        if not self._size:
            return None
        self._size -= 1
        self._lengths.pop()
        self._per_level[0] -= 1
        waves = self._waves[self._size].copy() if self.n_waves else None
        row = self._sums[self._size].copy()
        self._sums[: self._size] -= row
        return row, self._starts.pop(), waves

    def limit(self, max_buckets: int | None) -> None:
        """Hold at most so many buckets from now on; the oldest entries beyond it go at once."""
        self.max_buckets = max_buckets
        self._drop_oldest()

    def suffixes(self, *, step: int = 1) -> WindowSet:
        """Return all windows that end with the newest bucket, or every `step`-th; none before the first.

        The shortest and the longest are among them.
        """
        held = self._size
        return self._ending_now(np.minimum(np.arange(0, held and held + step - 1, step), held - 1))

    def longest(self) -> WindowSet:
        """Return the window of everything that is held, alone; at least one bucket is."""
        return self._ending_now(np.array([self._size - 1]))

    def empty(self) -> "Windows":
        """Return windows of the same kind that hold nothing."""
        return Windows(self.width, cap=self.cap, max_buckets=self.max_buckets, n_waves=self.n_waves)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `from_json` restores it exactly."""
        rows = -np.diff(self._sums[: self._size], axis=0, append=0)
        held = (rows.tolist(), self._waves[: self._size].tolist())
        entries = zip(self._lengths, self._starts, *held, strict=True)
        return {
            "width": self.width,
            "n_waves": self.n_waves,
            "cap": self.cap,
            "max_buckets": self.max_buckets,
            "entries": [{"length": n, "start": at, "counts": row, "waves": w} for n, at, row, w in entries],
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        windows = cls(
            snapshot["width"],
            cap=snapshot["cap"],
            max_buckets=snapshot["max_buckets"],
            n_waves=snapshot["n_waves"],
        )
        if snapshot["entries"]:
            windows._hold(snapshot["entries"])
        return windows

    def _hold(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Take over what `to_json` said of the entries, at least one."""
        n = len(entries)
        counts = np.array([entry["counts"] for entry in entries]).reshape(-1)
        rows = as_counts(counts, n * self.width).reshape(n, self.width)
        self._sums = rows[::-1].cumsum(axis=0)[::-1].copy()
        self._waves = np.array([entry["waves"] for entry in entries], dtype=np.float64)
        self._lengths = [entry["length"] for entry in entries]
        self._starts = [entry["start"] for entry in entries]
        self._per_level = np.bincount([length.bit_length() - 1 for length in self._lengths]).tolist()
        self._size = n

    def _ending_now(self, oldest: npt.NDArray[np.intp]) -> WindowSet:
        """Return windows by their oldest entry, the newest of all being 0."""
        waves = np.cumsum(self._waves[: self._size][::-1], axis=0)[oldest] if self.n_waves else None
        return WindowSet(
            lengths=np.array(self._lengths[::-1], dtype=np.int64).cumsum()[oldest],
            counts=self._sums[self._size - 1 - oldest],
            starts=np.minimum.accumulate(np.array(self._starts[::-1], dtype=np.float64))[oldest],
            waves=waves,
        )

    def _append(self, row: Counts, start: float, *, waves: Waves | None = None) -> None:
        if self._size == len(self._sums):
            self._sums = np.concatenate([self._sums, np.zeros_like(self._sums)])
            self._waves = np.concatenate([self._waves, np.zeros_like(self._waves)])
        self._sums[: self._size] += row
        self._sums[self._size] = row
        self._waves[self._size] = 0.0 if waves is None else waves
        self._size += 1
        self._lengths.append(1)
        self._starts.append(start)
        self._per_level = self._per_level or [0]
        self._per_level[0] += 1

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
        self._waves[older] += self._waves[newer]
        for held in (self._sums, self._waves):
            held[newer : self._size - 1] = held[newer + 1 : self._size]
        self._size -= 1
        self._lengths[older] += self._lengths.pop(newer)
        self._starts[older] = min(self._starts[older], self._starts.pop(newer))

    def _drop_oldest(self) -> None:
        while self.max_buckets is not None and self.buckets > self.max_buckets:
            level = self._lengths.pop(0).bit_length() - 1
            self._starts.pop(0)
            self._per_level[level] -= 1
            for held in (self._sums, self._waves):
                held[: self._size - 1] = held[1 : self._size]
            self._size -= 1


def as_counts(counts: npt.ArrayLike, width: int) -> Counts:
    """Return `counts` as int64; ValueError for another shape, non-integers or a negative count."""
    array = np.asarray(counts)
    if array.shape != (width,):
        raise ValueError(f"counts of shape {array.shape}: expected ({width},), one per category")
    if array.dtype.kind not in "iu":
        raise ValueError(f"counts of type {array.dtype}: expected integers")
    if (array < 0).any():
        raise ValueError(f"counts with a negative entry {int(array.min())}: expected 0 or more")
    return array.astype(np.int64, copy=False)
