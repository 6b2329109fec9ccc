"""Is this bucket a burst: one item over and over, for a moment?

A hundred copies of one item are no change of the world, and one bucket of them could raise an alarm. A bucket
that would do so alone, with many times a column's usual odds, is set aside, and its neighbours with it, which
hold the burst's ends. A run of such buckets that lasts longer than bursts do is no burst: all of it counts
then. Nor are runs that follow each other more closely than bursts do: a change of which only every second
bucket is impossible would else be hidden for good. Traffic that never bursts pays nothing, and a change too
large to miss is noticed a few buckets later.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from monitoring.scanning.bulk import bulk_chain, by_span, shares_of, surprise, surprise_bound
from monitoring.scanning.spans import Floats, Span
from monitoring.scanning.windows import Counts, Waves, Windows

BURST_ITEMS: Final = 100  # a burst of so many items is borne without one having been seen in the baseline
MOST_BUCKETS: Final = 64  # the longest run that can be a burst, whatever the baseline holds
LEAST_ROWS: Final = 32  # of a baseline, to tell bursts from what is usual
MOST_ASIDE: Final = 0.1  # of a baseline's rows; bursts that are more frequent are what is usual
# Of the odds: three times a share of 4 % must not pay, and half a bucket of a class of 16 % must be seen.
_ODDS, _ODDS_COMMON, _HIGH_SHARE = 8.0, 4.0, 0.4
# Runs that may begin within so many times the limit. Bursts of 100 items in 10,000 exceeded one in none of
# 400 runs of 100,000 items; with 3 and 8, in 4. Where every second bucket is hit, the fifth run is let in.
CROWDED: Final = ((8, 4), (64, 10))
# A bucket that nearly alarms by itself, as the end of a burst does, needs little beside it: without slack,
# bursts of any class alarmed in 17 of 60 runs on two classes, with it in 4. A baseline's rows get none: set
# aside more freely they hide the clumps of Pareto copies, which then alarmed in 9 of 60 runs instead of 5.
_SLACK: Final = 3.0
_ROUNDS: Final = 2  # bursts distort the shares that they are told by
_DIGITS: Final = 6


@dataclass(frozen=True, eq=False)
class Bursts:
    """By what a burst is told.

    Attributes
    ----------
    shares, inflation : float64 arrays of shape (n_columns,)
        Of the baseline without its bursts: share, and variance over that of independent items in one row.
    bar : float
        Evidence, in nats, from which a bucket is impossible by itself.
    limit : int
        Buckets in a row that may be a burst; 0 sets nothing aside.
    most : tuple of int
        How many runs may begin within each stretch of `CROWDED`.
    """

    shares: Floats
    inflation: Floats
    bar: float
    limit: int
    most: tuple[int, ...] = tuple(runs for _, runs in CROWDED)

    def hit(self, counts: npt.ArrayLike, items: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Return per row of shape (n_rows, n_columns) whether it is impossible by itself."""
        a, n = np.asarray(counts, dtype=np.float64), np.asarray(items, dtype=np.float64)
        lower, upper = self._bounds
        rows, columns = np.nonzero(((a >= upper * n) | (a <= lower * n)) & (n > 0.0))
        width, found = len(self.shares), np.zeros(len(a), dtype=np.bool_)
        bound = surprise_bound(a[rows, columns], n[rows, columns], self.shares[columns], n_columns=width)
        rows, columns = rows[bound >= self.bar], columns[bound >= self.bar]
        if len(rows):
            a, n, shares = a[rows, columns], n[rows, columns], self.shares[columns]
            nats = surprise(a, n, shares, inflation=self.inflation[columns], n_columns=width)
            found[rows[nats >= self.bar]] = True
        return found

    @cached_property
    def _bounds(self) -> tuple[Floats, Floats]:
        """Shares of a bucket at which a column, or its complement, is at many times its usual odds."""
        return 1.0 - _high(1.0 - self.shares), _high(self.shares)

    def among(self, counts: npt.NDArray[np.int64], items: npt.NDArray[np.int64]) -> "Bursts":
        """Return the same for a baseline of other counts, of shape (n_columns,), of so many items."""
        return replace(self, shares=_rounded(shares_of(counts[None], items[None])))

    def crowded(self, starts: Sequence[int]) -> bool:
        """Return whether runs that began so many buckets ago are more than bursts are."""
        return any(
            sum(ago < stretch * self.limit for ago in starts) > most
            for (stretch, _), most in zip(CROWDED, self.most, strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        arrays = {"shares": self.shares.tolist(), "inflation": self.inflation.tolist()}
        return asdict(self) | arrays | {"most": list(self.most)}

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        arrays = {name: np.array(snapshot[name], dtype=np.float64) for name in ("shares", "inflation")}
        most = {"most": tuple(snapshot["most"])} if "most" in snapshot else {}
        return cls(**{**snapshot, **arrays, **most})


def find_bursts(
    counts: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    spans: Sequence[Span],
    *,
    threshold: float,
    unit: int = 1,
) -> tuple[Bursts, npt.NDArray[np.bool_]]:
    """Return by what bursts are told, and which rows of the baseline to set aside.

    Parameters
    ----------
    counts, items : int64 arrays of shape (n_rows, n_columns)
        Tested counts of successive rows, oldest first, and of how many items.
    threshold : float
        Of the scan's statistic: what reaches it alone is impossible.
    unit : int
        Buckets a row.
    """
    aside = np.zeros(len(counts), dtype=np.bool_)
    width = counts.shape[1]
    if len(counts) < LEAST_ROWS:
        return Bursts(np.full(width, 0.5), np.ones(width), threshold, 0), aside
    for _ in range(_ROUNDS):
        bursts = _model(counts, items, spans, aside, threshold=threshold)
        aside = bursts.hit(counts, items)
    if aside.mean() > MOST_ASIDE:
        return bursts, np.zeros_like(aside)
    bucket_items = float(items.max(axis=1).mean()) / unit
    usual = math.ceil(BURST_ITEMS / max(bucket_items, 1.0)) + 1
    limit = min(max(usual, 2 * unit * _longest_run(aside) + 1), MOST_BUCKETS)
    most = tuple(max(runs, _most_starts(aside, stretch * limit // unit)) for stretch, runs in CROWDED)
    return replace(bursts, bar=threshold - _SLACK, limit=limit, most=most), _with_neighbours(aside)


class Gate:
    """Lets buckets into the windows, except bursts.

    Attributes
    ----------
    aside : int
        Buckets set aside so far.
    """

    __slots__ = ("_held", "_run", "_starts", "aside", "bursts")

    def __init__(self, bursts: Bursts) -> None:
        self.bursts = bursts
        self.aside = 0
        self._run = 0
        self._held: list[_Row] = []
        self._starts: list[int] = []  # buckets since each of the newest runs began

    def enter(
        self,
        windows: Windows,
        row: Counts,
        *,
        tested: tuple[Counts, Counts],
        start: float,
        waves: Waves | None = None,
    ) -> bool:
        """Add a bucket to the windows, or set it aside; return whether it was added.

        Parameters
        ----------
        row : int64 array of shape (width,)
            Raw row, with items.
        tested : two int64 arrays of shape (n_columns,)
            Its tested counts, of how many items.
        """
        here = _Row(row, start, waves)
        oldest = CROWDED[-1][0] * self.bursts.limit
        self._starts = [ago + 1 for ago in self._starts if ago + 1 < oldest]
        if self.bursts.limit and self.bursts.hit(tested[0][None], tested[1][None])[0]:
            return self._in_run(windows, here)
        was_burst = 0 < self._run <= self.bursts.limit
        self._run, self._held = 0, []
        if was_burst:
            self.aside += 1
            return False
        here.enter(windows)
        return True

    def restart(self) -> None:
        """Forget all runs: the windows start anew."""
        self._run, self._held, self._starts = 0, [], []

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able snapshot; `restore` takes it in again."""
        held = [each.to_json() for each in self._held]
        return {"aside": self.aside, "run": self._run, "held": held, "starts": self._starts}

    def restore(self, snapshot: Mapping[str, Any]) -> None:
        """Continue from what `to_json` returned."""
        self.aside, self._run = snapshot["aside"], snapshot["run"]
        self._held = [_Row.from_json(each) for each in snapshot["held"]]
        self._starts = list(snapshot.get("starts", ()))

    def _in_run(self, windows: Windows, here: "_Row") -> bool:
        self._run += 1
        if self._run == 1:
            self._starts = [*self._starts[-max(self.bursts.most) :], 0]
            if self.bursts.crowded(self._starts):
                self._run = self.bursts.limit + 1  # no burst, nor is what follows in this run
        if self._run == 1:
            before = windows.drop_newest()
            self._held = [] if before is None else [_Row(*before)]
        if self._run <= self.bursts.limit:
            self._held.append(here)
            self.aside += 1
            return False
        for each in (*self._held, here):
            each.enter(windows)
        self._held = []
        return True


@dataclass(frozen=True, slots=True, eq=False)
class _Row:
    row: Counts
    start: float
    waves: Waves | None

    def enter(self, windows: Windows) -> None:
        windows.add(self.row, start=self.start, waves=self.waves)

    def to_json(self) -> dict[str, Any]:
        at = np.flatnonzero(self.row)
        waves = None if self.waves is None else self.waves.tolist()
        return {"width": len(self.row), "at": at.tolist(), "counts": self.row[at].tolist()} | {
            "start": self.start,
            "waves": waves,
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> "_Row":
        row = np.zeros(snapshot["width"], dtype=np.int64)
        row[snapshot["at"]] = snapshot["counts"]
        waves = None if snapshot["waves"] is None else np.array(snapshot["waves"], dtype=np.float64)
        return cls(row, snapshot["start"], waves)


def _high(shares: Floats) -> Floats:
    """Return the share of a bucket from which a column is at many times its usual odds."""
    odds = shares / (1.0 - shares)
    many, some = _ODDS * odds, _ODDS_COMMON * odds
    found: Floats = np.maximum(np.minimum(many / (1.0 + many), _HIGH_SHARE), some / (1.0 + some))
    return found


def _model(
    counts: npt.NDArray[np.int64],
    items: npt.NDArray[np.int64],
    spans: Sequence[Span],
    aside: npt.NDArray[np.bool_],
    *,
    threshold: float,
) -> Bursts:
    """Return what the rows that are not set aside say."""
    a, n = counts[~aside], items[~aside]
    shares = shares_of(a, n)
    lengths = [1 << s for s in range((len(a) // 16).bit_length())]
    first = [
        bulk_chain(a[:, span.columns], n[:, span.columns], shares[span.columns], lengths)[0] for span in spans
    ]
    return Bursts(_rounded(shares), by_span(spans, first), threshold, 1)


def _rounded(shares: Floats) -> Floats:
    return np.array([float(f"{share:.{_DIGITS}g}") for share in shares])


def _longest_run(found: npt.NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], found, [False]]).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _most_starts(found: npt.NDArray[np.bool_], rows: int) -> int:
    """Return how many runs begin within so many rows at most."""
    starts = np.flatnonzero(np.diff(np.concatenate([[False], found]).astype(np.int8)) == 1)
    within = np.searchsorted(starts, starts + max(rows, 1)) - np.arange(len(starts))
    return int(within.max(initial=0))


def _with_neighbours(found: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    wide = found.copy()
    wide[1:] |= found[:-1]
    wide[:-1] |= found[1:]
    return wide
