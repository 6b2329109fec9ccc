"""Findings: what do the figures of an evaluation say, in sentences a reader can act on?"""

from collections.abc import Iterator, Sequence
from typing import Final

from model_store.reports.evaluation import ClassFigures, Evaluation, Overlap
from model_store.reports.metrics import INTERVAL_CONFIDENCE, Share
from model_store.reports.slices import Slice
from model_store.reports.verdicts import JUDGEMENTS, Check

# Below this share ROC-AUC flatters: most of its area lies at false-positive rates that nobody could act on.
IMBALANCED: Final = 0.2
_NAMED: Final = 8
_VERB: Final = {"certified": "claimed", "empirical": "expected"}
_OF: Final = {
    "recall": "rows of the class",
    "recall with review": "rows of the class",
    "precision": "flagged rows",
}


def findings(evaluation: Evaluation) -> tuple[str, ...]:
    """Return the most important sentences first."""
    found = (
        *_rows(evaluation),
        *_claims(evaluation),
        *_answers(evaluation),
        *_roc(evaluation),
        *_calibration(evaluation),
        *_slices(evaluation),
        *_costs(evaluation),
        *(() if evaluation.seen is None else (overlap_sentence(evaluation.seen),)),
    )
    return tuple(found)


def sentence(name: str, check: Check) -> str:
    """Return what was claimed of a class, what was measured, and the verdict.

    Examples
    --------
    >>> measured = Share(108.0, 124.0, 124, 108 / 124, 0.799, 0.924)
    >>> sentence("hate", Check("recall", 0.85, "certified", 0.9, 0.86, measured, "not contradicted"))
    'hate: claimed recall >= .85 at 90 %; measured .87 (.80-.92) on 124 rows of the class: not contradicted'
    """
    verb = _VERB.get(check.basis, "asked")
    sure = f" at {check.confidence:.0%}".replace("%", " %") if check.basis == "certified" else ""
    measured = f"measured {words(check.measured)} on {check.measured.rows:,} {_OF[check.aspect]}"
    if check.measured.estimate is None:
        measured = f"there are no {_OF[check.aspect]}"
    return f"{name}: {verb} {check.aspect} >= {_short(check.asked)}{sure}; {measured}: {check.verdict}"


def words(value: Share) -> str:
    """Return a share with its interval, or a dash.

    Examples
    --------
    >>> words(Share(9.0, 10.0, 10, 0.9, 0.555, 0.998))
    '.90 (.56-1.00)'
    """
    if value.estimate is None:
        return "-"
    return f"{two(value.estimate)} ({two(value.lower)}-{two(value.upper)})"


def two(value: float) -> str:
    """Return a ratio with two digits and no zero before the point."""
    return f"{value:.2f}".removeprefix("0")


def percent(value: float) -> str:
    """Return a ratio as a percentage.

    Examples
    --------
    >>> percent(0.0583), percent(0.0004)
    ('5.8 %', '0.04 %')
    """
    return f"{100 * value:.1f} %" if value >= 0.001 or value == 0 else f"{100 * value:.2g} %"


def overlap_sentence(overlap: Overlap) -> str:
    """Return how many rows the model may have learnt from, and which."""
    if not overlap.found:
        return f"None of {overlap.checked:,} rows is one the bundle was fitted on, or nearly so."
    which = ", ".join(overlap.examples)
    rest = (
        f", and {overlap.found - len(overlap.examples):,} more"
        if overlap.found > len(overlap.examples)
        else ""
    )
    return (
        f"{overlap.found:,} of {overlap.checked:,} rows are rows the bundle was fitted on, or nearly so "
        f"({which}{rest}): figures on them flatter, and the verdicts leave them out. "
        + ("The report has the figures without them." if overlap.without else "No other rows are left.")
    )


def how_intervals_are_made(evaluation: Evaluation) -> str:
    """Return which interval stands in brackets, and what it takes for granted."""
    made = f"Intervals are two-sided Clopper-Pearson intervals at {INTERVAL_CONFIDENCE:.0%}"
    if evaluation.weighted:
        made += (
            ", taken at the effective number of rows (Kish 1965) because rows have weights: an "
            "approximation, too short where heavy rows behave differently"
        )
    return f"{made}. They hold for rows drawn independently; repeated rows make them too short."


def verdict_rows(evaluation: Evaluation) -> str:
    """Return how many rows the verdicts rest on; nothing where that is all of them."""
    if evaluation.seen is None or not evaluation.seen.found:
        return ""
    fitted_on = evaluation.seen.found
    return f"{evaluation.rows:,} rows, of which {fitted_on:,} were fitted on: left out of the verdicts."


def _rows(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.no_class:
        yield (
            f"{evaluation.no_class:,} of {evaluation.rows:,} rows are of none of the classes: a flag on them "
            "is a false alarm. Log loss, Brier score, macro-F1, confusion and costs leave them out."
        )
    empty = [each.name for each in evaluation.classes if not each.positives]
    if empty:
        yield f"No row is of {_listed(empty)}: nothing can be said about the recall of {_it(empty)}."
    whole = [each.name for each in evaluation.classes if each.positives == evaluation.rows]
    if whole and evaluation.task != "multilabel":
        yield (
            f"Every row is of {whole[0]}: recall is all these rows can measure; precision, ROC-AUC and "
            "calibration need rows of other classes."
        )


def _claims(evaluation: Evaluation) -> Iterator[str]:
    checked = [(each.name, check) for each in evaluation.classes for check in each.checks]
    judged = [pair for pair in checked if pair[1].verdict in JUDGEMENTS]
    if checked and (left_out := verdict_rows(evaluation)):
        yield left_out
    wrong = [pair for pair in judged if pair[1].verdict == "contradicted"]
    if wrong:
        yield f"{len(wrong)} of {len(judged)} claims and expectations are contradicted by these rows:"
        yield from (sentence(*pair) for pair in wrong[:_NAMED])
        if len(wrong) > _NAMED:
            yield f"and {len(wrong) - _NAMED} more, see the table."
        yield from _by_chance(judged)
        yield (
            "A claim is about traffic like the rows it was made on. Look first whether these rows are such a "
            "sample; then refit the thresholds on a recent one."
        )
    elif judged:
        confirmed = sum(check.verdict == "confirmed" for _, check in judged)
        yield (
            f"None of {len(judged)} claims and expectations is contradicted; {confirmed} of them are "
            "confirmed: their whole interval is at or above what was asked."
        )
    few = sum(check.verdict == "too few rows" for _, check in checked)
    if few:
        yield (
            f"For {few} claims and expectations these rows are too few: the interval holds what was asked, "
            "but would too often if half of it were true, or the rows are fewer than such a claim takes."
        )
    nothing = sum(check.verdict == "no claim" for _, check in checked)
    if nothing:
        yield f"For {nothing} targets the bundle claims nothing; the table shows what these rows measure."


def _by_chance(judged: Sequence[tuple[str, Check]]) -> Iterator[str]:
    """Say how many claims may fail though nothing is wrong: those of a class share one chance."""
    may_fail = {name: 1 - check.confidence for name, check in judged if check.basis == "certified"}
    if (chance := sum(may_fail.values())) >= 1:
        yield (
            f"Claims may fail by chance alone: of {len(may_fail)} certified classes at most {chance:.0f} in "
            "the long run, with few rows far fewer."
        )


def _answers(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.macro_f1 is None or evaluation.macro_f1_policy is None:
        return
    naive = "labels at even odds" if evaluation.task == "multilabel" else "the most probable class"
    yield (
        f"Macro-F1 is {evaluation.macro_f1_policy:.3f} for what the policy answers and "
        f"{evaluation.macro_f1:.3f} for {naive}; the difference is what the targets cost or gain."
    )
    yield f"{percent(evaluation.review_share)} of the items go to a person."


def _roc(evaluation: Evaluation) -> Iterator[str]:
    rare = [
        each
        for each in evaluation.classes
        if each.roc_auc is not None and each.pr_auc is not None and each.prevalence < IMBALANCED
    ]
    if rare:
        worst = max(rare, key=lambda each: (each.roc_auc or 0) - (each.pr_auc or 0))
        yield (
            f"Do not judge rare classes by ROC-AUC: {worst.name}, {percent(worst.prevalence)} of the rows, "
            f"has ROC-AUC {worst.roc_auc:.2f} and PR-AUC {worst.pr_auc:.2f}; guessing would get 0.50 and "
            f"{worst.prevalence:.2g}. Most of the area under ROC lies where negatives are flagged by the "
            "hundred for each positive."
        )


def _calibration(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.rows == evaluation.no_class:
        return
    change = "better" if evaluation.log_loss_after < evaluation.log_loss_before else "not better"
    yield (
        f"Calibrated probabilities are {change} than the classifier's own on these rows: log loss "
        f"{evaluation.log_loss_before:.4f} before, {evaluation.log_loss_after:.4f} after."
    )


def _slices(evaluation: Evaluation) -> Iterator[str]:
    for what, slices in (("source", evaluation.sources), ("period", evaluation.times)):
        below = [
            f"{each.name} ({figures.name} {words(measured)})"
            for each in slices
            for figures, measured in _contradicting(evaluation, each)
        ]
        if below and len(slices) > 1:
            yield f"Recall is below what was asked in a {what}, its whole interval: {_listed(below)}."


def _costs(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.costs is not None:
        lines = evaluation.costs.lines
        cheapest = min(lines, key=lambda line: line.realised)
        said = ", ".join(f"{line.realised:.4g} by {line.decides}" for line in lines)
        yield f"An item costs {said}. Cheapest on these rows: {cheapest.decides}."


def _contradicting(evaluation: Evaluation, part: Slice) -> Iterator[tuple[ClassFigures, Share]]:
    here = {each.name: each.recall for each in part.classes}
    for figures in evaluation.classes:
        for check in figures.checks:
            measured = here.get(figures.name)
            if check.aspect == "recall" and measured is not None and measured.upper < check.asked:
                yield figures, measured


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _it(names: list[str]) -> str:
    return "it" if len(names) == 1 else "these"


def _short(ratio: float) -> str:
    return f"{ratio:.3g}".removeprefix("0")
