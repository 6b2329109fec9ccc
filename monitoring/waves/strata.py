"""What can be drawn at random: per source and epoch, who is sure to be held, and how many are drawn of each?

Every occurrence has its own uniform priority, and of each epoch the reservoirs hold the smallest ones of each
source. So the smallest few of an epoch are a simple random sample of it, whichever workers saw them; and the
more epochs there are, the more can be drawn.
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, TypeAlias

import numpy as np

from monitoring.waves.columns import Columns

Occurrence: TypeAlias = tuple[str, float]  # key and time of an item that was served
Cell: TypeAlias = tuple[str, int]  # a source, and an epoch
Counts: TypeAlias = Mapping[str, Mapping[int, int]]  # occurrences by source and epoch

# The epoch where nobody counted by epoch: all of the time is one.
ALL_TIME: Final = -1
_UNITS: Final = 2**53


@dataclass(frozen=True, slots=True)
class Stratum:
    """The occurrences of one source in one epoch.

    Parameters
    ----------
    rows : tuple of int
        Those that are sure to be held, by ascending priority: a simple random sample of all.
    occurrences : int
        How many there were.
    before : frozenset of int
        Rows that an earlier batch drew.
    most : int
        How many are sure to be held where there were so many.
    """

    rows: tuple[int, ...]
    occurrences: int
    before: frozenset[int]
    most: int

    @property
    def left(self) -> int:
        """How many were not drawn before."""
        return max(self.occurrences - len(self.before), 0)

    @property
    def able(self) -> int:
        """How many of them may be drawn: by the counts, since the draws may not depend on priorities."""
        return max(min(self.most, self.occurrences) - len(self.before), 0)

    @property
    def limit(self) -> Fraction:
        """The largest share of what is left that may be drawn."""
        return Fraction(self.able, self.left) if self.left else Fraction(0)


@dataclass(frozen=True, slots=True)
class Share:
    """The cells of one share, in order, of which `draws` are drawn with equal chances `draws / left`."""

    cells: tuple[Cell, ...]
    draws: int
    left: int

    @property
    def chance(self) -> float:
        """The inclusion probability of every occurrence that was not drawn before."""
        return self.draws / self.left if self.left else 0.0


def strata_of(
    columns: Columns,
    counts: Counts,
    *,
    most: int,
    before: Collection[Occurrence] = frozenset(),
    carried: Collection[float] = frozenset(),
) -> Mapping[Cell, Stratum]:
    """Return the stratum of every source and epoch with traffic, by source and epoch.

    Parameters
    ----------
    most : int
        How many of the smallest priorities of a source and epoch every reservoir was sure to hold.
    before : collection of (str, float)
        Key and time of occurrences that an earlier batch drew.
    carried : collection of float
        Priorities of such that an item of another batch stands for.
    """
    held = dict(_held(columns, counts, most=most))
    found: dict[Cell, Stratum] = {}
    for source, by_epoch in sorted(counts.items()):
        for epoch, n in sorted(by_epoch.items()):
            rows = held.get((source, epoch), ())
            drawn = frozenset(
                row
                for row in rows
                if (columns.keys[row], float(columns.at[row])) in before
                or float(columns.priorities[row]) in carried
            )
            if n > 0:
                found[source, epoch] = Stratum(rows, n, drawn, most)
    return found


def all_time(counts: Mapping[str, int]) -> Counts:
    """Return occurrences by source as one epoch, for a caller that did not count by epoch.

    Examples
    --------
    >>> all_time({"mail": 120})
    {'mail': {-1: 120}}
    """
    return {source: {ALL_TIME: n} for source, n in counts.items()}


def counts_since(counts: Counts, since: float, *, seconds: float, least: int) -> Counts:
    """Return the counts of the epochs that began at `since` or later, all if those have fewer than `least`.

    An epoch in which traffic moved is a mixture of before and after: a draw of it is a sample of neither.
    """
    after = {
        source: {epoch: n for epoch, n in each.items() if epoch * seconds >= since}
        for source, each in counts.items()
    }
    return after if sum(sum(each.values()) for each in after.values()) >= max(least, 1) else counts


def shares(strata: Mapping[Cell, Stratum], total: int, *, seed: str) -> Sequence[Share]:
    """Share `total` draws so that chances are equal, and a source too small for that has one of its own.

    All sources in one share have one chance. Where not so many are sure to be held there are fewer draws, not
    other chances. An epoch of which earlier batches drew what is held is left out if more can be drawn
    without: there, those draws are the sample. All of it follows from counts, none from priorities.
    """
    by_source: dict[str, list[Cell]] = {}
    for cell, stratum in strata.items():
        if stratum.left:
            by_source.setdefault(cell[0], []).append(cell)
    left = {source: sum(strata[cell].left for cell in cells) for source, cells in by_source.items()}
    alone: list[str] = []
    common = sorted(left)
    while small := [
        source
        for source in common
        if (total - len(alone)) * left[source] < sum(left[each] for each in common)
    ]:
        alone += small
        common = [source for source in common if source not in small]
    asked = [([source], 1) for source in sorted(alone)]
    if common:
        asked.append((common, total - len(alone)))
    return [
        _share(
            [
                cell
                for source in sources
                for cell in sorted(by_source[source], key=lambda one: uniform(seed, *map(str, one)))
            ],
            strata,
            n,
        )
        for sources, n in asked
    ]


def spread(share: Share, strata: Mapping[Cell, Stratum], *, seed: str) -> Mapping[Cell, int]:
    """Return how many are drawn of each cell: its exact part, rounded down or up at random.

    Cells lie side by side on a line, as long as what is left of them; points at equal distances from a random
    start are drawn (random systematic sampling: Hartley and Rao 1962). So each occurrence has the same
    chance, a cell or a run of cells has its part of the draws up to one, and the total is fixed. The start
    comes from the seed, never from a priority.
    """
    found: dict[Cell, int] = {}
    start = int(uniform(seed, "start", *(source for source, _ in share.cells[:1])) * _UNITS)
    end = before = 0
    for cell in share.cells:
        end += strata[cell].left
        # Points are at (start / units + j) * left / draws: all in whole numbers, so nothing is rounded.
        upto = -((start * share.left - share.draws * end * _UNITS) // (share.left * _UNITS))
        found[cell], before = upto - before, upto
    return found


def uniform(*parts: str) -> float:
    """Return a number in [0, 1) that these words determine."""
    digest = hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).digest()
    return (int.from_bytes(digest[:8]) >> 11) / _UNITS


def _share(cells: Sequence[Cell], strata: Mapping[Cell, Stratum], total: int) -> Share:
    """Return the share of the cells of which most can be drawn with equal chances, at most `total`."""
    new = [cell for cell in cells if not strata[cell].before]
    bar = min((strata[cell].limit for cell in new), default=Fraction(1))
    touched = sorted(strata[cell].limit for cell in cells if strata[cell].before)
    best = Share((), 0, 0)
    for limit in [*dict.fromkeys(one for one in touched if one < bar), bar]:
        kept = tuple(cell for cell in cells if not strata[cell].before or strata[cell].limit >= limit)
        left = sum(strata[cell].left for cell in kept)
        draws = min(total, left * limit.numerator // limit.denominator)
        if draws > best.draws:
            best = Share(kept, draws, left)
    return best


def _held(columns: Columns, counts: Counts, *, most: int) -> Iterator[tuple[Cell, tuple[int, ...]]]:
    """Yield the rows of the random slots by source and epoch, the `most` smallest priorities of each."""
    by_source: dict[str, list[int]] = {}
    for row in np.flatnonzero(columns.drawn).tolist():
        by_source.setdefault(columns.sources[row], []).append(row)
    for source, mine in by_source.items():
        rows = np.array(mine)
        whole = ALL_TIME in counts.get(source, {})
        epochs = np.full(len(rows), ALL_TIME) if whole else columns.epochs[rows]
        order = np.lexsort((columns.priorities[rows], epochs))
        rows, epochs = rows[order], epochs[order]
        starts = np.flatnonzero(np.diff(epochs, prepend=epochs[0] - 1))
        for start, end in zip(starts.tolist(), [*starts[1:].tolist(), len(rows)], strict=True):
            # An occurrence may be reported twice.
            few = rows[start : min(end, start + 2 * most)].tolist()
            once = {(float(columns.priorities[row]), columns.keys[row]): row for row in few}
            yield (source, int(epochs[start])), tuple(once[mark] for mark in sorted(once)[:most])
