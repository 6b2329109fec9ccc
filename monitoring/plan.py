"""After how many items, and how long, would a change be noticed: a table for operators, before anything moves."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from monitoring.detector import Detector
from monitoring.detector_config import DetectorConfig
from monitoring.windows import Counts

RATIOS: Final = (2.0, 3.0, 0.5)


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
        The reference is a bundle's validation data, scaled to the size of a baseline: live shares will differ.
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
    """Return the plan of a live detector; empty rows before its first item.

    Parameters
    ----------
    ratios
        Factors, each above 0 and not 1.
    items_per_second : float, optional
        By default the rate of the detector's baseline.
    """
    raise NotImplementedError


def plan_ahead(
    names: Sequence[str],
    counts: Counts,
    *,
    config: DetectorConfig,
    items_per_second: float | None = None,
    ratios: Sequence[float] = RATIOS,
) -> Plan:
    """Return the plan of a service that has no traffic yet, from a bundle's validation counts.

    Parameters
    ----------
    names, counts
        Drift categories and their items in the validation data, from `model_store.reference`.
    """
    raise NotImplementedError


def _named(row: Mapping[str, Any]) -> dict[str, Any]:
    return {("class" if key == "name" else key): value for key, value in row.items()}
