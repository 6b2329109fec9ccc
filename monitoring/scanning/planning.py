"""How soon would a change be noticed, and what does the false-alarm setting mean?"""

import math
from typing import Final

from monitoring.durations import in_words
from monitoring.scanning.dispersion import Dispersion

DAY_SECONDS: Final = 86_400.0
_ROUNDS: Final = 40


def items_to_detect(
    share: float,
    ratio: float,
    *,
    threshold: float,
    weight: float,
    bucket_items: float,
    reference_items: float = math.inf,
    tolerance: float = 0.0,
    tolerance_abs: float = 0.0,
    dispersion: Dispersion | None = None,
    column: int = 0,
) -> int | None:
    """Return after about how many items a category at `ratio` times its share would raise the alarm.

    Parameters
    ----------
    share, ratio : float
        The reference share and the factor by which it changes; below 1 is a fall.
    threshold : float
        Of the statistic, from `scan.formula_threshold`.
    weight : float
        What the category's share of the budget in that direction is worth, see `evidence.Yardstick.priced`.
    bucket_items : float
        Mean items a bucket.
    reference_items : float
        Size of the reference.
    tolerance, tolerance_abs : float
        By which the larger share is lowered.
    dispersion : Dispersion, optional
        How much more than independent items the counts vary, in its column `column`.

    Returns
    -------
    int or None
        None when it cannot be noticed: the change is within the tolerance, not possible, not watched, or the
        reference is too small to tell it from its own noise.
    """
    information = _information(share, ratio, tolerance, tolerance_abs)
    if information is None or weight <= 0.0:
        return None
    items = 0.0
    for _ in range(_ROUNDS):  # the longer the window, the less evidence it needs: settles within a few rounds
        before, buckets = items, max(items / bucket_items, 1.0)
        need = max(threshold - math.log(weight) - math.log(buckets), 1.0)
        phi, nu, phi_reference = _inflation(dispersion, column, buckets)
        independent = 1.1 * _deviance_needed(need, nu) / information
        if independent * phi_reference >= reference_items:
            return None
        items = phi * independent / (1.0 - phi_reference * independent / reference_items)
        if abs(items - before) <= 0.001 * items:
            break
    # where variance grows as fast as the window, waiting longer does not help
    return math.ceil(items) if items < 1.5 * before else None


def time_to_detect(items: int | None, *, items_per_second: float) -> float | None:
    """Return seconds until so many items have come at today's rate; None if never."""
    if items is None or items_per_second <= 0.0 or not math.isfinite(items_per_second):
        return None
    return items / items_per_second


def false_alarm_words(seconds: float) -> str:
    """Return what a false-alarm setting means.

    Examples
    --------
    >>> false_alarm_words(90 * 86_400.0)
    'at most one false alarm in 90 days on average'
    """
    return f"at most one false alarm in {in_words(seconds)} on average"


def baseline_reading(
    dispersion: Dispersion,
    *,
    bucket_seconds: float,
    baseline_seconds: float,
    period_seconds: float | None = None,
    example: tuple[str, int] | None = None,
    deduplicated: bool = False,
) -> str | None:
    """Return what the operator should read about a baseline that is too short; None if it is long enough.

    Parameters
    ----------
    bucket_seconds, baseline_seconds : float
        Length of a bucket and of the baseline.
    period_seconds : float, optional
        The declared season's; a cycle is taken to be a day without one.
    example : tuple of str and int, optional
        A class, and after how many items its doubling would be noticed now.
    deduplicated : bool
        Repeats are counted once already.
    """
    cycle = DAY_SECONDS if period_seconds is None else period_seconds
    measured = dispersion.measured_buckets * bucket_seconds
    if dispersion.growing:
        found = (
            f"traffic still varies at the longest span this baseline can measure ({in_words(measured)}); "
            "longer changes are judged with extrapolated variance"
        )
    elif dispersion.swinging:
        found = (
            f"traffic swung slowly over this baseline ({in_words(baseline_seconds)}); "
            "changes as slow are judged by that one swing"
        )
    elif measured == 0.0:
        found = "this baseline is too short to measure how traffic varies"
    elif baseline_seconds < cycle:
        found = f"this baseline ({in_words(baseline_seconds)}) is shorter than a cycle ({in_words(cycle)})"
    elif period_seconds is not None and baseline_seconds < 2.0 * period_seconds:
        return (
            f"this baseline ({in_words(baseline_seconds)}) is too short to fit a season of "
            f"{in_words(period_seconds)}, so it costs power; provide two cycles"
        )
    else:
        return None
    needs = (
        "" if example is None else f", {example[0]} at twice its share would need about {example[1]:,} items"
    )
    remedy = "" if deduplicated else ", or turn deduplication on"
    return (
        f"{found}, false alarms are not guaranteed{needs}; "
        f"provide a full cycle, two with a declared period{remedy}"
    )


def _information(share: float, ratio: float, tolerance: float, tolerance_abs: float) -> float | None:
    """Return what one item tells of a change beyond the tolerance, in nats; None where there is none."""
    moved = share * ratio
    if not (0.0 < share < 1.0 and 0.0 <= moved < 1.0):
        return None
    large, small = max(share, moved), min(share, moved)
    lowered = min(large / (1.0 + tolerance), large - tolerance_abs)
    if lowered <= small:
        return None
    return _divergence(lowered, share) if moved > share else _divergence(moved, lowered)


def _divergence(q: float, p: float) -> float:
    """Return the Kullback-Leibler divergence of Bernoulli(q) from Bernoulli(p) in nats per item."""
    rest = (1.0 - q) * math.log((1.0 - q) / (1.0 - p))
    return rest if q == 0.0 else q * math.log(q / p) + rest


def _deviance_needed(need: float, nu: float) -> float:
    """Return half the deviance whose tail is worth `need` nats, given `nu` degrees of freedom."""
    half = need - 0.5 * math.log(4.0 * math.pi * need) + 0.7
    if not math.isfinite(nu):
        return half
    score = 2.0 * half * ((8.0 * nu + 3.0) / (8.0 * nu + 1.0)) ** 2  # the inverse of deviance.normal_score
    return 0.5 * nu * math.expm1(min(score / nu, 700.0))


def _inflation(dispersion: Dispersion | None, column: int, buckets: float) -> tuple[float, float, float]:
    """Return phi and its degrees of freedom in a window of so many buckets, and the reference's phi."""
    if dispersion is None or dispersion.independent:
        return 1.0, math.inf, 1.0
    return dispersion.cell(column, buckets)
