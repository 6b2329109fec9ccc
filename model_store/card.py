"""Card: what should the reader of a bundle know before trusting it?"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from model_store.calibration import Calibration
from model_store.evaluation import Evaluation
from model_store.thresholds import ClassThreshold, FrontierPoint, Interval

_MEANING: Final = {
    "certified": "the guarantee is exact: on traffic like the threshold rows it fails with probability "
    "at most delta",
    "empirical": "it held on the threshold rows with a bound read at many candidates; no proof",
    "infeasible": "no threshold reached the targets; it acts on recall first (on precision, where only that "
    "was asked), and the frontier says what can be had",
    "insufficient_data": "too few positives to claim anything; the threshold is shrunk towards the others",
}
_GOAL: Final = {
    "best_precision_at_recall": "best precision at the recall asked for",
    "best_recall_at_precision": "best recall at the precision asked for",
    "highest_precision": "highest precision of any threshold",
}
_COMMON_ROWS: Final = 30


def card(
    *,
    name: str,
    licence: str,
    training: Mapping[str, Any],
    calibration: Calibration,
    thresholds: Sequence[ClassThreshold],
    delta: float,
    evaluation: Evaluation,
) -> str:
    """Return the model card, in Markdown."""
    sections = [
        f"# {name}",
        _data(training, licence, thresholds),
        "## Thresholds\n\n"
        + _threshold_table(thresholds, evaluation)
        + "\n\n"
        + _promises(thresholds, delta),
        _frontiers(thresholds),
        _calibration(calibration, thresholds, evaluation),
        _metrics(evaluation, thresholds),
        _limits(delta),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _data(training: Mapping[str, Any], licence: str, thresholds: Sequence[ClassThreshold]) -> str:
    splits = ", ".join(f"{split} {n:,}" for split, n in training["split_rows"].items())
    return (
        "## Data\n\n"
        f"- {training['rows']:,} rows in {training['groups']:,} groups of near-duplicates, "
        f"{len(thresholds)} classes\n"
        f"- split by group, stratified, seed {training['seed']}: {splits}\n"
        f"- model: {training['estimator']}; {training['features']}, {training['columns']:,} columns\n"
        f"- licence: {licence or 'not stated'}"
    )


def _threshold_table(thresholds: Sequence[ClassThreshold], evaluation: Evaluation) -> str:
    head = (
        "| class | positives: train / calibration / threshold / test | target | status | threshold "
        "| recall (bound) | precision (bound) | on test rows: recall, precision |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    lines = [
        f"| {_cell(t.class_name)} | {' / '.join(str(n) for n in t.n_positive.values())} "
        f"| {_target(t)} | {t.status} | {t.threshold:.4g} | {_interval(t.recall)} | {_interval(t.precision)} "
        f"| {_number(evaluation.recall[k])}, {_number(evaluation.precision[k])} |"
        for k, t in enumerate(thresholds)
    ]
    return "\n".join([head, *lines])


def _promises(thresholds: Sequence[ClassThreshold], delta: float) -> str:
    used = [status for status in _MEANING if any(t.status == status for t in thresholds)]
    lines = [f"- `{status}`: {_MEANING[status]}." for status in used]
    needed = {t.class_name: t.n_needed for t in thresholds if t.n_needed}
    if needed:
        listed = ", ".join(f"{_cell(name)} {n}" for name, n in list(needed.items())[:_COMMON_ROWS])
        lines.append(f"- further positives that a claim takes: {listed}.")
    head = f"A class is flagged when its calibrated probability reaches its threshold; delta is {delta:g}."
    return "\n".join([head, "", *lines])


def _frontiers(thresholds: Sequence[ClassThreshold]) -> str:
    lines = [
        f"| {_cell(t.class_name)} | {_target(t)} | {_GOAL[point.goal]} | {_point(point)} |"
        for t in thresholds
        for point in t.frontier or ()
    ]
    if not lines:
        return ""
    head = "| class | target | what | threshold | recall (bound) | precision (bound) |"
    return "\n".join(["## What can be had instead", "", head, "|---|---|---|---|---|---|", *lines])


def _calibration(
    calibration: Calibration, thresholds: Sequence[ClassThreshold], evaluation: Evaluation
) -> str:
    before, after = evaluation.class_ece_before, evaluation.class_ece_after
    worst = np.argsort(-before, kind="stable")[:_COMMON_ROWS]
    lines = [f"| {_cell(thresholds[k].class_name)} | {before[k]:.4f} | {after[k]:.4f} |" for k in worst]
    return "\n".join(
        [
            "## Calibration",
            "",
            f"Method: **{calibration.method}**. {calibration.choice['reason']}.",
            "",
            f"Class-wise expected calibration error, 15 equal-mass bins: mean {before.mean():.4f} before, "
            f"{after.mean():.4f} after. Log loss on test rows {evaluation.log_loss_before:.4f} before, "
            f"{evaluation.log_loss_after:.4f} after.",
            "",
            "| class | before | after |\n|---|---|---|",
            *lines,
        ]
    )


def _metrics(evaluation: Evaluation, thresholds: Sequence[ClassThreshold]) -> str:
    order = np.argsort(evaluation.pr_auc, kind="stable")[:_COMMON_ROWS]
    lines = [f"| {_cell(thresholds[k].class_name)} | {_number(evaluation.pr_auc[k])} |" for k in order]
    return "\n".join(
        [
            "## Metrics on test rows",
            "",
            f"- macro-F1 of the most probable class: {evaluation.macro_f1:.3f}",
            f"- macro-F1 of the policy's label: {evaluation.macro_f1_policy:.3f} (recall has its price)",
            f"- items that no class passes: {evaluation.review_share:.1%}",
            "",
            "| class | area under the precision-recall curve |\n|---|---|",
            *lines,
        ]
    )


def _limits(delta: float) -> str:
    return (
        "## Limits\n\n"
        "- A claim is about one class and about traffic like the rows; for all classes at once fit with "
        f"delta {delta:g} divided by their number.\n"
        "- Claims are about flags. The label among several flags can miss what a flag caught.\n"
        "- When class shares move, a recall threshold stays valid and a precision one does not. When the "
        "texts of a class change, neither does.\n"
        "- Near-duplicates were kept in one split; repeated texts make the rows worth less than their number."
    )


def _point(point: FrontierPoint) -> str:
    return f"{point.threshold:.4g} | {_interval(point.recall)} | {_interval(point.precision)}"


def _target(t: ClassThreshold) -> str:
    asked = (("recall", t.target.recall), ("precision", t.target.precision))
    return ", ".join(f"{what} >= {value:g}" for what, value in asked if value is not None)


def _interval(interval: Interval) -> str:
    if interval.estimate is None:
        return "-"
    return f"{interval.estimate:.3f} ({interval.lower:.3f})"


def _number(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.3f}"


def _cell(text: str) -> str:
    """Escape what would end a table cell or start HTML."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
