"""What do users feel? The panels of requests and of how long they take."""

from typing import Any, Final

from monitoring.grafana.panels import HERE, Query, graph, rate_by

ERROR_RATIO_LEVEL: Final = 0.0144  # of the alert SeamarkErrors; a test compares them


def users() -> list[Any]:
    """Return the first row of the dashboard."""
    failed = f'sum(rate(seamark_requests_total{{{HERE}, outcome=~"unavailable|error"}}[$__rate_interval]))'
    every = f"sum(rate(seamark_requests_total{{{HERE}}}[$__rate_interval]))"
    return [
        graph(
            "Requests",
            "Requests to the prediction route by what became of them. `invalid`, `too_large` and "
            "`unauthorized` are the caller's; `unavailable` and `error` are the service's.",
            [rate_by("outcome", "seamark_requests_total")],
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
            [rate_by("instance", "seamark_items_total")],
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
