"""Which series does Prometheus see, and who writes them? `table` has every one of them."""

from service.metrics.process import forget_dead_processes, resident_memory_bytes
from service.metrics.table import BOUNDS, DRIFT_STATES, NAMESPACE, TABLE, Spec
from service.metrics.watcher import WatcherMetrics
from service.metrics.worker import WorkerMetrics, add_to_histogram

__all__ = [
    "BOUNDS",
    "DRIFT_STATES",
    "NAMESPACE",
    "TABLE",
    "Spec",
    "WatcherMetrics",
    "WorkerMetrics",
    "add_to_histogram",
    "forget_dead_processes",
    "resident_memory_bytes",
]
