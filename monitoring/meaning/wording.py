"""How are a share, a number of things, a moment and a name written for people?"""

import math
from datetime import UTC, datetime
from typing import Final

LONGEST_NAME: Final = 60


def share(value: float) -> str:
    """Return a share in percent: one digit after the point, more where the share is small.

    Examples
    --------
    >>> share(0.0293), share(0.4), share(0.00012), share(0.0)
    ('2.9 %', '40.0 %', '0.012 %', '0 %')
    """
    return f"{_percentage(value)} %"


def number_of(number: int, one: str, many: str | None = None) -> str:
    """Return how many there are of what `one` names; `many` is its plural where another ending makes it.

    Examples
    --------
    >>> number_of(1, "batch"), number_of(2, "batch"), number_of(12_000, "item was", "items were")
    ('1 batch', '2 batches', '12,000 items were')
    """
    if number == 1:
        return f"1 {one}"
    return f"{number:,} {many or one + ('es' if one.endswith(('s', 'ch')) else 's')}"


def interval(low: float, high: float) -> str:
    """Return two shares as the bounds of a percentage.

    Examples
    --------
    >>> interval(0.024, 0.0351)
    '2.4-3.5'
    """
    return f"{_percentage(low)}-{_percentage(high)}"


def _percentage(value: float) -> str:
    percent = 100.0 * value
    if percent <= 0.0:
        return "0"
    digits = max(1 - math.floor(math.log10(percent)), 1)
    return f"{percent:.{digits}f}"


def moment(seconds: float) -> str:
    """Return a time in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def printable(name: str) -> str:
    """Return a name that stays on its line and in its column, whatever it holds."""
    plain = name if name.isprintable() else repr(name)[1:-1]
    return plain if len(plain) <= LONGEST_NAME else f"{plain[: LONGEST_NAME - 1]}…"
