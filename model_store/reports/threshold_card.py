"""Threshold card: what does each class promise, how sure is that, and what could be had instead?"""

from collections.abc import Sequence
from typing import Final

from model_store.promises.thresholds import ClassThreshold
from model_store.reports.evaluation import Evaluation
from model_store.reports.findings import percent
from model_store.reports.markdown import bounded, cell, number, table

_MEANING: Final = {
    "certified": "the guarantee is exact: on traffic like the threshold rows it fails with probability "
    "at most delta",
    "empirical": "it held on the threshold rows with a bound read at many candidates; no proof",
    "infeasible": "no threshold reached the targets; it acts by the priority of its target, and the table of "
    "what can be had instead says what is possible",
    "insufficient_data": "too few positives to claim anything; the threshold is shrunk towards the others",
}
_GOAL: Final = {
    "best_precision_at_recall": "best precision at the recall asked for",
    "best_recall_at_precision": "best recall at the precision asked for",
    "highest_precision": "highest precision of any threshold",
}
_MOST_LISTED: Final = 30


def threshold_section(
    thresholds: Sequence[ClassThreshold],
    evaluation: Evaluation,
    *,
    delta: float,
    joint: bool = False,
    sample: bool = True,
) -> str:
    """Return the thresholds in Markdown, with what their statuses mean; parameters as for `card.card`."""
    parts = (
        "## Thresholds\n\n" + _threshold_table(thresholds, evaluation),
        _pointwise(thresholds),
        _promises(thresholds, delta, joint=joint, sample=sample),
    )
    return "\n\n".join(filter(None, parts))


def frontier_section(thresholds: Sequence[ClassThreshold]) -> str:
    """Return what the classes whose targets are infeasible can have; empty without such a class."""
    rows = [
        [
            t.class_name,
            _target(t),
            _GOAL[point.goal],
            f"{point.threshold:.4g}",
            bounded(point.recall),
            bounded(point.precision),
        ]
        for t in thresholds
        for point in t.frontier or ()
    ]
    if not rows:
        return ""
    head = ["class", "target", "what", "threshold", "recall (pointwise bound)", "precision (pointwise bound)"]
    return "## What can be had instead\n\n" + table(head, rows)


def _threshold_table(thresholds: Sequence[ClassThreshold], evaluation: Evaluation) -> str:
    parts = list(thresholds[0].n_positive) if thresholds else []
    head = [
        "class",
        f"positives: {' / '.join(parts)}",
        "target",
        "status",
        "threshold",
        "recall (bound)",
        "precision (bound)",
        "on test rows: recall, precision",
    ]
    return table(
        head,
        (
            [
                t.class_name,
                _positives(t),
                _target(t),
                t.status,
                _threshold(t),
                bounded(t.recall, claimed=_claimed(t, t.target.recall)),
                bounded(t.precision, claimed=_claimed(t, t.target.precision)),
                f"{number(each.recall.estimate)}, {number(each.precision.estimate)}",
            ]
            for t, each in zip(thresholds, evaluation.classes, strict=True)
        ),
    )


def _positives(t: ClassThreshold) -> str:
    """Return the positives of each part; in how many groups, where those of the threshold part share some."""
    groups = "" if t.n_groups is None else f" in {t.n_groups} groups"
    return " / ".join(f"{n}{groups if part == 'threshold' else ''}" for part, n in t.n_positive.items())


def _claimed(t: ClassThreshold, asked: float | None) -> bool:
    return t.status == "certified" and asked is not None


def _pointwise(thresholds: Sequence[ClassThreshold]) -> str:
    asked = ((t, (t.target.recall, t.target.precision)) for t in thresholds)
    if all(_claimed(t, value) for t, both in asked for value in both):
        return ""
    return (
        "A pointwise bound is no part of a certified claim: it holds for a threshold chosen beforehand, and "
        "these were chosen on the same rows."
    )


def _promises(thresholds: Sequence[ClassThreshold], delta: float, *, joint: bool, sample: bool) -> str:
    used = [status for status in _MEANING if any(t.status == status for t in thresholds)]
    lines = [f"- `{status}`: {_MEANING[status]}." for status in used]
    needed = {t.class_name: t.n_needed for t in thresholds if t.n_needed}
    if needed:
        listed = ", ".join(f"{cell(name)} {n}" for name, n in list(needed.items())[:_MOST_LISTED])
        lines.append(f"- further positives that a claim takes: {listed}.")
    left = [
        f"{cell(t.class_name)} {percent(t.review_share.estimate or 0)}" for t in thresholds if t.review_share
    ]
    if left:
        lines.append(f"- items left to people, by class: {', '.join(left)}; recall counts them as found.")
    if not sample:
        lines.append(
            "- the rows are no sample of the traffic, so nothing is certified, however many they are."
        )
    together = " for all classes together" if joint else ""
    own = (
        ""
        if len({t.delta for t in thresholds}) <= 1
        else "; a class with a confidence of its own has its own"
    )
    return "\n".join([f"Delta is {delta:g}{together}{own}.", "", *lines])


def _threshold(t: ClassThreshold) -> str:
    if t.review_from is None:
        return f"{t.threshold:.4g}"
    return f"{t.threshold:.4g}, review from {t.review_from:.4g}"


def _target(t: ClassThreshold) -> str:
    asked = (("recall", t.target.recall), ("precision", t.target.precision))
    said = ", ".join(f"{what} >= {value:g}" for what, value in asked if value is not None)
    return said if t.target.priority == "recall_first" else f"{said} ({t.target.priority})"
