"""Admission: which calibrations may be tried with so many classes and rows of each, and which is taken?"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import Method
from model_store.calibrating.folds import FOLDS

# A slope of a class's own on fewer rows is noise, whatever the penalty.
SLOPE_ROWS: Final = 20
ISOTONIC_ROWS: Final = 1_000
# Beyond, slopes of each class's own lose to one slope for all: measured on 77 and on 151 classes.
MOST_CLASSES: Final = 20
TEMPERATURE_ROWS: Final = 2 * FOLDS
# A loss within this share of the least one is a tie.
TIE: Final = 1e-3
CRITERION: Final = f"least log loss in nats, {FOLDS} folds; within {TIE:.1%} of it fewest parameters"

Excluded: TypeAlias = dict[Method, str]


def admit(
    counts: npt.NDArray[np.integer[Any]], n: int, names: Sequence[str]
) -> tuple[tuple[Method, ...], Excluded]:
    """Return what may be tried where an item has one label, fewest parameters first, and why not the rest.

    Parameters
    ----------
    counts : int array of shape (n_classes,)
        Rows of each class, out of `n`.
    """
    methods: tuple[Method, ...] = ("identity", "temperature", "platt", "beta", "isotonic")
    if len(counts) > 2:
        methods = ("identity", "temperature", "bcts", "vector", "platt", "beta", "isotonic")
    sides = np.minimum(counts, n - counts)
    k = int(np.argmin(sides))
    excluded: Excluded = {}
    for method in methods:
        if method in _PER_CLASS and len(counts) > MOST_CLASSES:
            excluded[method] = f"{len(counts)} classes, at most {MOST_CLASSES} for slopes of their own"
        elif why := _too_few(method, int(counts[k]), n, f"class {names[k]!r}"):
            excluded[method] = why
    return tuple(method for method in methods if method not in excluded), excluded


def admit_label(count: int, n: int, name: str) -> tuple[tuple[Method, ...], Excluded]:
    """Return what may be tried for one of several labels an item may have, with `count` of `n` rows."""
    methods: tuple[Method, ...] = ("identity", "temperature", "platt", "beta", "isotonic")
    excluded = {m: why for m in methods if (why := _too_few(m, count, n, f"label {name!r}"))}
    return tuple(m for m in methods if m not in excluded), excluded


def least(losses: Mapping[Method, float]) -> Method:
    """Return the method of least loss; of those that tie with it the first, which has fewest parameters.

    Examples
    --------
    >>> least({"identity": 0.5, "temperature": 0.3001, "beta": 0.3})
    'temperature'
    """
    best = min(losses.values())
    return next(method for method, loss in losses.items() if loss <= best * (1 + TIE))


def summary(excluded: Mapping[Method, str]) -> Iterable[str]:
    """Yield one sentence per reason, with the methods that share it."""
    for why in dict.fromkeys(excluded.values()):
        yield f"{', '.join(m for m, each in excluded.items() if each == why)} not tried: {why}"


_PER_CLASS: Final = frozenset({"vector", "platt", "beta", "isotonic"})
# Rows on both sides of every class. A bias alone is held by the ridge, but every fold must have seen it.
_ROWS: Final[Mapping[Method, int]] = {
    "bcts": FOLDS,
    "vector": SLOPE_ROWS,
    "platt": SLOPE_ROWS,
    "beta": SLOPE_ROWS,
    "isotonic": ISOTONIC_ROWS,
}


def _too_few(method: Method, count: int, n: int, whose: str) -> str | None:
    if method not in _ROWS:
        few = method == "temperature" and n < TEMPERATURE_ROWS
        return f"{n} rows, {TEMPERATURE_ROWS} needed" if few else None
    side = min(count, n - count)
    which = "positives" if count <= n - count else "negatives"
    return None if side >= _ROWS[method] else f"{whose} has {side} {which}, {_ROWS[method]:,} needed"
