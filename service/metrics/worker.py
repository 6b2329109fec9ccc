"""What does a worker export? Written once a second from plain counts, never on the request path."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from prometheus_client import REGISTRY, CollectorRegistry

from model_store.policy import DECISIONS
from monitoring.recording.recorder import SCORE_BINS, Sealed
from service.metrics.bulk import Series
from service.metrics.process import resident_memory_bytes
from service.metrics.table import PLACES, PROBABILITY_BOUNDS, STATUSES, families
from service.swap import Current
from service.tally import OUTCOMES, STAGES, Durations, Tally


class WorkerMetrics:
    """What a worker exports: written once a second from plain counts, never on the request path.

    Parameters
    ----------
    registry
        BentoML exports prometheus_client's default one; tests pass their own.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._families = families("worker", registry)
        self._shown: Current | None = None
        self._given_up = dict.fromkeys(PLACES, 0)
        self._decided: dict[tuple[str, ...], tuple[Series, Series]] = {}
        for outcome in OUTCOMES:
            self._families["requests"].labels(outcome)
        for fate in ("accepted", "repeated", "rejected"):
            self._families["labels"].labels(fate)
        for stage in STAGES:
            self._families["monitoring_failures"].labels(stage)
        for place in PLACES:
            self._families["candidates_given_up"].labels(place)

    def count(self, tally: Tally) -> None:
        """Add what was tallied since the last call."""
        families = self._families
        for outcome, count in tally.outcomes.items():
            if count:
                families["requests"].labels(outcome).inc(count)
        for stage, count in tally.failures.items():
            if count:
                families["monitoring_failures"].labels(stage).inc(count)
        _add_durations(families["request_duration_seconds"], tally.requests)
        _add_durations(families["inference_duration_seconds"], tally.inference)
        families["items"].inc(tally.items)
        families["in_flight_requests"].set(tally.in_flight)
        families["queue_items"].set(tally.queued)

    def count_decisions(self, sealed: Sealed) -> None:
        """Add the decisions of one second."""
        predictions, probabilities = self._series_of(sealed.classes)
        predictions.add(sealed.answers.reshape(-1).astype(np.float64))
        per_bucket = sealed.score_bins.reshape(len(sealed.classes), len(PROBABILITY_BOUNDS), -1).sum(axis=2)
        middles = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
        probabilities.add(np.column_stack([per_bucket, sealed.score_bins @ middles]).reshape(-1))

    def show_model(self, current: Current) -> None:
        """Export the version that answers and its thresholds, and zero those of the one before."""
        if self._shown is current:
            return
        before, self._shown = self._shown, current
        if before is not None:
            self._model_info(before, 0)
            self._thresholds(before, on=False)
        self._model_info(current, 1)
        self._thresholds(current, on=True)
        self._series_of(current.classes)  # those of a new class are there before its first answer

    def show_lags(self, *, watcher_seconds: float | None, flush_seconds: float) -> None:
        """Export how far behind the watcher and this worker's flushes are."""
        if watcher_seconds is not None:
            self._families["watcher_lag_seconds"].set(watcher_seconds)
        self._families["flush_lag_seconds"].set(flush_seconds)

    def show_process(self, *, lane_active: bool) -> None:
        """Export what this process is made of."""
        self._families["lane_active"].set(int(lane_active))
        self._families["resident_memory_bytes"].labels("worker").set(resident_memory_bytes())

    def show_candidates(self, *, held_bytes: Mapping[str, int], given_up: Mapping[str, int]) -> None:
        """Export the memory of candidates and how many it had no room for so far, by place."""
        for place in PLACES:
            self._families["candidates_bytes"].labels(place).set(held_bytes[place])
            more = max(given_up[place] - self._given_up[place], 0)
            self._families["candidates_given_up"].labels(place).inc(more)
        self._given_up = dict(given_up)

    def count_refused(self, bundles: int) -> None:
        """Add bundles that failed verification."""
        self._families["bundles_refused"].inc(bundles)

    def count_labels(self, *, accepted: int, repeated: int, rejected: int) -> None:
        """Add labels that came back."""
        labels = self._families["labels"]
        labels.labels("accepted").inc(accepted)
        labels.labels("repeated").inc(repeated)
        labels.labels("rejected").inc(rejected)

    def _series_of(self, classes: tuple[str, ...]) -> tuple[Series, Series]:
        """Return the series of predictions by class and decision, and of probabilities by class and bucket.

        The last of a class in the latter is the sum of what was observed.
        """
        known = self._decided.get(classes)
        if known is not None:
            return known
        predictions = [self._families["predictions"].labels(*each) for each in product(classes, DECISIONS)]
        probabilities = [self._families["probability_ratio"].labels(name) for name in classes]
        observed = [
            value
            for each in probabilities
            for value in (*each._buckets[: len(PROBABILITY_BOUNDS)], each._sum)
        ]
        made = Series([each._value for each in predictions]), Series(observed)
        self._decided[classes] = made
        return made

    def _model_info(self, current: Current, value: int) -> None:
        digests = current.model.bundle.digests
        names = (current.name.name, current.name.version, digests["calibration"][:12], digests["policy"][:12])
        self._families["model_info"].labels(*names).set(value)

    def _thresholds(self, current: Current, *, on: bool) -> None:
        for threshold in current.model.bundle.policy.thresholds:
            for status in STATUSES:
                value = threshold.threshold if on and status == threshold.status else 0.0
                self._families["threshold_ratio"].labels(threshold.class_name, status).set(value)


def _add_durations(histogram: Any, durations: Durations) -> None:
    if any(durations.counts):
        add_to_histogram(histogram, durations.counts, durations.total)


def add_to_histogram(histogram: Any, counts: Sequence[int], total: float) -> None:
    """Add `counts` observations, one number per bucket, whose sum is `total`, to a histogram child.

    `observe` takes one value at a time, 3 us each: 3 % of a core at ten thousand requests a second. This
    reads two private names of prometheus_client, here alone, and a test fails when they change.
    """
    for bucket, count in zip(histogram._buckets, counts, strict=False):
        if count:
            bucket.inc(count)
    histogram._sum.inc(total)
