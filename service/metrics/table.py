"""Which series does Prometheus see? Every metric of the service in one table.

BentoML runs prometheus_client in multiprocess mode, where `remove` and `clear` remove nothing and a restarted
process's label sets stay: so a state is a 0/1 series over all its values, all label combinations exist from
the start, and a replaced version's series are set to 0. Gauges that describe the store are the same whoever
wrote them and take the most recent value; only what is each process's own is summed or its maximum taken.
That mode exports no `process_*` metrics, so memory is a gauge of ours: `resident_memory_bytes`, by kind of
process.

`prior_estimate_ratio`, how common a class really is, and `expected_precision_ratio`, what its threshold is
still worth then, hold only while the items of each class look as they did. Where the test of that fails they
are NaN, not the last value: a figure that is wrong is worse than none.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from model_store.promises.thresholds import Status
from service.tally import DURATION_BOUNDS

NAMESPACE: Final = "seamark"
PROBABILITY_BOUNDS: Final = tuple(step / 10 for step in range(1, 11))
STATUSES: Final[tuple[str, ...]] = get_args(Status)
DRIFT_STATES: Final = ("warming", "calm", "drift", "blind")
BOUNDS: Final = ("estimate", "low", "high")
PLACES: Final = ("slots", "pending")  # of candidates: in a reservoir, and waiting for the store

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
    Spec(
        Gauge,
        "candidates_bytes",
        "Memory that candidates for labeling take in the workers, about.",
        ("place",),
        "livesum",
    ),
    Spec(Counter, "candidates_given_up", "Candidates that memory had no room for.", ("place",)),
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
    Spec(Gauge, "drift_set_aside_buckets", "Buckets set aside as bursts in these windows.", owner=_WATCHER),
    Spec(Gauge, "drift_since_timestamp_seconds", "When the drift in force began; 0: none.", owner=_WATCHER),
    Spec(
        Gauge,
        "detectable_items",
        "Items until this class at twice its share would be noticed.",
        ("class",),
        owner=_WATCHER,
    ),
    Spec(
        Gauge,
        "drift_stream_evidence",
        "Largest evidence within a stream of counts, in nats.",
        ("stream",),
        owner=_WATCHER,
    ),
    Spec(
        Gauge,
        "drift_shadow_state",
        "1 for the state of the former version's detector while it still watches; all 0 without one.",
        ("state",),
        owner=_WATCHER,
    ),
    Spec(
        Gauge,
        "prior_estimate_ratio",
        "How common a class really is, with its 95 % interval; NaN while it cannot be told.",
        ("class", "bound"),
        owner=_WATCHER,
    ),
    Spec(
        Gauge,
        "expected_precision_ratio",
        "Precision of a class's threshold by an estimate without labels; NaN while it cannot be told.",
        ("class",),
        owner=_WATCHER,
    ),
    Spec(Counter, "alarms", "Drift alarms raised.", owner=_WATCHER),
    Spec(Counter, "alarms_false", "Drift alarms that a person called false.", owner=_WATCHER),
    Spec(Gauge, "alarm_acknowledged", "1 while somebody looks after the open alarm.", owner=_WATCHER),
    Spec(Counter, "batches", "Labeling batches made.", ("reason",), owner=_WATCHER),
    Spec(
        Gauge,
        "batch_items",
        "Items of labeling batches; leased are a part of open.",
        ("state",),
        owner=_WATCHER,
    ),
    Spec(Gauge, "batch_oldest_age_seconds", "Age of the oldest open labeling batch.", owner=_WATCHER),
    Spec(Counter, "webhook_attempts", "Attempts to tell the webhook.", ("outcome",), owner=_WATCHER),
    Spec(Gauge, "webhook_waiting", "Events the webhook is still to be told.", owner=_WATCHER),
    Spec(Gauge, "webhook_oldest_age_seconds", "Age of the oldest such event.", owner=_WATCHER),
)

# Counters that outlive the server. They appear with what the store holds: from a 0 that is scraped before,
# every restart would look like so many new alarms.
STORED_TOTALS: Final = ("alarms", "alarms_false", "batches")


def families(process: Process, registry: CollectorRegistry) -> dict[str, Any]:
    """Return the metrics that a process writes, by name, but for those that appear later."""
    return {
        spec.name: family(spec, registry)
        for spec in TABLE
        if process in spec.owner and spec.name not in STORED_TOTALS
    }


def family(spec: Spec, registry: CollectorRegistry) -> Any:
    """Return one metric, registered."""
    options: dict[str, Any] = {"namespace": NAMESPACE, "registry": registry}
    if spec.kind is Gauge:
        options["multiprocess_mode"] = spec.mode
    if spec.kind is Histogram:
        options["buckets"] = spec.bounds
    return spec.kind(spec.name, spec.says, spec.labels, **options)
