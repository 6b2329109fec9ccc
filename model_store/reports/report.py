"""Report: how does an evaluation become one HTML page that opens anywhere?

The page holds its styles and figures; it loads nothing and runs nothing. It reads on a phone and in black and
white, and for the same evaluation it is the same bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from model_store.reports import plots
from model_store.reports.confusion import MATRIX_CLASSES, matrix, most_confused
from model_store.reports.evaluation import ClassFigures, Evaluation
from model_store.reports.evaluation_card import cost, threshold_sentence
from model_store.reports.findings import (
    findings,
    how_intervals_are_made,
    overlap_sentence,
    percent,
    two,
    verdict_rows,
)
from model_store.reports.slices import Slice, SliceClass

TEMPLATE: Final = "report.html.jinja"
# A figure per class stays readable for so many; the tables have all.
MOST_DRAWN: Final = 8
MOST_IN_TABLE: Final = 30
MOST_WATCHED: Final = 4
_DRAWN_IN_INTERVALS: Final = 20


@dataclass(frozen=True, slots=True)
class Drawn:
    """The figures of a page, each an svg element, with captions where there are several."""

    intervals: str
    thresholds: tuple[tuple[str, str], ...]
    reliability: tuple[tuple[str, str], ...]
    times: tuple[tuple[str, str], ...]


def html_report(evaluation: Evaluation) -> str:
    """Return the whole page."""
    ranked = by_urgency(evaluation.classes)
    in_order = evaluation.classes if len(evaluation.classes) <= MOST_IN_TABLE else ranked
    small = len(evaluation.classes) <= MATRIX_CLASSES
    watched = [each.name for each in ranked[:MOST_WATCHED]]
    page = {
        "e": evaluation,
        "title": " on ".join(filter(None, (evaluation.model, evaluation.data))) or "Evaluation",
        "findings": findings(evaluation),
        "intervals": how_intervals_are_made(evaluation),
        "checked": [(each.name, check) for each in in_order[:MOST_IN_TABLE] for check in each.checks],
        "checked_more": [(each.name, check) for each in in_order[MOST_IN_TABLE:] for check in each.checks],
        "first": in_order[:MOST_IN_TABLE],
        "rest": in_order[MOST_IN_TABLE:],
        "missing": any(each.missing for each in evaluation.classes),
        "drawn": draw(evaluation, ranked, watched),
        "matrix": matrix(evaluation) if small else (),
        "confused": () if small else most_confused(evaluation.confusion, evaluation.classes),
        "watched": watched,
        "whole": whole(evaluation),
        "threshold_sentence": "" if evaluation.costs is None else threshold_sentence(evaluation.costs),
        "verdict_rows": verdict_rows(evaluation),
        "seen_sentence": "" if evaluation.seen is None else overlap_sentence(evaluation.seen),
    }
    return _environment().get_template(TEMPLATE).render(page)


def by_urgency(classes: Sequence[ClassFigures]) -> tuple[ClassFigures, ...]:
    """Return the classes with rows first: contradicted, then below what was asked, then by PR-AUC."""

    def urgency(figures: ClassFigures) -> tuple[bool, bool, bool, float]:
        return (
            not figures.positives,
            not any(check.verdict == "contradicted" for check in figures.checks),
            not any(check.measured.upper < check.asked for check in figures.checks),
            1.0 if figures.pr_auc is None else figures.pr_auc,
        )

    return tuple(sorted(classes, key=urgency))


def draw(evaluation: Evaluation, ranked: Sequence[ClassFigures], watched: Sequence[str]) -> Drawn:
    """Draw what is shown; ids are numbered, so that no name of a class can break one."""
    shown = ranked[:MOST_DRAWN]
    measured = [each for each in ranked[:_DRAWN_IN_INTERVALS] if each.recall.rows or each.precision.rows]
    return Drawn(
        plots.intervals(measured, key="intervals") if measured else "",
        tuple(
            (each.name, plots.threshold(each, each.curve, key=f"threshold-{i}"))
            for i, each in enumerate(shown)
            if each.curve
        ),
        tuple(
            (each.name, plots.reliability(each.name, before, after, key=f"reliability-{i}"))
            for i, each in enumerate(shown)
            if (before := each.reliability_before) and (after := each.reliability_after)
        ),
        _draw_times(evaluation, watched),
    )


def _draw_times(evaluation: Evaluation, watched: Sequence[str]) -> tuple[tuple[str, str], ...]:
    if len(evaluation.times) < 2:
        return ()
    asked = {
        each.name: check.asked
        for each in evaluation.classes
        for check in each.checks
        if check.aspect == "recall"
    }
    return (
        ("all classes", plots.over_time(evaluation.times, key="time")),
        *(
            (
                f"recall of {name}",
                plots.recall_over_time(name, evaluation.times, asked.get(name), key=f"time-{i}"),
            )
            for i, name in enumerate(watched)
        ),
    )


def whole(evaluation: Evaluation) -> Slice:
    """Return the figures of all rows as a slice, to stand beside those of some."""
    return Slice(
        "all rows",
        evaluation.rows,
        macro_f1=evaluation.macro_f1,
        macro_f1_policy=evaluation.macro_f1_policy,
        review_share=evaluation.review_share,
        classes=tuple(
            SliceClass(each.name, each.positives, recall=each.recall, precision=each.precision)
            for each in evaluation.classes
        ),
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("model_store.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {"two": two, "percent": percent, "cost": cost}
    environment.filters.update(filters)
    return environment
