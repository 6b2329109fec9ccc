"""What does the service export? The metric table of service/metrics as Prometheus would name it."""

from collections.abc import Mapping
from typing import Any, Final, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from model_store.policy import DECISIONS
from monitoring.delivering import Outcome
from service.metrics import BOUNDS, DRIFT_STATES, NAMESPACE, TABLE, Spec
from service.tally import OUTCOMES, STAGES
from tests.support.promql import Selected

# Labels that Prometheus itself puts on a scraped series.
TARGET_LABELS: Final = frozenset({"job", "instance"})
# What a label may say, where the set is closed: a typing error there shows as an empty panel.
VALUES: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    ("seamark_requests", "outcome"): frozenset(OUTCOMES),
    ("seamark_drift_state", "state"): frozenset(DRIFT_STATES),
    ("seamark_drift_shadow_state", "state"): frozenset(DRIFT_STATES),
    ("seamark_prior_estimate_ratio", "bound"): frozenset(BOUNDS),
    ("seamark_predictions", "decision"): frozenset(DECISIONS),
    ("seamark_class_share_ratio", "kind"): frozenset({"reference", "current"}),
    ("seamark_monitoring_failures", "stage"): frozenset(STAGES),
    ("seamark_webhook_attempts", "outcome"): frozenset(get_args(Outcome)),
}


def _suffixes(spec: Spec) -> tuple[str, ...]:
    return {Counter: ("_total",), Gauge: ("",), Histogram: ("_bucket", "_sum", "_count")}[spec.kind]


SERIES: Final[Mapping[str, Spec]] = {
    f"{NAMESPACE}_{spec.name}{suffix}": spec for spec in TABLE for suffix in _suffixes(spec)
}


def faults(selector: Selected) -> list[str]:
    """Return what is wrong with a selector of the service's metrics; `up` is Prometheus' own."""
    if selector.metric == "up":
        return []
    spec = SERIES.get(selector.metric)
    if spec is None:
        return [f"{selector.metric} is not exported"]
    labels = TARGET_LABELS | set(spec.labels) | ({"le"} if selector.metric.endswith("_bucket") else set())
    found = [f"{selector.metric} has no label {label}" for label in sorted(selector.labels - labels)]
    for label, wanted in selector.values.items():
        known = VALUES.get((f"{NAMESPACE}_{spec.name}", label))
        if known is not None and wanted - known:
            found.append(f"{selector.metric}{{{label}}} is never {sorted(wanted - known)}")
    return found


def exposition_registry() -> CollectorRegistry:
    """Return a registry with every metric of the table and one series of each."""
    registry = CollectorRegistry()
    for spec in TABLE:
        options: dict[str, Any] = {"namespace": NAMESPACE, "registry": registry}
        if spec.kind is Histogram:
            options["buckets"] = spec.bounds
        metric = spec.kind(spec.name, spec.says, spec.labels, **options)
        if spec.labels:
            metric.labels(*("x" for _ in spec.labels))
    return registry
