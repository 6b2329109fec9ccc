"""Card: what should the reader of a bundle know before trusting it?"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from model_store.calibrating.calibration import Calibration
from model_store.costs import Costs
from model_store.data.leakage import Leakage
from model_store.policy import Policy
from model_store.promises.thresholds import ClassThreshold
from model_store.reports.cost_report import even_threshold
from model_store.reports.evaluation import Evaluation
from model_store.reports.evaluation_card import class_table, cost_section, decision_table
from model_store.reports.findings import percent
from model_store.reports.markdown import bullets, cell, number, sections, table
from model_store.reports.threshold_card import frontier_section, threshold_section
from model_store.training.selection import Tried

_RULE: Final = {
    "ratio": "Of the flagged classes the label is the one whose probability exceeds its threshold by the "
    "largest factor; with no flag there is no label.",
    "priority": "The label is the first of these classes that is flagged: {priority}. Where none of them is, "
    "it is the flagged class whose probability exceeds its threshold by the largest factor.",
    "costs": "The label is the class whose expected cost is least, whatever is flagged{review}.",
}
_SEVERAL: Final = "The flagged classes are the answer; an item may have several or none."
_COMMON_ROWS: Final = 30
_SAID_ELSEWHERE: Final = frozenset(
    {"rows", "groups", "seed", "split_rows", "estimator", "features", "columns", "claims", "tried", "chosen"}
)


def card(
    *,
    name: str,
    licence: str,
    training: Mapping[str, Any],
    calibration: Calibration,
    thresholds: Sequence[ClassThreshold],
    delta: float,
    evaluation: Evaluation,
    policy: Policy | None = None,
    joint: bool = False,
    sample: bool = True,
    tried: Sequence[Tried] = (),
    chosen: str = "",
    criterion: str = "the criterion",
    leakage: Mapping[str, Leakage] | None = None,
    notes: Sequence[str] = (),
) -> str:
    """Return the model card, in Markdown.

    Parameters
    ----------
    training : mapping
        What the manifest says about where the model comes from; plain values that have no place of their own
        are listed.
    policy : Policy, optional
        How flags become an answer, with costs and priority.
    joint : bool
        `delta` is for all claims together.
    sample : bool
        False: the rows are no sample of the traffic.
    tried : sequence of Tried
        The recipes that were compared, by `criterion`; `chosen` is the name of the one taken.
    leakage : mapping of str to Leakage, optional
        Of each part of the rows but the first, against those before it.
    notes : sequence of str
        What else a reader must know, as whole sentences.
    """
    return sections(
        f"# {cell(name)}",
        bullets(notes),
        _data(training, licence, len(thresholds)),
        _tried(tried, chosen, criterion),
        _answer(policy),
        threshold_section(thresholds, evaluation, delta=delta, joint=joint, sample=sample),
        frontier_section(thresholds),
        _calibration(calibration, thresholds, evaluation),
        _metrics(evaluation),
        _cost_matrix(policy),
        cost_section(evaluation),
        _leakage(leakage),
        _limits(delta, joint=joint),
    )


def _data(training: Mapping[str, Any], licence: str, n_classes: int) -> str:
    return "## Data\n\n" + bullets(_facts(training, licence, n_classes))


def _facts(training: Mapping[str, Any], licence: str, n_classes: int) -> Iterator[str]:
    groups = f" in {training['groups']:,} groups of near-duplicates" if "groups" in training else ""
    if "rows" in training:
        yield f"{training['rows']:,} rows{groups}, {n_classes} classes"
    if "split_rows" in training:
        parts = ", ".join(f"{part} {n:,}" for part, n in training["split_rows"].items())
        yield f"split by group, stratified, seed {training.get('seed', 0)}: {parts}"
    if "estimator" in training:
        yield f"model: {', '.join(_model(training))}"
    for key, value in training.items():
        if key not in _SAID_ELSEWHERE and isinstance(value, str | int | float):
            yield f"{key.replace('_', ' ')}: {value:.3g}" if isinstance(value, float) else _fact(key, value)
    yield f"licence: {licence or 'not stated'}"


def _fact(key: str, value: str | int) -> str:
    return f"{key.replace('_', ' ')}: {value}"


def _model(training: Mapping[str, Any]) -> Iterator[str]:
    yield str(training["estimator"])
    if isinstance(training.get("features"), str):
        yield training["features"]
    if isinstance(training.get("columns"), int):
        yield f"{training['columns']:,} columns"


def _tried(tried: Sequence[Tried], chosen: str, criterion: str) -> str:
    if not tried:
        return ""
    if len(tried) == 1:
        return f"## Recipe\n\n{cell(tried[0].recipe)}, as asked; nothing else was compared."
    rows = (
        [
            f"**{each.recipe}**" if each.recipe == chosen else each.recipe,
            number(each.mean),
            number(each.standard_error),
            number(each.behind),
            number(each.behind_error),
            number(each.seconds, 1),
        ]
        for each in tried
    )
    head = ["recipe", criterion, "standard error", "behind the best", "its standard error", "seconds"]
    return (
        f"## What was tried\n\n{table(head, rows)}\n\n"
        f"By cross-validation on training rows alone, near-duplicates kept together. Taken: {cell(chosen)}."
    )


def _answer(policy: Policy | None) -> str:
    if policy is None:
        return ""
    if policy.task == "multilabel":
        said = _SEVERAL + (" One with none goes to a person." if policy.require_one else "")
    else:
        review = policy.costs.review if policy.costs else None
        dear = (
            f"; where that is more than {review:g}, the item goes to a person" if review is not None else ""
        )
        said = _RULE[policy.rule].format(priority=", ".join(policy.priority), review=dear)
    flagged = "A class is flagged when its calibrated probability reaches its threshold."
    return f"## How an answer is made\n\n{flagged} {cell(said)}"


def _calibration(
    calibration: Calibration, thresholds: Sequence[ClassThreshold], evaluation: Evaluation
) -> str:
    before, after = evaluation.class_ece_before, evaluation.class_ece_after
    if not len(before) or np.isnan(before).all():
        measured = "There are no rows to measure it on."
        return (
            f"## Calibration\n\nMethod: **{calibration.method}**. {_reason(calibration)}"
            f"{_unweighted(evaluation)}{measured}"
        )
    worst = np.argsort(-before, kind="stable")[:_COMMON_ROWS]
    rare = min(range(len(thresholds)), key=lambda k: (evaluation.classes[k].positives or np.inf, k))
    rows = ([thresholds[k].class_name, number(before[k], 4), number(after[k], 4)] for k in worst)
    return "\n\n".join(
        [
            "## Calibration",
            f"Method: **{calibration.method}**. {_reason(calibration)}{_unweighted(evaluation)}".rstrip(),
            f"Class-wise expected calibration error, 15 equal-mass bins: mean {before.mean():.4f} before, "
            f"{after.mean():.4f} after; of the rarest class, {cell(thresholds[rare].class_name)}, "
            f"{before[rare]:.4f} and {after[rare]:.4f}. On test rows log loss is "
            f"{evaluation.log_loss_before:.4f} before and {evaluation.log_loss_after:.4f} after, "
            f"the Brier score {evaluation.brier_before:.4f} and {evaluation.brier_after:.4f}.",
            table(["class", "before", "after"], rows),
        ]
    )


def _reason(calibration: Calibration) -> str:
    reason = str(calibration.choice.get("reason", ""))
    return f"{reason.removesuffix('.')}. " if reason else ""


def _unweighted(evaluation: Evaluation) -> str:
    if not evaluation.weighted:
        return ""
    return (
        "It was fitted without the rows' weights: probabilities are those of a draw from the rows, not from "
        "the traffic that the weights stand for. Thresholds, recall and precision count the weights. "
    )


def _metrics(evaluation: Evaluation) -> str:
    if not evaluation.rows:
        return "## Metrics on test rows\n\nThere are no test rows: nothing was held back to measure on."
    order = sorted(evaluation.classes, key=lambda each: 1.0 if each.pr_auc is None else each.pr_auc)
    naive = "labels at even odds" if evaluation.task == "multilabel" else "the most probable class"
    return "\n\n".join(
        [
            f"## Metrics on test rows\n\n{evaluation.rows:,} rows that fitted nothing.",
            bullets(
                [
                    f"macro-F1 of {naive}: {number(evaluation.macro_f1)}",
                    f"macro-F1 of the policy's answer: {_policy_f1(evaluation)}",
                    f"items that go to a person: {percent(evaluation.review_share)}",
                ]
            ),
            decision_table(evaluation),
            class_table(order[:_COMMON_ROWS]),
            "ROC-AUC flatters rare classes; compare PR-AUC with the class's share, which guessing gets.",
        ]
    )


def _policy_f1(evaluation: Evaluation) -> str:
    """Return the figure, and that it is the price of the targets where it is one."""
    naive, policy = evaluation.macro_f1, evaluation.macro_f1_policy
    dearer = naive is not None and policy is not None and policy < naive
    return number(policy) + (" (the targets have this price)" if dearer else "")


def _cost_matrix(policy: Policy | None) -> str:
    if policy is None or policy.costs is None:
        return ""
    costs = policy.costs
    rows = (
        [true, *(f"{value:g}" for value in line)]
        for true, line in zip(costs.classes, costs.matrix, strict=True)
    )
    review = "nobody reviews" if costs.review is None else f"a review costs {costs.review:g}"
    head = ["true class", *(f"called {cell(name)}" for name in costs.classes)]
    return f"## Costs\n\nIn the owner's unit; {review}.{_even(costs)}\n\n{table(head, rows)}"


def _even(costs: Costs) -> str:
    """Return from which probability on the second of two classes is the cheaper answer."""
    threshold = even_threshold(costs)
    if threshold is None:
        return ""
    return f" {cell(costs.classes[1])} is the cheaper answer from a probability of {threshold:.3g} on."


def _leakage(leakage: Mapping[str, Leakage] | None) -> str:
    if not leakage:
        return ""
    rows = (
        [
            part,
            f"{found.checked:,}",
            f"{found.count:,}",
            ", ".join(f"{each.row} like {each.of or 'an earlier row'}" for each in found.examples) or "-",
        ]
        for part, found in leakage.items()
    )
    similarity = next(iter(leakage.values())).similarity
    return (
        "## Rows that nearly repeat rows of an earlier part\n\n"
        f"{table(['part', 'rows', 'repeat', 'examples'], rows)}\n\n"
        f"Counted from a similarity of {similarity:g} on. What a model has seen flatters its figures."
    )


def _limits(delta: float, *, joint: bool) -> str:
    scope = (
        "- The claims hold for all classes at once with the probability above, on traffic like the rows."
        if joint
        else "- A claim is about one class and about traffic like the rows; for all classes at once fit with "
        f"`--joint`, which divides delta {delta:g} by their number."
    )
    return (
        f"## Limits\n\n{scope}\n"
        "- Claims are about flags. The label among several flags can miss what a flag caught.\n"
        "- When class shares move, a recall threshold stays valid and a precision one does not. When the "
        "contents of a class change, neither does.\n"
        "- Near-duplicates were kept in one split, and claims count a group of them as one row: a class is "
        "certified only where hardly any of its rows repeat."
    )
