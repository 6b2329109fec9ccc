"""After how many items, and how long, would a change be noticed: a table to read before anything moves."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np

from monitoring.detection.baseline import Baseline
from monitoring.detection.bucket import Bucket
from monitoring.detection.detector import Detector
from monitoring.detection.detector_config import DetectorConfig
from monitoring.scanning.planning import false_alarm_words, time_to_detect
from monitoring.scanning.streams import class_stream
from monitoring.scanning.windows import Counts

RATIOS: Final = (2.0, 3.0, 0.5)
ASSUMED_BUCKET_ITEMS: Final = 50  # where no rate is known; a rarer search costs little
MOST_BUCKETS: Final = 2_000
LEAST_ITEMS: Final = 1_000  # a rate of fewer is a guess


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One change of one class.

    Attributes
    ----------
    reference : float
        Share in the baseline, in [0, 1].
    ratio : float
        Factor by which the share changes; below 1 is a fall.
    items : int or None
        Items after which the change is noticed, on average; None when this baseline cannot show it.
    seconds : float or None
        The same at today's rate; None without a rate.
    """

    name: str
    reference: float
    ratio: float
    items: int | None
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be noticed when, and how seldom an alarm is false.

    Attributes
    ----------
    items_per_second : float or None
        Rate that `seconds` are computed with.
    baseline_items : int
        Size of the reference that later traffic is compared with.
    assumed : bool
        The reference is a bundle's validation data, scaled to a baseline's size: live shares will differ.
    false_alarms : str
        What the false-alarm setting means, a sentence.
    """

    rows: tuple[PlanRow, ...]
    items_per_second: float | None
    baseline_items: int
    threshold: float
    false_alarm_seconds: float
    bucket_seconds: float
    assumed: bool
    false_alarms: str

    def to_json(self) -> dict[str, Any]:
        """Return what ``GET /v1/drift/plan`` answers, beside the model."""
        rows = [_named(asdict(row)) for row in self.rows]
        return {**asdict(self), "rows": rows}


def plan(
    detector: Detector, *, ratios: Sequence[float] = RATIOS, items_per_second: float | None = None
) -> Plan:
    """Return the plan of a live detector; without rows before its first item.

    Parameters
    ----------
    ratios
        Factors, each above 0 and not 1.
    items_per_second : float, optional
        By default the rate of the detector's baseline.
    """
    baseline, config = detector.baseline, detector.config
    rate = items_per_second if baseline is None else items_per_second or _rate(baseline)
    names = () if baseline is None else detector.categories
    shares = () if baseline is None else [each.reference or 0.0 for each in detector.status().categories]
    rows = [
        _row(name, share, ratio, detector.detectable_items(name, ratio), rate)
        for name, share in zip(names, shares, strict=True)
        for ratio in ratios
    ]
    return Plan(
        rows=tuple(rows),
        items_per_second=rate,
        baseline_items=0 if baseline is None else baseline.items,
        threshold=detector.threshold,
        false_alarm_seconds=config.false_alarm_seconds,
        bucket_seconds=config.bucket_seconds,
        assumed=False,
        false_alarms=_false_alarms(config, rate),
    )


def plan_ahead(
    names: Sequence[str],
    counts: Counts,
    *,
    config: DetectorConfig,
    items_per_second: float | None = None,
    ratios: Sequence[float] = RATIOS,
) -> Plan:
    """Return the plan of a service that has no traffic yet, from a bundle's validation counts.

    A baseline of the declared size with the shares of the validation data is assumed. Live traffic has its
    own, and often varies more than independent items do, which then takes longer.

    Parameters
    ----------
    names, counts
        Drift categories and their items in the validation data, from `model_store.reference`.
    """
    rate = items_per_second or ASSUMED_BUCKET_ITEMS / config.bucket_seconds
    buckets = min(max(math.ceil(config.baseline_items / (rate * config.bucket_seconds)), 1), MOST_BUCKETS)
    ends = np.outer(np.arange(buckets + 1) / buckets, counts * (config.baseline_items / counts.sum()))
    detector = Detector((class_stream(names),), replace(config, season_seconds=None))
    for number, row in enumerate(np.diff(np.round(ends).astype(np.int64), axis=0)):
        start = number * config.bucket_seconds
        detector.close(Bucket(row, start, start + config.bucket_seconds))
    found = plan(detector, ratios=ratios, items_per_second=rate)
    if items_per_second is None:
        rows = tuple(replace(row, seconds=None) for row in found.rows)
        found = replace(found, rows=rows, items_per_second=None, false_alarms=_false_alarms(config, None))
    return replace(found, assumed=True)


def _row(name: str, share: float, ratio: float, items: int | None, rate: float | None) -> PlanRow:
    seconds = None if rate is None else time_to_detect(items, items_per_second=rate)
    return PlanRow(name, share, ratio, items, seconds)


def measured_rate(baseline: Baseline) -> float | None:
    """Return items a second while a baseline was collected; None where it has too few to say."""
    return _rate(baseline) if baseline.items >= LEAST_ITEMS else None


def _rate(baseline: Baseline) -> float | None:
    length = baseline.end - baseline.start
    return baseline.items / length if length > 0.0 else None


def _false_alarms(config: DetectorConfig, rate: float | None) -> str:
    """Return what the false-alarm setting means, in time and at a known rate in items."""
    said = false_alarm_words(config.false_alarm_seconds)
    if rate is None:
        return said
    items = float(f"{config.false_alarm_seconds * rate:.2g}")
    return f"{said}, which is one in about {items:,.0f} items at this rate"


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {("class" if key == "name" else key): value for key, value in row.items()}
