"""Measure: what do the labelled rows of a file say about a bundle's model?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model_store.bundles.bundle import read_seen
from model_store.costs import Costs
from model_store.data.labelled import Labelled, signatures_of
from model_store.data.leakage import leakage, names_of
from model_store.data.rows import Progress, Rows
from model_store.data.signatures import THOROUGH_BANDS, Signatures, partners
from model_store.graphs.scoring import inputs_of, score
from model_store.model import Model
from model_store.reports.evaluate import answers_of, evaluate
from model_store.reports.evaluation import Evaluation, Overlap
from model_store.reports.metrics import Bools
from model_store.reports.slices import Answers, figures_of


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
    raw = score(model.classifier, inputs_of(model.classifier, rows), report)
    policy = model.bundle.policy
    decisions = policy.decide(model.bundle.calibration.apply(raw))
    weights = None if rows.weights is None else np.array(rows.weights, dtype=np.float64)
    signatures = signatures_of(rows.contents(), report, exact=model.input_kind == "features")
    seen = read_seen(model.bundle).signatures
    known = partners(signatures, seen, bands=THOROUGH_BANDS) >= 0 if len(seen) else None
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
        seen=known,
    )
    answers = answers_of(decisions, labelled.labels, policy=policy, weights=weights)
    result = replace(
        evaluation,
        seen=None if known is None else _overlap(answers, signatures, seen, known, names_of(rows)),
        model=model.key,
        data="" if rows.path is None else rows.path.name,
    )
    report("measure", 1, 1)
    return result


def _overlap(
    answers: Answers, signatures: Signatures, seen: Signatures, known: Bools, names: Sequence[str]
) -> Overlap:
    """Return which rows the bundle was fitted on, and figures of the others."""
    found = np.flatnonzero(known)
    examples = leakage(signatures[found], seen, names=[names[i] for i in found.tolist()]).examples
    return Overlap(
        checked=len(signatures),
        found=len(found),
        examples=tuple(each.row for each in examples),
        without=figures_of(answers.at(~known), "without them") if 0 < len(found) < len(signatures) else None,
    )
