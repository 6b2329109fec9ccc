"""What does the watcher process export? The state of drift and batches as the store has it."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from prometheus_client import REGISTRY, CollectorRegistry

from model_store.policy import NO_CLASS
from monitoring.delivering import Outcome
from monitoring.store import Outbox
from service.metrics.process import exported_total, resident_memory_bytes
from service.metrics.table import BOUNDS, DRIFT_STATES, NAMESPACE, TABLE, families, family
from service.tally import STAGES


class WatcherMetrics:
    """What the watcher process exports: the state of drift and batches as the store has it."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._families = families("watcher", registry)
        self._shown: frozenset[str] = frozenset()
        self._streams: frozenset[str] = frozenset()
        self._meant: frozenset[str] = frozenset()
        self._totals: dict[tuple[str, ...], float] = {}
        for stage in STAGES:
            self._families["monitoring_failures"].labels(stage)
        for outcome in get_args(Outcome):
            self._families["webhook_attempts"].labels(outcome)

    def count_failure(self, stage: str) -> None:
        """Add one failure of the watcher."""
        self._families["monitoring_failures"].labels(stage).inc()

    def count_delivery(self, outcome: Outcome) -> None:
        """Add one attempt to tell the webhook."""
        self._families["webhook_attempts"].labels(outcome).inc()

    def show_outbox(self, outbox: Outbox, *, now: float) -> None:
        """Export what the webhook is still to be told."""
        oldest = outbox.oldest_waiting_at
        self._families["webhook_waiting"].set(outbox.waiting)
        self._families["webhook_oldest_age_seconds"].set(0.0 if oldest is None else now - oldest)

    def show_process(self) -> None:
        """Export what this process is made of."""
        self._families["resident_memory_bytes"].labels("watcher").set(resident_memory_bytes())

    def show_drift(self, status: Mapping[str, Any], *, classes: Sequence[str]) -> None:
        """Export a detector's status; `classes` exist as series whatever the status knows of them.

        A category the status does not know has share 0; one that could never be noticed takes infinitely
        many items.
        """
        families = self._families
        for state in DRIFT_STATES:
            families["drift_state"].labels(state).set(int(status["state"] == state))
        for name in ("statistic", "threshold", "window_items"):
            families[f"drift_{name}"].set(status[name])
        families["drift_set_aside_buckets"].set(status.get("buckets_set_aside", 0))
        alarm = status["alarm"]
        families["drift_since_timestamp_seconds"].set(alarm["since_time"] if alarm else 0)
        known = {each["name"]: each for each in status["categories"]}
        categories = frozenset([*classes, NO_CLASS, *known])
        for name in sorted(categories | self._shown):
            self._show_category(name, known.get(name, {}))
        self._shown = categories
        self._show_streams(status["streams"])
        shadow = status["shadow"]
        for state in DRIFT_STATES:
            on = shadow is not None and shadow["state"] == state
            families["drift_shadow_state"].labels(state).set(int(on))

    def show_meaning(self, meaning: Mapping[str, Any] | None, *, classes: Sequence[str]) -> None:
        """Export what the traffic means; NaN for what cannot be told, or could not be any more."""
        trusted = meaning is not None and meaning["gate"]["passed"]
        priors = {each["class"]: each for each in meaning["classes"]} if meaning and trusted else {}
        expected = {each["class"]: each for each in meaning["expected"] or ()} if meaning and trusted else {}
        for name in sorted({*classes, *self._meant}):
            for bound in BOUNDS:
                known = priors.get(name, {}).get(bound)
                self._families["prior_estimate_ratio"].labels(name, bound).set(_number(known))
            precision = expected[name]["precision"]["estimate"] if name in expected else None
            self._families["expected_precision_ratio"].labels(name).set(_number(precision))
        self._meant = frozenset(classes)

    def show_alarm(self, *, acknowledged: bool) -> None:
        """Export whether somebody looks after the open alarm."""
        self._families["alarm_acknowledged"].set(int(acknowledged))

    def show_batches(self, *, by_state: Mapping[str, int], oldest_age_seconds: float) -> None:
        """Export how far the labeling has come."""
        for state in ("open", "leased", "labelled", "skipped"):
            self._families["batch_items"].labels(state).set(by_state.get(state, 0))
        self._families["batch_oldest_age_seconds"].set(oldest_age_seconds)

    def show_totals(self, *, alarms: int, false_alarms: int, batches: Mapping[str, int]) -> None:
        """Raise the counters to what the store has counted, whichever process exported how much of it."""
        self._raise_to("alarms", (), alarms)
        self._raise_to("alarms_false", (), false_alarms)
        for reason in ("alarm", "by_hand"):
            self._raise_to("batches", (reason,), batches.get(reason, 0))

    def _show_category(self, name: str, known: Mapping[str, Any]) -> None:
        families = self._families
        for kind in ("reference", "current"):
            families["class_share_ratio"].labels(name, kind).set(known.get(kind) or 0.0)
        families["drift_evidence"].labels(name).set(known.get("evidence", 0.0))
        detectable = known.get("detectable_items")
        families["detectable_items"].labels(name).set(math.inf if detectable is None else detectable)

    def _show_streams(self, streams: Sequence[Mapping[str, Any]]) -> None:
        known = {each["name"]: each["statistic"] for each in streams}
        for name in sorted(known.keys() | self._streams):
            self._families["drift_stream_evidence"].labels(name).set(known.get(name, 0.0))
        self._streams = frozenset(known)

    def _raise_to(self, name: str, labels: tuple[str, ...], total: float) -> None:
        exported = self._totals.get((name, *labels))
        if exported is None:
            # A watcher before this one may have exported a part: its series stay in multiprocess mode.
            exported = exported_total(f"{NAMESPACE}_{name}_total", labels)
        if name not in self._families:
            spec = next(each for each in TABLE if each.name == name)
            self._families[name] = family(spec, self._registry)
        series = self._families[name].labels(*labels) if labels else self._families[name]
        if total > exported:
            series.inc(total - exported)
        self._totals[(name, *labels)] = max(total, exported)


def _number(value: float | None) -> float:
    return math.nan if value is None else value
