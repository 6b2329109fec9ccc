"""What does an operator see of drift? The dashboard's panels about what moved and what that means.

Drift belongs to the model and not to a replica: every replica exports what the shared store says, so these
panels take the maximum over replicas.
"""

from typing import Any, Final

from monitoring.grafana.panels import (
    BAD,
    CALM,
    CLASS,
    JOB,
    Query,
    figure,
    graph,
    grid,
    note,
    steps,
    timeline,
)

STATE_COLORS: Final = {"warming": "blue", "calm": CALM, "drift": BAD, "blind": "purple"}

WHAT_TO_DO: Final = """\
**Drift?** Read *Which class, since when*: a class counts as moved when its evidence passes the threshold.

1. A planned change or one noisy source? Write it down and freeze a new baseline.
2. Otherwise pull the open batch, label it, hand the labels back.
3. Refit, compare, promote; the marker *model promoted* appears on every panel.

**Lag?** Predictions still flow, drift is unwatched: see the last row.

Runbooks: `docs/runbooks/drift.md`, `watcher-lag.md`, `errors.md`
"""


def drift() -> list[Any]:
    """Return the panels of drift: its state, then what moved, then what it means."""
    statistic = f"max(seamark_drift_statistic{{{JOB}}})"
    threshold = f"max(seamark_drift_threshold{{{JOB}}})"
    current = f'max by (class) (seamark_class_share_ratio{{{CLASS}, kind="current"}})'
    reference = f'max by (class) (seamark_class_share_ratio{{{CLASS}, kind="reference"}})'
    evidence = f"max by (class) (seamark_drift_evidence{{{CLASS}}})"
    detectable = f"max by (class) (seamark_detectable_items{{{CLASS}}})"
    streams = f"max by (stream) (seamark_drift_stream_evidence{{{JOB}}})"
    prior = {
        bound: f'max by (class) (seamark_prior_estimate_ratio{{{CLASS}, bound="{bound}"}}) >= 0'
        for bound in ("estimate", "low", "high")
    }
    precision = f"max by (class) (seamark_expected_precision_ratio{{{CLASS}}}) >= 0"
    can_double = f'max by (class) (seamark_class_share_ratio{{{CLASS}, kind="reference"}}) < 0.5'
    return [
        figure(
            "Mix of classes",
            "warming: no class at twice its share would have been noticed yet. calm: at least one would, and "
            "none has moved; *Doubling not noticeable* names those it says nothing about. drift: at least "
            "one has moved. blind: no items for 15 minutes.",
            Query(f"max by (state) (seamark_drift_state{{{JOB}}}) == 1", "{{state}}"),
            unit="none",
            height=5,
            name_only=True,
            colors=STATE_COLORS,
        ),
        figure(
            "Drift since",
            "When the detector dates the beginning of the drift in force: the start of the window that "
            "shows it best, which lies before the alarm.",
            Query(f"max(seamark_drift_since_timestamp_seconds{{{JOB}}} > 0) * 1000", "since"),
            unit="dateTimeFromNow",
            height=5,
            no_value="no drift",
        ),
        figure(
            "Statistic over threshold",
            "How sure: from 1 up it is drift. The threshold is set so that a false alarm comes at most once "
            "in SEAMARK_FALSE_ALARM_DAYS days on average.",
            Query(f"{statistic} / ({threshold} > 0)", "statistic / threshold"),
            unit="none",
            height=5,
            decimals=2,
            thresholds=steps(green=None, yellow=0.8, red=1),
        ),
        figure(
            "Model in force",
            "The bundle that answers. Two during a rollout; two for longer means a replica did not swap.",
            Query(f"max by (name, version) (seamark_model_info{{{JOB}}}) == 1", "{{name}}@{{version}}"),
            unit="none",
            height=5,
            name_only=True,
        ),
        note("What to do", "First steps; the runbooks have the rest.", WHAT_TO_DO, width=8, height=5),
        graph(
            "Drift statistic",
            "Largest evidence over all classes and windows. The dashed line is the threshold in force; "
            "SeamarkDrift opens a ticket when the statistic passes it.",
            [Query(statistic, "statistic"), Query(threshold, "threshold")],
            unit="none",
            width=12,
            dashed="threshold",
        ),
        timeline(
            "State over time",
            "One band per state. Gaps are times without a scrape.",
            Query(f"max by (state) (seamark_drift_state{{{JOB}}})", "{{state}}"),
            colors=STATE_COLORS,
        ),
        grid(
            "Which class",
            "Shares of the most probable class, whatever was answered, in the reference and in the current "
            "window, how strong the evidence is that they differ (nats; compare with the threshold above), "
            "and after how many items a doubling of this class would be noticed at all (empty: never). "
            "`no_class_passes` is the share of items below every threshold.",
            [
                Query(reference, "reference"),
                Query(current, "current"),
                Query(f"{current} / ({reference} > 0)", "times the reference"),
                Query(evidence, "evidence"),
                Query(f"{detectable} < Inf", "items to notice a doubling"),
            ],
            units={
                "reference": "percentunit",
                "current": "percentunit",
                "times the reference": "none",
                "evidence": "none",
                "items to notice a doubling": "short",
            },
            sort_by="evidence",
            width=18,
        ),
        grid(
            "Doubling not noticeable",
            "Classes too rare for this baseline: at twice its share none of them would ever be noticed, also "
            "while the state is calm. A baseline of more items (SEAMARK_BASELINE_ITEMS) can show them. All "
            "classes are listed before there is a baseline.",
            [Query(f"({can_double}) and on (class) ({detectable} == Inf)", "reference")],
            units={"reference": "percentunit"},
            sort_by="reference",
            width=6,
        ),
        graph(
            "Share of each class",
            "Current window against reference (dashed). Pick classes with the variable `class`.",
            [Query(current, "{{class}}"), Query(reference, "{{class}} (reference)")],
            unit="percentunit",
            width=12,
            dashed=".*\\(reference\\)",
        ),
        graph(
            "Evidence by class",
            "Evidence that the share of a class has moved, with the threshold (dashed).",
            [Query(evidence, "{{class}}"), Query(threshold, "threshold")],
            unit="none",
            width=12,
            dashed="threshold",
        ),
        graph(
            "Evidence by stream",
            "Evidence within each stream of counts, with the threshold (dashed): the classes answered, the "
            "scores, and what was measured of the inputs. Scores or inputs without the classes say that "
            "items look different while the mix stays.",
            [Query(streams, "{{stream}}"), Query(threshold, "threshold")],
            unit="none",
            width=12,
            dashed="threshold",
        ),
        figure(
            "Former version's view",
            "After a promotion the detector of the version before keeps watching the new one's answers until "
            "the new baseline is frozen. Its drift opens a ticket too.",
            Query(f"max by (state) (seamark_drift_shadow_state{{{JOB}}}) == 1", "{{state}}"),
            unit="none",
            height=8,
            name_only=True,
            colors=STATE_COLORS,
            no_value="none",
        ),
        figure(
            "Alarm looked after",
            "Yes while somebody has acknowledged the open alarm; no as well when none is open.",
            Query(f"max(seamark_alarm_acknowledged{{{JOB}}})", "looked after"),
            unit="bool_yes_no",
            height=8,
        ),
        figure(
            "False alarms",
            "Alarms that a person called false, in the time range of the dashboard. Several say that a "
            "setting does not fit the traffic: the runbook of SeamarkDrift has a list.",
            Query(f"max(increase(seamark_alarms_false_total{{{JOB}}}[$__range]))", "false"),
            unit="short",
            height=8,
            decimals=0,
            thresholds=steps(green=None, yellow=1),
        ),
        graph(
            "How common each class is",
            "Estimated share of the true class, corrected for the model's confusions, with its 95 % interval "
            "(dashed). Empty where the traffic cannot be explained by another mix of the known classes: an "
            "estimate would be wrong then.",
            [
                Query(prior["estimate"], "{{class}}"),
                Query(prior["low"], "{{class}} (low)"),
                Query(prior["high"], "{{class}} (high)"),
            ],
            unit="percentunit",
            width=12,
            dashed=".*\\((low|high)\\)",
        ),
        graph(
            "Precision left",
            "Precision of each class's threshold at the present mix, estimated without labels. Empty when "
            "withdrawn, as beside.",
            [Query(precision, "{{class}}")],
            unit="percentunit",
            width=12,
            highest=1,
        ),
    ]
