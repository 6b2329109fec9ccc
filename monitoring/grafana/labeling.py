"""What is handed to the data team, and what comes back? The panels of alarms, batches, labels and webhook."""

from typing import Any, Final

from monitoring.grafana.panels import JOB, Query, figure, graph, rate_by, steps

UNTOLD_LEVEL_SECONDS: Final = 900.0  # of the alert SeamarkWebhook; a test compares them


def labeling() -> list[Any]:
    """Return what becomes of batches: items, ages, labels, and the webhook that tells of them."""
    return [
        graph(
            "Items in batches",
            "Items handed to the data team by state; leased is the part of open that somebody holds. An open "
            "count that only grows says that nobody labels.",
            [Query(f"max by (state) (seamark_batch_items{{{JOB}}})", "{{state}}")],
            unit="short",
        ),
        figure(
            "Oldest open batch",
            "Age of the oldest batch that still waits for labels; 0 when none is open.",
            Query(f"max(seamark_batch_oldest_age_seconds{{{JOB}}})", "age"),
            unit="s",
            thresholds=steps(green=None, yellow=3 * 86_400),
        ),
        figure(
            "Alarms",
            "Drift alarms raised in the time range of the dashboard.",
            Query(f"max(increase(seamark_alarms_total{{{JOB}}}[$__range]))", "alarms"),
            unit="short",
            decimals=0,
        ),
        figure(
            "Batches",
            "Batches emitted in the time range of the dashboard, by what asked for them.",
            Query(f"max by (reason) (increase(seamark_batches_total{{{JOB}}}[$__range]))", "{{reason}}"),
            unit="short",
            decimals=0,
        ),
        graph(
            "Labels received",
            "Labels handed back, per second: accepted, repeated (already stored), rejected (with the reason "
            "in the reply).",
            [rate_by("outcome", "seamark_labels_total")],
            unit="cps",
            width=12,
        ),
        *_webhook(),
    ]


def _webhook() -> list[Any]:
    return [
        figure(
            "Webhook waiting",
            "Events of new batches that the webhook is still to be told; 0 without any, or a webhook.",
            Query(f"max(seamark_webhook_waiting{{{JOB}}})", "events"),
            unit="short",
            height=8,
            decimals=0,
        ),
        graph(
            "Webhook behind",
            "Age of the oldest such event; 0 when none waits. SeamarkWebhook opens a ticket at the line. The "
            "batch is there all the same.",
            [Query(f"max(seamark_webhook_oldest_age_seconds{{{JOB}}})", "oldest")],
            unit="s",
            width=10,
            line_at=UNTOLD_LEVEL_SECONDS,
        ),
        graph(
            "Webhook attempts",
            "Attempts a second to tell the webhook by outcome: delivered, failed (tried again for a day), "
            "given_up (after that day, and nobody is told any more).",
            [rate_by("outcome", "seamark_webhook_attempts_total")],
            unit="cps",
            width=10,
        ),
    ]
