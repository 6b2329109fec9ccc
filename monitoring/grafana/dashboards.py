"""What does the operator see in Grafana? The dashboard, built here and committed as JSON.

Write `seamark.json` anew after a change (group `ops`; nothing imports this module at run time)::

    python -m monitoring.grafana.dashboards

Rows go from the outside in: what users feel, what the model says, what the machine does. Drift belongs to the
model and not to a replica: every replica exports what the shared store says, so those panels take the maximum
over replicas and ignore the variable `instance`.
"""

import json
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard as models

from monitoring.grafana.drift import drift
from monitoring.grafana.panels import (
    BAD,
    CLASS,
    DATASOURCE,
    HERE,
    JOB,
    WARN,
    Query,
    figure,
    graph,
    grid,
    steps,
)

OUTPUT: Final = Path(__file__).with_name("seamark.json")
UID: Final = "seamark"
TAGS: Final = ("seamark",)

# The levels of the alerts in monitoring/prometheus/rules/seamark.yml; a test compares them.
ERROR_RATIO_LEVEL: Final = 0.0144
LAG_LEVEL_SECONDS: Final = 120.0
UNTOLD_LEVEL_SECONDS: Final = 900.0


def _users() -> list[Any]:
    failed = f'sum(rate(seamark_requests_total{{{HERE}, outcome=~"unavailable|error"}}[$__rate_interval]))'
    every = f"sum(rate(seamark_requests_total{{{HERE}}}[$__rate_interval]))"
    return [
        graph(
            "Requests",
            "Requests to the prediction route by what became of them. `invalid`, `too_large` and "
            "`unauthorized` are the caller's; `unavailable` and `error` are the service's.",
            [
                Query(
                    f"sum by (outcome) (rate(seamark_requests_total{{{HERE}}}[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            unit="reqps",
            stacked=True,
        ),
        graph(
            "Failed requests",
            "Share of requests answered with a 5xx. The line is where SeamarkErrors pages when it lasts: "
            "14.4 times the rate that uses up the error budget of 0.1 % in 30 days. Empty without traffic.",
            [Query(f"{failed} / ({every} > 0)", "failed")],
            unit="percentunit",
            line_at=ERROR_RATIO_LEVEL,
        ),
        graph(
            "Answer time",
            "Time in the request handler, from headers to a complete reply, by quantile.",
            [
                Query(_quantile(q, "seamark_request_duration_seconds_bucket"), f"p{round(100 * q)}")
                for q in (0.5, 0.95, 0.99)
            ],
            unit="s",
        ),
        graph(
            "Model time",
            "Time from items to decisions per request: front end, ONNX session, policy. What answer time "
            "has on top of it is reading, checking and writing.",
            [
                Query(_quantile(q, "seamark_inference_duration_seconds_bucket"), f"p{round(100 * q)}")
                for q in (0.5, 0.95, 0.99)
            ],
            unit="s",
        ),
        graph(
            "Items decided",
            "Items a second; a request carries up to 256.",
            [
                Query(
                    f"sum by (instance) (rate(seamark_items_total{{{HERE}}}[$__rate_interval]))",
                    "{{instance}}",
                )
            ],
            unit="cps",
            stacked=True,
        ),
        graph(
            "Requests in flight",
            "Requests being answered at the moment of the scrape, over all workers of an instance, and how "
            "many of them the model's thread has or keeps waiting (dashed). At 64 a worker the next one is "
            "refused with 503.",
            [
                Query(f"sum by (instance) (seamark_in_flight_requests{{{HERE}}})", "{{instance}}"),
                Query(f"sum by (instance) (seamark_queue_items{{{HERE}}})", "{{instance}} (queue)"),
            ],
            dashed=".*\\(queue\\)",
            unit="short",
        ),
    ]


def _quantile(q: float, histogram: str) -> str:
    # `>= 0` drops the NaN of a histogram without observations: a gap, not a broken panel.
    return f"histogram_quantile({q}, sum by (le) (rate({histogram}{{{HERE}}}[$__rate_interval]))) >= 0"


def _answers() -> list[Any]:
    predictions = "seamark_predictions_total"
    every = f"sum(rate({predictions}{{{HERE}}}[$__rate_interval]))"
    median = (
        "histogram_quantile(0.5, sum by (class, le) "
        f'(rate(seamark_probability_ratio_bucket{{{HERE}, class=~"$class"}}[$__rate_interval]))) >= 0'
    )
    return [
        graph(
            "Decisions",
            "Share of answers by decision: accepted, ambiguous (two classes pass, close together), no class "
            "passes its threshold, or abstained (between two thresholds, or every answer costs more than a "
            "review). All but the first ask for a person. Where an item may have several labels each of them "
            "counts, and one without any is no less an answer.",
            [
                Query(
                    f"sum by (decision) (rate({predictions}{{{HERE}}}[$__rate_interval]))"
                    f" / on () group_left () ({every} > 0)",
                    "{{decision}}",
                )
            ],
            unit="percentunit",
            stacked=True,
            highest=1,
        ),
        graph(
            "Predictions by class",
            "Labels answered a second, ambiguous ones included; what is left to a person is not.",
            [
                Query(
                    f'sum by (class) (rate({predictions}{{{HERE}, class=~"$class", '
                    'decision=~"accepted|ambiguous"}[$__rate_interval]))',
                    "{{class}}",
                )
            ],
            unit="cps",
        ),
        graph(
            "Median top probability",
            "Median of the highest calibrated probability of an item, by its class. A fall without a change "
            "of shares says that the inputs changed. Empty for a class without traffic.",
            [Query(median, "{{class}}")],
            unit="percentunit",
            highest=1,
        ),
        grid(
            "Operating thresholds",
            "The calibrated probability from which a class is flagged, and what the threshold can promise.",
            [
                Query(
                    f"max by (class, status) (seamark_threshold_ratio{{{CLASS}}}) > 0",
                    "threshold",
                )
            ],
            units={"threshold": "percentunit"},
            sort_by="threshold",
            width=8,
        ),
        graph(
            "Items in the window",
            "How many items the window behind the current shares holds. Few items: wide intervals.",
            [Query(f"max(seamark_drift_window_items{{{JOB}}})", "items")],
            unit="short",
        ),
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
            [
                Query(
                    f"sum by (outcome) (rate(seamark_labels_total{{{HERE}}}[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
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
            [
                Query(
                    f"sum by (outcome) (rate(seamark_webhook_attempts_total{{{HERE}}}[$__rate_interval]))",
                    "{{outcome}}",
                )
            ],
            unit="cps",
            width=10,
        ),
    ]


def _machine() -> list[Any]:
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
            [
                Query(
                    f"sum by (stage) (rate(seamark_monitoring_failures_total{{{HERE}}}[$__rate_interval]))",
                    "{{stage}}",
                )
            ],
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


def _annotation(name: str, color: str, expr: str, text: str) -> dashboard.AnnotationQuery:
    query = dashboard.AnnotationQuery().name(name).enable(True).hide(False).icon_color(color)
    return query.datasource(DATASOURCE).expr(expr).step("60s").title_format(name).text_format(text)


def _annotations() -> list[dashboard.AnnotationQuery]:
    info = f"max by (name, version) (seamark_model_info{{{JOB}}}"
    drift = f'max by (job) (seamark_drift_state{{{JOB}, state="drift"}}'
    since = f"max by (job) (seamark_drift_since_timestamp_seconds{{{JOB}}} > 0) * 1000"
    return [
        _annotation(
            "Model promoted",
            "blue",
            f"({info}) == 1) unless ({info} offset 1m) == 1)",
            "{{name}}@{{version}}",
        ),
        _annotation(
            "Drift flagged", BAD, f"({drift}) == 1) unless ({drift} offset 1m) == 1)", "The mix has moved"
        ),
        _annotation(
            "Drift began",
            WARN,
            since,
            "Where the detector dates the change",
        ).use_value_for_time(True),
        _annotation(
            "Batch emitted",
            "purple",
            f"max by (reason) (increase(seamark_batches_total{{{JOB}}}[1m])) > 0",
            "{{reason}}",
        ),
    ]


def _variables() -> list[Any]:
    def query(name: str, label: str, promql: str) -> dashboard.QueryVariable:
        variable = dashboard.QueryVariable(name).label(label).datasource(DATASOURCE)
        variable = variable.query(promql).definition(promql)
        return variable.refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
            models.VariableSort.ALPHABETICAL_ASC
        )

    return [
        dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        query("job", "Job (one model)", "label_values(seamark_items_total, job)"),
        query("instance", "Instance", 'label_values(seamark_items_total{job="$job"}, instance)')
        .multi(True)
        .include_all(True)
        .all_value(".+"),
        query("class", "Class", 'label_values(seamark_class_share_ratio{job="$job"}, class)')
        .multi(True)
        .include_all(True)
        .all_value(".+"),
    ]


def seamark() -> dashboard.Dashboard:
    """Return the dashboard `Seamark`."""
    board = (
        dashboard.Dashboard("Seamark")
        .uid(UID)
        .description("What users feel, what the model says about the mix of classes, what the machine does.")
        .tags(list(TAGS))
        .readonly()
        .timezone("utc")
        .refresh("30s")
        .time("now-6h", "now")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Seamark dashboards")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags(list(TAGS))
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
    )
    for variable in _variables():
        board.with_variable(variable)
    for annotation in _annotations():
        board.annotation(annotation)
    rows = {
        "What users feel": _users(),
        "What the model says": drift() + _answers(),
        "What the machine does": _machine(),
    }
    number = 0
    for title, panels in rows.items():
        number += 1
        board.with_row(dashboard.Row(title).id(number))
        for panel in panels:
            number += 1
            board.with_panel(panel.id(number))
    return board


def to_json() -> str:
    """Return the dashboard as the text of `seamark.json`."""
    return json.dumps(seamark().build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    OUTPUT.write_text(to_json(), encoding="utf-8")
