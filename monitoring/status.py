"""What is known about a model's traffic now, and what was it before? Plain JSON, for people and programs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import ModelKey
from monitoring.baseline import validation_mismatch
from monitoring.detector import Detector, DetectorConfig
from monitoring.detector_status import not_detectable
from monitoring.errors import UnknownModel
from monitoring.store import Alarm, Store
from monitoring.streams import class_stream
from monitoring.windows import category_counts, drift_categories


def status(
    store: Store,
    model_key: ModelKey,
    *,
    config: DetectorConfig,
    classes: tuple[str, ...] | None = None,
    validation: npt.NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return all there is to say about a model's drift, as JSON; times are UTC epoch seconds.

    It has the same keys from before the first item on.

    Parameters
    ----------
    classes : tuple of str, optional
        The model's classes, where it is known to exist: without traffic it is warming up then.
    validation : int64 array of shape (n_classes + 1,), optional
        The bundle's counts per category, to report where live traffic differs from them.

    Raises
    ------
    UnknownModel
        The model never had traffic, and `classes` are not given.
    """
    try:
        row = store.detectors.get(model_key)
        classes = store.counts.classes(model_key)
    except UnknownModel:
        if classes is None:
            raise
        row = None
    # Before the first bucket is closed, what a detector without traffic says.
    seen = idle_status(classes, config) if row is None else dict(row.status)
    lease = store.lease.status()
    alarms = store.alarms.list(model_key, limit=1)
    return {
        "model": model_key,
        **{name: value for name, value in seen.items() if name not in ("categories", "alarm")},
        "classes": [_named(each) for each in seen["categories"]],
        "not_detectable": not_detectable(seen["categories"]),
        "alarm": None if seen["alarm"] is None else finding_json(seen["alarm"]),
        "last_alarm": alarm_json(alarms[0]) if alarms else None,
        "validation_mismatch": _mismatch(classes, seen["baseline"], validation),
        "watcher_lag_seconds": store.lag(),
        "watcher": {
            "holder": None if lease is None else lease.holder,
            "lease_expires_at": None if lease is None else lease.expires_at,
            "last_closed_at": None if row is None else row.last_closed_at,
        },
    }


def idle_status(classes: tuple[str, ...], config: DetectorConfig) -> dict[str, Any]:
    """Return what a detector says before its first bucket."""
    return Detector((class_stream(drift_categories(classes)),), config).status().to_json()


def history(
    store: Store, model_key: ModelKey, *, since: float = 0.0, until: float = float("inf"), limit: int = 1_000
) -> dict[str, Any]:
    """Return the newest buckets with items in a stretch of time, and the model's alarms in it.

    Raises
    ------
    UnknownModel
        The model never had traffic.
    """
    classes = store.counts.classes(model_key)
    return {
        "model": model_key,
        "categories": list(drift_categories(classes)),
        "buckets": [
            {
                "seq": bucket.seq,
                "start": bucket.start,
                "end": bucket.end,
                "state": bucket.state,
                "statistic": bucket.statistic,
                "threshold": bucket.threshold,
                "counts": category_counts(bucket.counts).tolist(),
            }
            for bucket in store.counts.history(model_key, since=since, until=until, limit=limit)
        ],
        "alarms": [
            alarm_json(alarm)
            for alarm in store.alarms.list(model_key, limit=limit)
            if since < alarm.raised_at <= until
        ],
    }


def alarm_json(alarm: Alarm) -> dict[str, Any]:
    """Return an alarm as JSON."""
    return {
        "id": alarm.id,
        "model": alarm.model_key,
        "raised_at": alarm.raised_at,
        "cleared_at": alarm.cleared_at,
        "batch": alarm.batch_id,
        "batch_note": alarm.batch_note,
        "finding": finding_json(alarm.finding.to_json()),
    }


def finding_json(finding: Mapping[str, Any]) -> dict[str, Any]:
    """Return a finding with its categories named as the interface names them."""
    return {**finding, "classes": [_named(each) for each in finding["classes"]]}


def _named(category: Mapping[str, Any]) -> dict[str, Any]:
    return {"class": category["name"], **{key: value for key, value in category.items() if key != "name"}}


def _mismatch(
    classes: tuple[str, ...],
    baseline: Mapping[str, Any] | None,
    validation: npt.NDArray[np.int64] | None,
) -> Sequence[dict[str, Any]]:
    """Compare the baseline with the validation data: that labelled data are enriched is no drift."""
    if baseline is None or validation is None:
        return []
    live = np.array(baseline["counts"], np.int64)
    return [
        {"class": each.category, "live": each.live, "validation": each.validation, "evidence": each.evidence}
        for each in validation_mismatch(drift_categories(classes), live, validation)
    ]
