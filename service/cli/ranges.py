"""Which numbers does an option take, and what is said of another one? Both ends, and the option's own name.

The parts made here are for `typer.Option`, whose own words for a number out of its range name one end of it.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import typer

from service.values import MAX_FACTOR

HIGHEST_SEED: Final = 2**32 - 1  # scikit-learn's generators take no higher one


def whole(low: int, high: int) -> dict[str, Any]:
    """Return the parts of an option that takes a whole number from `low` to `high`.

    Examples
    --------
    >>> whole(1, 5_000)["parser"]("20"), whole(1, 5_000)["metavar"]
    (20, '<1 to 5,000>')
    """

    def parse(text: str | int) -> int:
        value = _number(text, int)
        if value is None or not low <= value <= high:
            raise _refused(text, f"a whole number from {low:,} to {high:,}")
        return int(value)

    return {"parser": parse, "metavar": f"<{low:,} to {high:,}>"}


def number(low: float, high: float, *, with_low: bool = False) -> dict[str, Any]:
    """Return the parts of an option that takes a number above `low`, or from it on, and at most `high`."""
    ends = f"from {low:g} to {high:,}" if with_low else f"above {low:g} and at most {high:,}"

    def parse(text: str | float) -> float:
        value = _number(text, float)
        if value is None or not low <= value <= high or (value == low and not with_low):
            raise _refused(text, f"a number {ends}")
        return value

    return {"parser": parse, "metavar": f"<{ends}>"}


def change() -> dict[str, Any]:
    """Return the parts of an option that takes by how much something changes, which is not by 1."""
    parts = number(0, MAX_FACTOR)

    def parse(text: str | float) -> float:
        value: float = parts["parser"](text)
        if value == 1.0:
            raise _refused(text, f"a change; give a number above 0 and at most {MAX_FACTOR:,}, not 1")
        return value

    return {**parts, "parser": parse}


SEED: Final = whole(0, HIGHEST_SEED)
DELTA: Final = number(0, 0.5)


def _number(text: str | float, kind: Callable[[str | float], float]) -> float | None:
    """Return the number; None of what is none, as Python's own way to write 1_000 for others is not."""
    try:
        value = kind(text)
        usable = math.isfinite(value) and "_" not in str(text)
    except (ValueError, OverflowError):
        return None
    return value if usable else None


def _refused(text: str | float, allowed: str) -> typer.BadParameter:
    return typer.BadParameter(f"{str(text)!r} is not {allowed}")
