"""What does the machine do? The panels of lag, memory, instances and what was refused."""

from typing import Any, Final

from monitoring.grafana.panels import HERE, JOB, Query, figure, graph, rate_by, steps

LAG_LEVEL_SECONDS: Final = 120.0  # of the alert SeamarkWatcherLag; a test compares them


def machine() -> list[Any]:
    """Return the last row of the dashboard."""
    return [
        graph(
            "Watcher lag",
            "How late the watcher is with closing a time bucket, as the workers read it from the store; 0 "
            "when it is on time. SeamarkWatcherLag opens a ticket at the line.",
            [Query(f"max(seamark_watcher_lag_seconds{{{JOB}}})", "watcher")],
            unit="s",
            line_at=LAG_LEVEL_SECONDS,
        ),
        graph(
            "Flush lag",
            "Age of the oldest counts that a worker has not stored yet; what a kill now would lose. "
            "SeamarkWatcherLag opens a ticket at the line.",
            [Query(f"max by (instance) (seamark_flush_lag_seconds{{{HERE}}})", "{{instance}}")],
            unit="s",
            line_at=LAG_LEVEL_SECONDS,
        ),
        graph(
            "Monitoring failures",
            "Failures of the observing side by stage. None of them fails a request.",
            [rate_by("stage", "seamark_monitoring_failures_total")],
            unit="cps",
        ),
        graph(
            "Memory",
            "Resident memory of an instance's largest worker, and of its watcher.",
            [
                Query(
                    f"max by (instance, process) (seamark_resident_memory_bytes{{{HERE}}})",
                    "{{instance}} {{process}}",
                )
            ],
            unit="bytes",
        ),
        figure(
            "Instances up",
            "Instances that answer scrapes.",
            Query(f"sum(up{{{JOB}}})", "up"),
            unit="short",
            height=8,
            thresholds=steps(red=None, green=1),
        ),
        figure(
            "Fast lane",
            "1 when every instance answers predictions on the fast lane; 0 when one fell back to the "
            "ordinary route: same answers, more time.",
            Query(f"min(seamark_lane_active{{{HERE}}})", "lane"),
            unit="short",
            height=8,
            thresholds=steps(yellow=None, green=1),
        ),
        figure(
            "Refused bundles",
            "Promoted bundles that failed verification, in the time range of the dashboard. The one before "
            "stays in force; the log names the file.",
            Query(f"sum(increase(seamark_bundles_refused_total{{{HERE}}}[$__range]))", "refused"),
            unit="short",
            height=8,
            decimals=0,
            thresholds=steps(green=None, red=1),
        ),
    ]
