"""Measure: what do the labelled rows of a file say about a bundle's model?"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from model_store.bundle import read_seen
from model_store.calibration import LogProbabilities
from model_store.costs import Costs
from model_store.evaluate import answers_of, evaluate
from model_store.evaluation import Evaluation, Overlap
from model_store.features import inputs_of
from model_store.inputs import Input
from model_store.labelled import Labelled, signatures_of
from model_store.leakage import leakage, names_of
from model_store.model import Model
from model_store.rows import Progress, Rows
from model_store.signatures import THOROUGH_BANDS, Signatures, partners
from model_store.slices import Answers, figures_of

_BLOCK: Final = 1_024


def evaluate_model(
    model: Model,
    rows: Rows,
    labelled: Labelled,
    *,
    costs: Costs | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Score every row, decide as the service would, and measure.

    Parameters
    ----------
    labelled : Labelled
        Of `rows`, with the classes of the model.
    costs : Costs, optional
        By default those of the bundle, where it has any.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    RowsError, FeatureInvalid
        For rows that are not items of the model, by row number.
    """
    report = progress or (lambda _stage, _done, _total: None)
    raw = _scored(model, inputs_of(rows, model.bundle.manifest.columns), report)
    policy = model.bundle.policy
    decisions = policy.decide(model.bundle.calibration.apply(raw))
    weights = None if rows.weights is None else np.array(rows.weights, dtype=np.float64)
    signatures = signatures_of(rows.contents(), report, exact=model.input_kind == "features")
    report("measure", 0, 1)
    evaluation = evaluate(
        decisions,
        labelled.labels,
        before=np.exp(raw),
        policy=policy,
        weights=weights,
        sources=rows.sources,
        times=rows.times,
        costs=costs,
    )
    answers = answers_of(decisions, labelled.labels, policy=policy, weights=weights)
    result = replace(
        evaluation,
        seen=_overlap(answers, signatures, read_seen(model.bundle).signatures, names_of(rows)),
        model=model.key,
        data="" if rows.path is None else rows.path.name,
    )
    report("measure", 1, 1)
    return result


def _scored(model: Model, inputs: Sequence[Input], report: Progress) -> LogProbabilities:
    raw = np.empty((len(inputs), len(model.classes)), dtype=np.float32)
    for start in range(0, len(inputs), _BLOCK):
        report("score", start, len(inputs))
        raw[start : start + _BLOCK] = model.classifier.log_probabilities(inputs[start : start + _BLOCK])
    report("score", len(inputs), len(inputs))
    return raw


def _overlap(
    answers: Answers, signatures: Signatures, seen: Signatures, names: Sequence[str]
) -> Overlap | None:
    """Return which rows the bundle was fitted on; None where it does not say what that was."""
    if not len(seen):
        return None
    known = partners(signatures, seen, bands=THOROUGH_BANDS) >= 0
    found = np.flatnonzero(known)
    examples = leakage(signatures[found], seen, names=[names[i] for i in found.tolist()]).examples
    return Overlap(
        checked=len(signatures),
        found=len(found),
        examples=tuple(each.row for each in examples),
        without=figures_of(answers.at(~known), "without them") if 0 < len(found) < len(signatures) else None,
    )
