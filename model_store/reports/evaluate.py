"""Evaluate: how good is a model on rows it has never seen, and do they contradict what it claims?"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, cast

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibration import (
    AnyLabels,
    Float32s,
    Float64s,
    Labels,
    Probabilities,
    indicators,
)
from model_store.calibrating.reliability import Curve, brier, classwise_ece, log_loss, reliability_curve
from model_store.costs import Costs
from model_store.policy import ABSTAINED, ACCEPTED, DECISIONS, NO_CLASS_PASSES, Decisions, Policy
from model_store.promises.thresholds import ClassThreshold
from model_store.reports.card import card
from model_store.reports.cost_report import cost_report
from model_store.reports.evaluation import (
    NO_ANSWER,
    ClassFigures,
    Confusion,
    CostFigures,
    CostLine,
    Evaluation,
)
from model_store.reports.metrics import (
    DIGITS,
    Bools,
    Scores,
    Share,
    average_precision,
    macro_f1,
    roc_auc,
    threshold_curve,
)
from model_store.reports.slices import Answers, by_source, figures_of, over_time
from model_store.reports.verdicts import Check, checks

__all__ = ["Evaluation", "average_precision", "card", "evaluate", "macro_f1"]

# Beyond this many classes a curve is drawn of a few only, so each keeps fewer points.
MANY_CLASSES: Final = 20
_EVEN_ODDS: Final = np.float32(0.5)
_BLOCK: Final = 1_024


def evaluate(
    decisions: Decisions,
    labels: AnyLabels,
    *,
    before: Probabilities,
    policy: Policy | None = None,
    class_ece_before: Float64s | None = None,
    class_ece_after: Float64s | None = None,
    weights: Float64s | None = None,
    sources: Sequence[str] | None = None,
    times: Sequence[float] | None = None,
    costs: Costs | None = None,
    seen: Bools | None = None,
) -> Evaluation:
    """Measure decisions on labelled rows.

    Parameters
    ----------
    labels : int array of shape (n_items,) or bool array of shape (n_items, n_classes)
        A number of -1 is none of the classes; see `Evaluation.no_class`.
    before : float32 array of shape (n_items, n_classes)
        The classifier's own probabilities of the same rows.
    policy : Policy, optional
        What decided; without it classes have numbers for names, and nothing is checked against a claim.
    class_ece_before, class_ece_after : float64 array of shape (n_classes,), optional
        From `classwise_ece` on all rows that neither classifier nor calibration was fitted on, where the
        rows here are only some of them and few for 15 bins. By default these rows.
    weights : float64 array of shape (n_items,), optional
        How many items of the traffic each row stands for.
    sources, times : sequence, optional
        Of each row; times in seconds since the epoch.
    costs : Costs, optional
        By default those of the policy, where it has any; only with one label an item.
    seen : bool array of shape (n_items,), optional
        Rows that the model was fitted on: figures count them, the verdicts on claims leave them out.
    """
    answers = answers_of(decisions, labels, policy=policy, weights=weights)
    unseen = answers if seen is None or not seen.any() else answers.at(~seen)
    known = np.ones(len(labels), np.bool_) if labels.ndim == 2 else labels >= 0
    whole = figures_of(answers, "all rows")
    ece_before = _ece(before, labels) if class_ece_before is None else class_ece_before
    ece_after = _ece(decisions.probabilities, labels) if class_ece_after is None else class_ece_after
    return Evaluation(
        rows=len(decisions),
        task=_task(labels, answers.classes),
        weighted=weights is not None,
        delta=None if policy is None else policy.delta,
        macro_f1=whole.macro_f1,
        macro_f1_policy=whole.macro_f1_policy,
        log_loss_before=log_loss(before[known], labels[known]),
        log_loss_after=log_loss(decisions.probabilities[known], labels[known]),
        brier_before=brier(before[known], labels[known]) if known.any() else 0.0,
        brier_after=brier(decisions.probabilities[known], labels[known]) if known.any() else 0.0,
        decisions={name: answers.mean(decisions.decision == index) for index, name in enumerate(DECISIONS)},
        review_share=whole.review_share,
        classes=tuple(
            replace(
                _figures(answers, before, decisions.probabilities, policy, k=k),
                checks=() if policy is None else _checks(unseen, policy.thresholds[k], k),
                ece_before=_or_none(ece_before[k]),
                ece_after=_or_none(ece_after[k]),
            )
            for k in range(len(answers.classes))
        ),
        confusion=_confusion(answers),
        sources=() if sources is None else by_source(answers, sources),
        times=() if times is None else over_time(answers, times),
        costs=_costs(costs or getattr(policy, "costs", None), decisions, labels, answers),
        no_class=int(np.count_nonzero(~known)),
    )


def answers_of(
    decisions: Decisions,
    labels: AnyLabels,
    *,
    policy: Policy | None = None,
    weights: Float64s | None = None,
) -> Answers:
    """Return what is true of each item and what was said about it, one column a class."""
    p, flags = decisions.probabilities, decisions.flags
    several, n_classes = labels.ndim == 2, p.shape[1]
    called = flags if several else indicators(decisions.label, n_classes)
    abstained, nothing = decisions.decision == ABSTAINED, decisions.decision == NO_CLASS_PASSES
    # With several labels an item, none is an answer like any other unless the owner asks for one.
    fine = nothing & (several and (policy is None or not policy.require_one))
    return Answers(
        tuple(map(str, range(n_classes))) if policy is None else policy.classes,
        positive=indicators(labels, n_classes),
        flags=flags,
        caught=flags if policy is None else flags | (p >= _review_from(policy)),
        naive=p >= _EVEN_ODDS if several else indicators(decisions.top, n_classes),
        called=called & ~abstained[:, None],
        review=(decisions.decision != ACCEPTED) & ~fine,
        weights=weights,
        several=several,
    )


def _checks(answers: Answers, threshold: ClassThreshold, k: int) -> tuple[Check, ...]:
    return checks(threshold, caught=answers.caught_share(k), precision=answers.precision(k))


def _costs(
    costs: Costs | None, decisions: Decisions, labels: AnyLabels, answers: Answers
) -> CostFigures | None:
    if costs is None or labels.ndim == 2 or not (labels >= 0).any():
        return None
    known = np.flatnonzero(labels >= 0)  # a table of costs has no row for what is none of the classes
    true = cast(Labels, labels)[known]
    weights = None if answers.weights is None else answers.weights[known]
    found = cost_report(costs, decisions.probabilities[known], true, weights=weights)
    lines = [_policy_line(costs, decisions, true, answers, known)]
    lines += [
        CostLine(name, way.realised, way.expected, way.review_share) for name, way in found.ways.items()
    ]
    return CostFigures(tuple(lines), found.classes, found.constant, found.threshold)


def _policy_line(
    costs: Costs, decisions: Decisions, true: Labels, answers: Answers, known: npt.NDArray[np.intp]
) -> CostLine:
    """Price what was decided; what goes to people costs a review, or its likeliest answer without one.

    `known` are the rows that are of a class, and `true` their classes.
    """
    label = np.where(decisions.label < 0, decisions.top, decisions.label)[known]
    review, weights = answers.review[known], None if answers.weights is None else answers.weights[known]
    expected = costs.expected(decisions.probabilities[known])[np.arange(len(true)), label]
    reviewed = review & (costs.review is not None)
    realised = np.where(reviewed, costs.review or 0.0, costs.matrix[true, label])
    foreseen = np.where(reviewed, costs.review or 0.0, expected)
    return CostLine(
        "policy in force",
        float(np.average(realised, weights=weights)),
        float(np.average(foreseen, weights=weights)),
        float(np.average(review, weights=weights)),
    )


def _task(labels: AnyLabels, classes: Sequence[str]) -> str:
    if labels.ndim == 2:
        return "multilabel"
    return "binary" if len(classes) == 2 else "multiclass"


def _review_from(policy: Policy) -> Float32s:
    """Return from which probability on each class is flagged or left to people."""
    lowest = [t.threshold if t.review_from is None else t.review_from for t in policy.thresholds]
    return np.array(lowest, dtype=np.float32)


def _figures(
    answers: Answers, before: Probabilities, after: Probabilities, policy: Policy | None, *, k: int
) -> ClassFigures:
    scores, positive, weights = after[:, k], answers.positive[:, k], answers.weights
    threshold = None if policy is None else policy.thresholds[k]
    recall, precision = answers.recall(k), answers.precision(k)
    few = len(answers.classes) > MANY_CLASSES
    return ClassFigures(
        name=answers.classes[k],
        positives=recall.rows,
        flagged=precision.rows,
        prevalence=answers.mean(positive),
        status=None if threshold is None else threshold.status,
        threshold=None if threshold is None else threshold.threshold,
        review_from=None if threshold is None else threshold.review_from,
        pr_auc=average_precision(scores, positive, weights),
        roc_auc=roc_auc(scores, positive, weights),
        recall=recall,
        precision=precision,
        ece_before=None,
        ece_after=None,
        missing=_missing(recall, precision, len(answers)),
        curve=threshold_curve(scores, positive, weights, most=25 if few else 60),
        reliability_before=_reliability(before[:, k], positive),
        reliability_after=_reliability(scores, positive),
    )


def _reliability(scores: Scores, positive: Bools) -> Curve | None:
    if not positive.any():
        return None
    curve = reliability_curve(scores, positive)
    return Curve(_rounded(curve.mean), _rounded(curve.share), curve.items)


def _rounded(values: Sequence[float]) -> tuple[float, ...]:
    return tuple(round(value, DIGITS) for value in values)


def _missing(recall: Share, precision: Share, rows: int) -> str | None:
    """Say which figures of a class cannot be measured, and why."""
    if not recall.rows:
        return "no row is of this class: neither recall nor areas can be measured"
    reasons = []
    if recall.rows == rows:
        reasons.append("every row is of this class: precision is 1 whatever is flagged, ROC-AUC undefined")
    if not precision.rows:
        reasons.append("no row is flagged: precision cannot be measured")
    return "; ".join(reasons) or None


def _confusion(answers: Answers) -> Confusion:
    none = ~answers.called.any(axis=1)
    said = np.column_stack([answers.called, none])
    counts = tuple(_counts(said[mine], answers.weights, mine) for mine in answers.positive.T)
    return Confusion((*answers.classes, NO_ANSWER), counts)


def _counts(said: Bools, weights: Float64s | None, mine: Bools) -> tuple[float, ...]:
    summed = said.sum(axis=0) if weights is None else weights[mine] @ said
    return tuple(summed.tolist())


def _ece(probabilities: Probabilities, labels: AnyLabels) -> Float64s:
    if not len(labels):
        return np.full(probabilities.shape[1], np.nan)
    return classwise_ece(probabilities, labels)


def _or_none(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
