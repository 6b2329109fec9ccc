"""One source's counts in buckets of time, in order: what a detector is fed with."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from monitoring.backtest.tally import LADDER, Integers
from monitoring.detection.bucket import Bucket
from monitoring.scanning.streams import CLASSES, SCORES

BUCKET_ITEMS: Final = 20  # on average, at least: what the false-alarm rate was measured with
MOST_BUCKETS: Final = 20_000


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Filled cells of a grid of time.

    Attributes
    ----------
    ticks : int64 array of shape (n_cells,)
        In rising order, in units of `milliseconds` since 1970.
    codes, counts : int64 array of shape (n_cells,)
    width : int
        How many codes there are.
    """

    ticks: Integers
    codes: Integers
    counts: Integers
    width: int

    def within(self, low: int, high: int) -> Integers:
        """Return the counts per code of the ticks from `low` up to, not including, `high`."""
        part = slice(*np.searchsorted(self.ticks, [low, high]).tolist())
        found = np.bincount(self.codes[part], self.counts[part], minlength=self.width)
        return found.astype(np.int64)

    def merged(self, factor: int) -> "Cells":
        """Return the same with ticks `factor` times as long."""
        return Cells(self.ticks // factor, self.codes, self.counts, self.width)


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Counts of classes, and of bins of the score where there is one.

    Attributes
    ----------
    labels : tuple of str
        Of the rows, at least two: a mix needs a second category.
    milliseconds : int
        Length of a tick.
    scores : Cells or None
    """

    labels: tuple[str, ...]
    milliseconds: int
    classes: Cells
    scores: Cells | None

    @property
    def rows(self) -> int:
        """Rows in all."""
        return int(self.classes.counts.sum())

    @property
    def ticks(self) -> Integers:
        """Ticks with rows, in order."""
        return self.classes.ticks[_starts(self.classes.ticks)]

    @property
    def bucket_seconds(self) -> float:
        """Length of a tick in seconds."""
        return self.milliseconds / 1e3

    def seconds(self, tick: int) -> float:
        """Return when a tick begins, UTC seconds."""
        return tick * self.milliseconds / 1e3

    def rows_by_tick(self) -> tuple[Integers, Integers]:
        """Return the ticks with rows and how many there are."""
        starts = _starts(self.classes.ticks)
        return self.classes.ticks[starts], np.add.reduceat(self.classes.counts, starts)

    def in_buckets(self) -> "Series":
        """Return the same in buckets of a length that fits the log's rate.

        The shortest of at least 20 rows on average where it has any, and no more than 20,000 of them; longer
        where that merges nothing, as in a log written once a day.
        """
        wanted = max(BUCKET_ITEMS, self.rows / MOST_BUCKETS)
        choices = [each for each in LADDER if each % self.milliseconds == 0]
        filled = [len(_starts(self.classes.ticks // (each // self.milliseconds))) for each in choices]
        at = next((i for i, n in enumerate(filled) if self.rows >= wanted * n), len(choices) - 1)
        while at + 1 < len(choices) and filled[at + 1] == filled[at] > 1:
            at += 1
        return self.of_length(choices[at])

    def of_length(self, milliseconds: int) -> "Series":
        """Return the same in ticks of this length, a multiple of the present one."""
        factor = milliseconds // self.milliseconds
        scores = None if self.scores is None else self.scores.merged(factor)
        return Series(self.labels, milliseconds, self.classes.merged(factor), scores)

    def bucket(self, tick: int) -> Bucket:
        """Return the bucket of a tick."""
        counts: dict[str, npt.ArrayLike] = {CLASSES: self.classes.within(tick, tick + 1)}
        if self.scores is not None:
            counts[SCORES] = self.scores.within(tick, tick + 1)
        return Bucket(counts, self.seconds(tick), self.seconds(tick + 1))


def _starts(ticks: Integers) -> Integers:
    """Return where each different tick begins, of at least one in rising order.

    `np.unique` hashes, which on these took 16 of 30 seconds for a million rows.
    """
    return np.flatnonzero(np.diff(ticks, prepend=ticks[0] - 1))
