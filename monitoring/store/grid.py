"""Where do buckets begin and end? On a grid of UTC time, so that whoever closes them closes the same ones."""

from dataclasses import dataclass
from math import floor


@dataclass(frozen=True, slots=True)
class Stretch:
    """A bucket that is due: [start, end) in UTC epoch seconds, after `empty` buckets without any flush."""

    start: float
    end: float
    empty: int


def due(now: float, bucket_seconds: float, *, last: float | None, first: float | None) -> Stretch | None:
    """Return the next bucket to close; None when none is due.

    Parameters
    ----------
    now : float
        UTC epoch seconds, as everything here.
    last : float or None
        End of the last closed bucket.
    first : float or None
        Commit time of the oldest flush that no bucket holds.

    Examples
    --------
    A flush of second 34, after a bucket that ended at second 10:

    >>> due(47, 10, last=10, first=34)
    Stretch(start=30, end=40, empty=2)
    """
    current = floor(now / bucket_seconds)
    if last is None:
        if first is None:
            return None
        done = floor(first / bucket_seconds)
    else:
        done = round(last / bucket_seconds)
    if done > current + 1:  # the clock was set back: the grid goes on from what it says now
        done = current - 1
    if done >= current:
        return None
    target = current
    if first is not None:
        # A flush that was late for its bucket, or comes from a clock that was set back, goes into the next.
        place = floor(first / bucket_seconds)
        if place < current or place > current + 1:
            target = max(done, place if place < current else done) + 1
    return Stretch(
        start=(target - 1) * bucket_seconds, end=target * bucket_seconds, empty=max(target - 1 - done, 0)
    )
