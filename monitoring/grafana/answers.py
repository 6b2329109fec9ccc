"""What does the model say? The panels of decisions, of its classes, and of what thresholds promise."""

from typing import Any

from monitoring.grafana.panels import CLASS, HERE, JOB, Query, graph, grid


def answers() -> list[Any]:
    """Return decisions, classes, probabilities, thresholds and the size of the window behind the shares."""
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
    ]
