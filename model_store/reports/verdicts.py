"""Verdicts: do these rows contradict what a bundle says of a class?"""

import math
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, TypeAlias, get_args

from scipy.special import bdtr

from model_store.promises.thresholds import DEFAULT_DELTA, ClassThreshold, Interval, Status, n_min
from model_store.reports.metrics import INTERVAL_CONFIDENCE, Share

Aspect: TypeAlias = Literal["recall", "recall with review", "precision"]
Judgement: TypeAlias = Literal["confirmed", "not contradicted", "contradicted"]
Verdict: TypeAlias = Literal[Judgement, "too few rows", "no claim", "not measured"]

JUDGEMENTS: Final[tuple[Judgement, ...]] = get_args(Judgement)
_POWER: Final = 0.8


@dataclass(frozen=True, slots=True)
class Check:
    """What was asked of one class, and what the rows say about it.

    Parameters
    ----------
    aspect : str
        `recall with review` where the class leaves a band of probabilities to people: its claim is about the
        items that are flagged or left to them.
    basis : str
        The class's status. Only `certified` is a claim and `empirical` an expectation; the others promise
        nothing, and the verdict is `no claim`.
    confidence : float
        With which the bundle makes the claim.
    bound : float
        The lower bound that the bundle found on its own threshold rows.
    verdict : str
        `confirmed`: the whole interval is at or above what was asked. `contradicted`: the whole interval is
        below. `not contradicted`: the interval holds what was asked; `too few rows`: it does too, on fewer
        rows than `fewest_rows`. `not measured`: no row to measure it on.
    """

    aspect: Aspect
    asked: float
    basis: Status
    confidence: float
    bound: float
    measured: Share
    verdict: Verdict


def checks(threshold: ClassThreshold, *, caught: Share, precision: Share) -> tuple[Check, ...]:
    """Return a check of the recall and of the precision asked of a class, as far as they were asked.

    Parameters
    ----------
    caught : Share
        Of the class's items those that are flagged or, where the class has a band for it, left to people.
    """
    recall: Aspect = "recall" if threshold.review_from is None else "recall with review"
    asked: tuple[tuple[Aspect, float | None, Interval, Share], ...] = (
        (recall, threshold.target.recall, threshold.recall, caught),
        ("precision", threshold.target.precision, threshold.precision, precision),
    )
    return tuple(
        Check(
            aspect,
            value,
            threshold.status,
            round(1 - threshold.delta, 9),
            found.lower,
            measured,
            _verdict(value, threshold.status, measured),
        )
        for aspect, value, found, measured in asked
        if value is not None
    )


@cache
def fewest_rows(asked: float) -> int:
    """Return on how many rows of equal weight it says anything that a ratio was not contradicted.

    On fewer, a true ratio of half of what was asked would go unnoticed in more than a fifth of all samples,
    or they are fewer than a claim of that ratio at 90 % takes (`n_min`).

    Examples
    --------
    >>> [fewest_rows(asked) for asked in (0.3, 0.5, 0.85, 0.95)]
    [70, 30, 15, 45]
    """
    sizes = range(1, math.ceil(30 / asked) + 20)
    # Power goes up in steps with small falls between: off by a few rows at most.
    noticed = sizes[bisect_left(sizes, _POWER, key=lambda n: _power(asked, n))]
    return max(noticed, n_min(asked, DEFAULT_DELTA))


def _power(asked: float, n: int) -> float:
    """Return how often n rows contradict `asked` where half of it is true."""
    tail = (1 - INTERVAL_CONFIDENCE) / 2
    hits = range(n + 1)
    # An upper bound is below `asked` exactly where so few hits are that rare if `asked` is true.
    most = bisect_left(hits, tail, key=lambda k: float(bdtr(k, n, asked))) - 1
    return 0.0 if most < 0 else float(bdtr(most, n, asked / 2))


def _verdict(asked: float, basis: Status, measured: Share) -> Verdict:
    if measured.estimate is None:
        return "not measured"
    if basis not in ("certified", "empirical"):
        return "no claim"
    if measured.lower >= asked:
        return "confirmed"
    if measured.upper < asked:
        return "contradicted"
    return "not contradicted" if measured.worth >= fewest_rows(asked) - 1e-9 else "too few rows"
