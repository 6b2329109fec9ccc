"""What is known about a model's traffic now, and what was it before? Plain JSON, for people and programs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from monitoring.baseline import validation_mismatch
from monitoring.recorder import ModelKey
from monitoring.store import Alarm, LeaseStatus, Store
from monitoring.windows import category_counts, drift_categories

_NOT_YET: Mapping[str, Any] = {
    "state": "warming",
    "since": None,
    "statistic": 0.0,
    "threshold": None,
    "categories": [],
    "baseline": None,
    "window_items": 0,
    "window_buckets": 0,
    "items": 0,
    "last_items_at": None,
}


def status(
    store: Store, model_key: ModelKey, *, validation: npt.NDArray[np.int64] | None = None
) -> dict[str, Any]:
    """Return all there is to say about a model's drift, as JSON; times are UTC epoch seconds.

    Parameters
    ----------
    validation : int64 array of shape (n_classes + 1,), optional
        The bundle's counts per category, to report where live traffic differs from them.

    Raises
    ------
    UnknownModel
        The model never had traffic.
    """
    detector = store.detectors.get(model_key)
    lease = store.lease.status()
    alarms = store.alarms.list(model_key, limit=1)
    seen: Mapping[str, Any] = _NOT_YET if detector is None else detector.status
    baseline = seen["baseline"]
    return {
        "model": model_key,
        "state": seen["state"],
        "since": seen["since"],
        "evidence": seen["statistic"],
        "threshold": seen["threshold"],
        "classes": seen["categories"],
        "window": {"items": seen["window_items"], "buckets": seen["window_buckets"]},
        "items": seen["items"],
        "last_items_at": seen["last_items_at"],
        "baseline": baseline,
        "validation_mismatch": _mismatch(store, model_key, baseline, validation),
        "watcher": _watcher(store, lease, None if detector is None else detector.last_closed_at),
        "last_alarm": alarm_json(alarms[0]) if alarms else None,
    }


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
    buckets = store.counts.history(model_key, since=since, until=until, limit=limit)
    return {
        "model": model_key,
        "categories": list(drift_categories(classes)),
        "buckets": [
            {
                "start": bucket.start,
                "end": bucket.end,
                "counts": category_counts(bucket.counts).tolist(),
                "state": bucket.state,
                "evidence": bucket.statistic,
                "threshold": bucket.threshold,
            }
            for bucket in buckets
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
        "finding": alarm.finding.to_json(),
        "batch_id": alarm.batch_id,
        "batch_note": alarm.batch_note,
    }


def _watcher(store: Store, lease: LeaseStatus | None, last_closed_at: float | None) -> dict[str, Any]:
    return {
        "lag_seconds": store.lag(),
        "holder": None if lease is None else lease.holder,
        "lease_expires_at": None if lease is None else lease.expires_at,
        "last_closed_at": last_closed_at,
    }


def _mismatch(
    store: Store,
    model_key: ModelKey,
    baseline: Mapping[str, Any] | None,
    validation: npt.NDArray[np.int64] | None,
) -> Sequence[dict[str, Any]]:
    """Compare the baseline with the validation data: that labelled data are enriched is no drift."""
    if baseline is None or validation is None:
        return []
    categories = drift_categories(store.counts.classes(model_key))
    live = np.array(baseline["counts"], np.int64)
    if live.shape != validation.shape:
        return []
    return [
        {"class": each.category, "live": each.live, "validation": each.validation, "evidence": each.evidence}
        for each in validation_mismatch(categories, live, validation)
    ]
