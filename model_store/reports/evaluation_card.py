"""Evaluation card: what does a reader of plain text learn from an evaluation?"""

from collections.abc import Sequence

from model_store.reports.confusion import MATRIX_CLASSES, matrix, most_confused
from model_store.reports.evaluation import ClassFigures, CostFigures, Evaluation
from model_store.reports.findings import (
    findings,
    how_intervals_are_made,
    percent,
    two,
    verdict_rows,
    words,
)
from model_store.reports.markdown import bullets, cell, number, sections, table
from model_store.reports.slices import Slice


def evaluation_card(evaluation: Evaluation) -> str:
    """Return the figures of an evaluation in Markdown; the page of `html_report` has them drawn."""
    data = evaluation.data or "the test rows of its fit"
    return sections(
        f"# {cell(evaluation.model or 'Evaluation')} on {cell(data)}",
        f"{evaluation.rows:,} rows, {evaluation.task}, {len(evaluation.classes)} classes.",
        bullets(findings(evaluation)),
        _claims(evaluation),
        "## Classes\n\n" + class_table(evaluation.classes),
        _missing(evaluation.classes),
        "## Review\n\n" + decision_table(evaluation),
        _confusion(evaluation),
        cost_section(evaluation),
        "## Calibration\n\n" + calibration_table(evaluation.classes),
        _slices("By source", "source", evaluation.sources),
        _slices("Over time", "period", evaluation.times),
        f"## Reading\n\n{how_intervals_are_made(evaluation)} A dash is a figure that cannot be measured.",
    )


def class_table(classes: Sequence[ClassFigures]) -> str:
    """Return a row per class: how many there are, and how well they are found."""
    head = ["class", "rows", "share", "flagged", "recall", "precision", "PR-AUC", "ROC-AUC"]
    return table(
        head,
        (
            [
                each.name,
                f"{each.positives:,}",
                percent(each.prevalence),
                f"{each.flagged:,}",
                words(each.recall),
                words(each.precision),
                number(each.pr_auc),
                number(each.roc_auc),
            ]
            for each in classes
        ),
    )


def calibration_table(classes: Sequence[ClassFigures]) -> str:
    """Return the calibration error of each class before and after."""
    rows = ([each.name, number(each.ece_before, 4), number(each.ece_after, 4)] for each in classes)
    return table(["class", "calibration error before", "after"], rows)


def decision_table(evaluation: Evaluation) -> str:
    """Return the share of items of each decision."""
    rows = ([name, percent(value)] for name, value in evaluation.decisions.items())
    return table(["decision", "share of items"], rows)


def cost_section(evaluation: Evaluation) -> str:
    """Return what ways to decide cost per item; empty without costs."""
    costs = evaluation.costs
    if costs is None:
        return ""
    rows = (
        [each.decides, f"{each.realised:.4g}", f"{each.expected:.4g}", percent(each.review_share)]
        for each in costs.lines
    )
    head = ["who decides", "cost per item", "expected", "to review"]
    by_class = (
        [
            each.class_name,
            f"{each.items:,}",
            *(cost(value) for value in (each.most_probable, each.bayes, each.bayes_with_review)),
            f"{each.dearest}: {each.dearest_cost:g}",
        ]
        for each in costs.classes
    )
    names = [
        "true class",
        "rows",
        "most probable class",
        "least expected cost",
        "or review",
        "dearest answer",
    ]
    parts = ("## What an item costs", table(head, rows), threshold_sentence(costs), table(names, by_class))
    return "\n\n".join(parts)


def threshold_sentence(costs: CostFigures) -> str:
    """Say what the one threshold for all is, and that it flatters itself."""
    if costs.threshold is None:
        return f"No one threshold for all is cheaper than always answering {cell(costs.constant)}."
    return (
        f"The one threshold for all answers {cell(costs.constant)} unless another class reaches "
        f"{costs.threshold:.3g}. It is the best one for these very rows, which flatters it."
    )


def cost(value: float | None) -> str:
    """Return a cost, or a dash where no item has one."""
    return "-" if value is None else f"{value:.4g}"


def _claims(evaluation: Evaluation) -> str:
    rows = [
        [
            each.name,
            f"{check.aspect} >= {two(check.asked)}",
            check.basis,
            words(check.measured),
            f"{check.measured.rows:,}",
            check.verdict,
        ]
        for each in evaluation.classes
        for check in each.checks
    ]
    if not rows:
        return ""
    head = ["class", "asked", "status", "measured", "rows", "verdict"]
    parts = ("## What was asked, and what these rows say", verdict_rows(evaluation), table(head, rows))
    return "\n\n".join(filter(None, parts))


def _confusion(evaluation: Evaluation) -> str:
    """Return the matrix, each row divided by its weight; of many classes what is confused most."""
    if len(evaluation.classes) <= MATRIX_CLASSES:
        head = ["true class", *(f"called {name}" for name in evaluation.confusion.columns)]
        rows = (
            [each.name, *("-" if share is None else percent(share) for share in each.shares)]
            for each in matrix(evaluation)
        )
        return f"## Confusion\n\n{table(head, rows)}"
    confused = most_confused(evaluation.confusion, evaluation.classes)
    if not confused:
        return ""
    found = ([each.true, each.answered, percent(each.share), f"{each.rows:g}"] for each in confused)
    return f"## Confused most\n\n{table(['true class', 'called', 'share of the class', 'rows'], found)}"


def _missing(classes: Sequence[ClassFigures]) -> str:
    return bullets(f"{each.name}: {each.missing}" for each in classes if each.missing)


def _slices(title: str, what: str, slices: Sequence[Slice]) -> str:
    if not slices:
        return ""
    rows = (
        [each.name, f"{each.rows:,}", number(each.macro_f1_policy), percent(each.review_share)]
        for each in slices
    )
    return f"## {title}\n\n" + table([what, "rows", "macro-F1", "to review"], rows)
