"""What is known about a model's traffic now, and what was it before? Plain JSON, for people and programs."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import ModelKey
from model_store.graphs.outputs import Task
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.detection.detector_config import OTHERS
from monitoring.detection.detector_status import not_detectable
from monitoring.detection.mismatch import validation_mismatch
from monitoring.errors import UnknownModel
from monitoring.rendering import alarm_json, finding_json, named
from monitoring.scanning.streams import streams_of
from monitoring.scanning.windows import category_counts, drift_categories
from monitoring.store import BucketRow, DetectorRow, Store


def status(
    store: Store,
    model_key: ModelKey,
    *,
    config: DetectorConfig,
    classes: tuple[str, ...] | None = None,
    task: Task = "multiclass",
    validation: npt.NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Return all there is to say about a model's drift, as JSON; times are UTC epoch seconds.

    It has the same keys from before the first item on.

    Parameters
    ----------
    classes, task : optional
        The model's own, where it is known to exist: without traffic it is warming up then.
    validation : int64 array of shape (n_classes + 1,), optional
        The bundle's counts per category, to report where live traffic differs from them.

    Raises
    ------
    UnknownModel
        The model never had traffic, and `classes` are not given.
    """
    try:
        row = store.detectors.get(model_key)
        model = store.counts.model(model_key)
        classes, task = model.classes, model.task
    except UnknownModel:
        if classes is None:
            raise
        row = None
    seen = shown_status(row, classes, config, task=task)
    lease = store.lease.status()
    alarms = store.alarms.list(model_key, limit=1)
    meaning = None if row is None else row.meaning
    announced = [each.to_json() for each in store.announcements.list(model_key)] if row is None else []
    return {
        "model": model_key,
        **{name: value for name, value in seen.items() if name not in ("categories", "alarm", "findings")},
        "classes": [named(each, "class") for each in seen["categories"]],
        "not_detectable": not_detectable(seen["categories"]),
        "alarm": None if seen["alarm"] is None else finding_json(seen["alarm"]),
        "findings": [finding_json(each) for each in seen["findings"]],
        "shadow": _shadow_json(seen["shadow"]),
        "expectations": expectations_json(announced or seen["expectations"]),
        "last_alarm": alarm_json(alarms[0], strongest=seen["strongest"]) if alarms else None,
        "meaning": meaning,
        "validation_mismatch": _mismatch(classes, seen["baseline"], validation, meaning),
        "unknown_classes": unknown_classes(config, seen["categories"]),
        "models": list(store.counts.models()),
        "watcher_lag_seconds": store.lag(),
        "watcher": {
            "holder": None if lease is None else lease.holder,
            "lease_expires_at": None if lease is None else lease.expires_at,
            "last_closed_at": None if row is None else row.last_closed_at,
        },
    }


def shown_status(
    row: DetectorRow | None,
    classes: tuple[str, ...],
    config: DetectorConfig,
    *,
    task: Task = "multiclass",
) -> Mapping[str, Any]:
    """Return a detector's stored status, complete.

    Before its first bucket, or where an older release wrote it, what is missing is what a detector without
    traffic says.
    """
    idle = idle_status(classes, config, task=task)
    return idle if row is None else {**idle, **row.status}


def idle_status(
    classes: tuple[str, ...], config: DetectorConfig, *, task: Task = "multiclass"
) -> dict[str, Any]:
    """Return what a detector says before its first bucket."""
    return Detector(streams_of(classes, task=task), config).status().to_json()


def history(
    store: Store,
    model_key: ModelKey,
    *,
    since: float = 0.0,
    until: float = float("inf"),
    limit: int = 1_000,
    classes: tuple[str, ...] | None = None,
) -> dict[str, Any]:
    """Return the newest buckets with items in a stretch of time, and the model's alarms in it.

    Parameters
    ----------
    classes : optional
        The model's own, where it is known to exist: without traffic it has no bucket and no alarm.

    Raises
    ------
    UnknownModel
        The model never had traffic, and `classes` are not given.
    """
    row: DetectorRow | None = None
    buckets: Sequence[BucketRow] = ()
    try:
        classes = store.counts.classes(model_key)
        row = store.detectors.get(model_key)
        buckets = store.counts.history(model_key, since=since, until=until, limit=limit)
    except UnknownModel:
        if classes is None:
            raise
    strongest = None if row is None else row.status.get("strongest")
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
            for bucket in buckets
        ],
        "alarms": [
            alarm_json(alarm, strongest=strongest)
            for alarm in store.alarms.list(model_key, limit=limit)
            if since < alarm.raised_at <= until
        ],
        "models": list(store.counts.models()),
    }


def expectations_json(expectations: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return planned changes with their category called a class, as the interface does."""
    return [
        {"class": each["category"], **{key: value for key, value in each.items() if key != "category"}}
        for each in expectations
    ]


def _shadow_json(shadow: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return (
        None
        if shadow is None
        else {**shadow, "classes": [named(each, "class") for each in shadow["classes"]]}
    )


def unknown_classes(config: DetectorConfig, categories: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names that settings speak of and the model does not have: misspelt, or of another model."""
    known = {each["name"] for each in categories} | {OTHERS}
    spoken_of = {*config.watch, *config.tolerances, *config.tolerances_abs}
    return sorted(spoken_of - known)


def _mismatch(
    classes: tuple[str, ...],
    baseline: Mapping[str, Any] | None,
    validation: npt.NDArray[np.int64] | None,
    meaning: Mapping[str, Any] | None,
) -> Sequence[dict[str, Any]]:
    """Compare the baseline with the validation data: that labelled data are enriched is no drift.

    Where an item may have several labels the baseline counts labels and the validation data items: no
    comparison then.
    """
    if baseline is None or validation is None or len(baseline["counts"]) != len(validation):
        return []
    live = np.array(baseline["counts"], np.int64)
    priors = _priors(meaning)
    return [
        {
            "class": each.category,
            "live": each.live,
            "validation": each.validation,
            "evidence": each.evidence,
            "prior": priors.get(each.category),
        }
        for each in validation_mismatch(
            drift_categories(classes), live, validation, inflation=baseline.get("inflation")
        )
    ]


def _priors(meaning: Mapping[str, Any] | None) -> Mapping[str, Mapping[str, float]]:
    """Return the estimated shares of the true classes, unless they do not explain the traffic."""
    if meaning is None or meaning["gate"]["passed"] is False:
        return {}
    return {
        each["class"]: {bound: each[bound] for bound in ("estimate", "low", "high")}
        for each in meaning["classes"]
    }
