"""How soon would a change be noticed, and what does the false-alarm setting mean?"""

import math

from monitoring.dispersion import Dispersion


def time_to_detect(items: int | None, *, items_per_second: float) -> float | None:
    """Return seconds until so many items have come at today's rate; None if never."""
    if items is None or items_per_second <= 0.0 or not math.isfinite(items_per_second):
        return None
    return items / items_per_second


def false_alarm_words(seconds: float) -> str:
    """Return the false-alarm setting in words: "at most one false alarm in 90 days on average"."""
    raise NotImplementedError


def baseline_reading(
    dispersion: Dispersion,
    *,
    bucket_seconds: float,
    baseline_seconds: float,
    period_seconds: float | None = None,
    example: tuple[str, int] | None = None,
) -> str | None:
    """Return what the operator should read about a baseline that is too short; None if it is long enough."""
    raise NotImplementedError


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
) -> int | None:
    """Return after about how many items a category at `ratio` times its share would raise the alarm.

    Parameters
    ----------
    share, ratio : float
        The reference share and the factor by which it changes; below 1 is a fall.
    threshold : float
        Of the statistic, from `formula_threshold`.
    weight : float
        The category's share of the budget in that direction, from `class_weights`.
    bucket_items : float
        Mean items a bucket.
    reference_items : float
        Size of the reference.

    Returns
    -------
    int or None
        None when it cannot be noticed: the change is within the tolerance, not possible, not watched, or the
        reference is too small to tell it from its own noise.
    """
    moved = share * ratio
    if not (0.0 < share < 1.0 and 0.0 <= moved < 1.0) or weight <= 0.0:
        return None
    large, small = max(share, moved), min(share, moved)
    lowered = min(large / (1.0 + tolerance), large - tolerance_abs)
    if lowered <= small:
        return None
    information = _divergence(lowered, share) if moved > share else _divergence(moved, lowered)
    items = 0.0
    for _ in range(20):  # the longer the window, the less evidence it needs: settles within a few rounds
        before = items
        need = max(threshold - math.log(weight) - math.log(max(items / bucket_items, 1.0)), 1.0)
        items = 1.1 * (need - 0.5 * math.log(4.0 * math.pi * need) + 0.7) / information
        if abs(items - before) <= 0.001 * items:
            break
    if items >= reference_items:
        return None
    return math.ceil(items / (1.0 - items / reference_items))


def _divergence(q: float, p: float) -> float:
    """Return the Kullback-Leibler divergence of Bernoulli(q) from Bernoulli(p) in nats per item."""
    rest = (1.0 - q) * math.log((1.0 - q) / (1.0 - p))
    return rest if q == 0.0 else q * math.log(q / p) + rest
