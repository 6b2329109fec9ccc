"""Which series does Prometheus see? Every metric of the service in one table.

BentoML runs prometheus_client in multiprocess mode, where `remove` and `clear` remove nothing and a restarted
process's label sets stay: so a state is a 0/1 series over all its values, all label combinations exist from
the start, and a replaced version's series are set to 0. Gauges that describe the store are the same whoever
wrote them and take the most recent value; only what is each process's own is summed or its maximum taken.
That mode exports no `process_*` metrics, so memory is a gauge of ours: `resident_memory_bytes`, by kind of
process.

Two series are not here yet: `prior_estimate_ratio`, how common a class really is, and
`expected_precision_ratio`, what its threshold is still worth then. Both follow from the predicted shares and
the confusion on labelled rows only while the inputs of each class stay what they were. Nothing here tests
that, and exported without a test they would be wrong exactly when somebody needs them.
"""

import math
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np
from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, multiprocess

from model_store.policy import DECISIONS, NO_CLASS
from model_store.promises.thresholds import Status
from monitoring.recorder import SCORE_BINS, Sealed
from service.swap import Current
from service.tally import DURATION_BOUNDS, OUTCOMES, STAGES, Durations, Tally

NAMESPACE: Final = "seamark"
PROBABILITY_BOUNDS: Final = tuple(step / 10 for step in range(1, 11))
STATUSES: Final[tuple[str, ...]] = get_args(Status)
DRIFT_STATES: Final = ("warming", "calm", "drift", "blind")

Process: TypeAlias = Literal["worker", "watcher"]
Metric: TypeAlias = Counter | Gauge | Histogram


@dataclass(frozen=True, slots=True)
class Spec:
    """One metric: its kind, name without prefix and suffix, what it says, and its labels.

    `owner` is the process that writes it. `mode` tells how the values of several processes become one.
    """

    kind: type[Metric]
    name: str
    says: str
    labels: tuple[str, ...] = ()
    mode: Literal["mostrecent", "livesum", "livemax"] = "mostrecent"
    bounds: tuple[float, ...] = ()
    owner: tuple[Process, ...] = ("worker",)


_WATCHER: Final[tuple[Process, ...]] = ("watcher",)
_BOTH: Final[tuple[Process, ...]] = ("worker", "watcher")

TABLE: Final = (
    Spec(Counter, "requests", "Predict requests by how they ended.", ("outcome",)),
    Spec(Histogram, "request_duration_seconds", "Time in the handler.", bounds=DURATION_BOUNDS),
    Spec(Histogram, "inference_duration_seconds", "From items to decisions.", bounds=DURATION_BOUNDS),
    Spec(Counter, "items", "Items decided."),
    Spec(Counter, "predictions", "Labels answered; without any, the top class.", ("class", "decision")),
    Spec(
        Histogram, "probability_ratio", "Top calibrated probability.", ("class",), bounds=PROBABILITY_BOUNDS
    ),
    Spec(Gauge, "in_flight_requests", "Predict requests being answered now.", mode="livesum"),
    Spec(Gauge, "queue_items", "Requests the model's thread has or that wait for it.", mode="livesum"),
    Spec(
        Gauge,
        "model_info",
        "1 for the version that answers, 0 for those it replaced.",
        ("name", "version", "calibration", "policy"),
    ),
    Spec(Gauge, "threshold_ratio", "Operating threshold, in the series of its status.", ("class", "status")),
    Spec(Counter, "bundles_refused", "Promoted bundles that failed verification; the running one stayed."),
    Spec(Gauge, "lane_active", "1 when predict requests pass outside BentoML's middleware."),
    Spec(Gauge, "watcher_lag_seconds", "Time since the watcher closed a bucket, by the store's record."),
    Spec(Gauge, "flush_lag_seconds", "Age of the oldest count a killed worker would lose.", mode="livemax"),
    Spec(Counter, "labels", "Labels received.", ("outcome",)),
    Spec(Counter, "monitoring_failures", "Monitoring failed; the reply did not.", ("stage",), owner=_BOTH),
    Spec(Gauge, "resident_memory_bytes", "Of the largest process.", ("process",), "livemax", owner=_BOTH),
    Spec(
        Gauge,
        "class_share_ratio",
        "Share of the items whose most probable class it is, or for which no class passes.",
        ("class", "kind"),
        owner=_WATCHER,
    ),
    Spec(Gauge, "drift_state", "1 for the state the detector is in.", ("state",), owner=_WATCHER),
    Spec(Gauge, "drift_statistic", "The detector's statistic, in nats.", owner=_WATCHER),
    Spec(Gauge, "drift_threshold", "Where the statistic raises an alarm, in nats.", owner=_WATCHER),
    Spec(Gauge, "drift_evidence", "Evidence of a changed share, in nats.", ("class",), owner=_WATCHER),
    Spec(Gauge, "drift_window_items", "Items in the window behind the statistic.", owner=_WATCHER),
    Spec(Gauge, "drift_since_timestamp_seconds", "When the drift in force began; 0: none.", owner=_WATCHER),
    Spec(
        Gauge,
        "detectable_items",
        "Items until this class at twice its share would be noticed.",
        ("class",),
        owner=_WATCHER,
    ),
    Spec(Counter, "alarms", "Drift alarms raised.", owner=_WATCHER),
    Spec(Counter, "batches", "Labeling batches made.", ("reason",), owner=_WATCHER),
    Spec(Gauge, "batch_items", "Items of labeling batches.", ("state",), owner=_WATCHER),
    Spec(Gauge, "batch_oldest_age_seconds", "Age of the oldest open labeling batch.", owner=_WATCHER),
)

# Counters that outlive the server. They appear with what the store holds: from a 0 that is scraped before,
# every restart would look like so many new alarms.
STORED_TOTALS: Final = ("alarms", "batches")


def _families(process: Process, registry: CollectorRegistry) -> dict[str, Any]:
    return {
        spec.name: _family(spec, registry)
        for spec in TABLE
        if process in spec.owner and spec.name not in STORED_TOTALS
    }


def _family(spec: Spec, registry: CollectorRegistry) -> Any:
    options: dict[str, Any] = {"namespace": NAMESPACE, "registry": registry}
    if spec.kind is Gauge:
        options["multiprocess_mode"] = spec.mode
    if spec.kind is Histogram:
        options["buckets"] = spec.bounds
    return spec.kind(spec.name, spec.says, spec.labels, **options)


class WorkerMetrics:
    """What a worker exports: written once a second from plain counts, never on the request path.

    Parameters
    ----------
    registry
        BentoML exports prometheus_client's default one; tests pass their own.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._families = _families("worker", registry)
        self._shown: Current | None = None
        for outcome in OUTCOMES:
            self._families["requests"].labels(outcome)
        for fate in ("accepted", "repeated", "rejected"):
            self._families["labels"].labels(fate)
        for stage in STAGES:
            self._families["monitoring_failures"].labels(stage)

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
        for row, column in np.argwhere(sealed.answers).tolist():
            child = self._families["predictions"].labels(sealed.classes[row], DECISIONS[column])
            child.inc(int(sealed.answers[row, column]))
        per_bucket = sealed.score_bins.reshape(len(sealed.classes), len(PROBABILITY_BOUNDS), -1).sum(axis=2)
        middles = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
        totals = sealed.score_bins @ middles
        for row in np.flatnonzero(per_bucket.sum(axis=1)).tolist():
            child = self._families["probability_ratio"].labels(sealed.classes[row])
            add_to_histogram(child, per_bucket[row].tolist(), float(totals[row]))

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
        for name in current.classes:
            self._families["probability_ratio"].labels(name)
            for decision in DECISIONS:
                self._families["predictions"].labels(name, decision)

    def show_lags(self, *, watcher_seconds: float | None, flush_seconds: float) -> None:
        """Export how far behind the watcher and this worker's flushes are."""
        if watcher_seconds is not None:
            self._families["watcher_lag_seconds"].set(watcher_seconds)
        self._families["flush_lag_seconds"].set(flush_seconds)

    def show_process(self, *, lane_active: bool) -> None:
        """Export what this process is made of."""
        self._families["lane_active"].set(int(lane_active))
        self._families["resident_memory_bytes"].labels("worker").set(resident_memory_bytes())

    def count_refused(self, bundles: int) -> None:
        """Add bundles that failed verification."""
        self._families["bundles_refused"].inc(bundles)

    def count_labels(self, *, accepted: int, repeated: int, rejected: int) -> None:
        """Add labels that came back."""
        labels = self._families["labels"]
        labels.labels("accepted").inc(accepted)
        labels.labels("repeated").inc(repeated)
        labels.labels("rejected").inc(rejected)

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


def resident_memory_bytes() -> int:
    """Return this process's resident memory in bytes, 0 where /proc is missing."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def forget_dead_processes(directory: Path) -> None:
    """Remove the live gauges of processes that no longer run, as after a SIGKILL."""
    for file in directory.glob("gauge_live*_*.db"):
        match = re.search(r"_(\d+)\.db$", file.name)
        if match and not Path("/proc", match[1]).exists():
            multiprocess.mark_process_dead(int(match[1]), str(directory))  # type: ignore[no-untyped-call]


class WatcherMetrics:
    """What the watcher process exports: the state of drift and batches as the store has it."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._registry = registry
        self._families = _families("watcher", registry)
        self._shown: frozenset[str] = frozenset()
        self._totals: dict[tuple[str, ...], float] = {}
        for stage in STAGES:
            self._families["monitoring_failures"].labels(stage)

    def count_failure(self, stage: str) -> None:
        """Add one failure of the watcher."""
        self._families["monitoring_failures"].labels(stage).inc()

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
        alarm = status["alarm"]
        families["drift_since_timestamp_seconds"].set(alarm["since_time"] if alarm else 0)
        known = {each["name"]: each for each in status["categories"]}
        categories = frozenset([*classes, NO_CLASS, *known])
        for name in sorted(categories | self._shown):
            self._show_category(name, known.get(name, {}))
        self._shown = categories

    def show_batches(self, *, by_state: Mapping[str, int], oldest_age_seconds: float) -> None:
        """Export how far the labeling has come."""
        for state in ("open", "labelled", "skipped"):
            self._families["batch_items"].labels(state).set(by_state.get(state, 0))
        self._families["batch_oldest_age_seconds"].set(oldest_age_seconds)

    def show_totals(self, *, alarms: int, batches: Mapping[str, int]) -> None:
        """Raise the counters to what the store has counted, whichever process exported how much of it."""
        self._raise_to("alarms", (), alarms)
        for reason in ("alarm", "by_hand"):
            self._raise_to("batches", (reason,), batches.get(reason, 0))

    def _show_category(self, name: str, known: Mapping[str, Any]) -> None:
        families = self._families
        for kind in ("reference", "current"):
            families["class_share_ratio"].labels(name, kind).set(known.get(kind) or 0.0)
        families["drift_evidence"].labels(name).set(known.get("evidence", 0.0))
        detectable = known.get("detectable_items")
        families["detectable_items"].labels(name).set(math.inf if detectable is None else detectable)

    def _raise_to(self, name: str, labels: tuple[str, ...], total: float) -> None:
        exported = self._totals.get((name, *labels))
        if exported is None:
            # A watcher before this one may have exported a part: its series stay in multiprocess mode.
            exported = _exported(f"{NAMESPACE}_{name}_total", labels)
        if name not in self._families:
            spec = next(each for each in TABLE if each.name == name)
            self._families[name] = _family(spec, self._registry)
        series = self._families[name].labels(*labels) if labels else self._families[name]
        if total > exported:
            series.inc(total - exported)
        self._totals[(name, *labels)] = max(total, exported)


def _exported(sample: str, labels: tuple[str, ...]) -> float:
    """Return what all processes of this server, dead ones too, export together."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return 0.0
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    samples = (each for metric in registry.collect() for each in metric.samples if each.name == sample)
    return sum(each.value for each in samples if tuple(each.labels.values()) == labels)
