"""Recertify: what do labels that came back prove about a model that stays as it is, calibration included?

Nothing is trained, so explored rows need not be spared for anything: all that can carry a claim do. Classes
that they cannot certify keep the threshold of the validation rows in the bundle.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from model_store.bundles.bundle import read_seen, read_validation
from model_store.calibrating.calibration import indicators
from model_store.data.joining import at
from model_store.data.labelled import labelled_of, signatures_of
from model_store.data.returned import Indices, Returned
from model_store.data.rows import Progress
from model_store.data.signatures import THOROUGH_BANDS, partners
from model_store.errors import TrainingError
from model_store.graphs.scoring import inputs_of, score
from model_store.model import Model
from model_store.promises.claims import Claims
from model_store.reports.proposal import Evidence
from model_store.store import ModelStore
from model_store.training.assembly import assemble, told_anew
from model_store.training.fit_result import FitResult
from model_store.training.refit import AllSeen, NothingToPool, PoolUnproven, claims_of
from model_store.training.scored import Graph, Part, Scored


class NothingExplored(TrainingError):
    """No label that came back is of an explored item of the present traffic."""

    def __init__(self, labels: int) -> None:
        super().__init__(labels)
        self.labels = labels

    def __str__(self) -> str:
        return (
            f"none of the {self.labels} labels that came back is of an explored item of the present traffic, "
            "so no threshold can rest on them: label the exploration slice of a batch, or train on them "
            "with `seamark fit --with-labels`"
        )


def recertify(
    model: Model,
    returned: Returned,
    *,
    store: ModelStore,
    claims: Claims | None = None,
    pool: bool = False,
    by: str | None = None,
    why: str = "",
    progress: Progress | None = None,
) -> FitResult:
    """Set thresholds by explored labels where they certify one, and publish the next version.

    Explored rows that nearly repeat one the bundle was fitted on are left out: they prove nothing.

    Parameters
    ----------
    claims : Claims, optional
        What to ask; by default what was asked when the bundle was made.
    pool : bool
        The traffic is still that of the bundle's validation rows, so these and explored rows count together.
    by, why : str, optional
        Who makes the version, and the reason; kept in its manifest where they are said.

    Raises
    ------
    NothingExplored, AllSeen, NothingToPool, PoolUnproven
    RowsError, TargetError, TrainingError
        In one line, before anything is written.
    """
    report = progress or (lambda _stage, _done, _total: None)
    manifest = model.bundle.manifest
    store.check_writable(manifest.name)
    asked = claims if claims is not None else claims_of(model)
    asked.check(manifest.classes, task=manifest.task)
    validation = read_validation(model.bundle)
    if validation.log_probabilities is None:
        raise NothingToPool
    if pool and manifest.training.get("sample") is not True:
        raise PoolUnproven("validation rows of this bundle")
    explored, proving = _unseen(model, returned, report)
    labels = labelled_of(returned.rows, manifest.classes, task=manifest.task, constant=True).labels
    inputs = inputs_of(model.classifier, at(returned.rows, explored))
    raw = score(model.classifier, inputs, report)
    shown = Part(raw, labels[explored], returned.weights_of(explored), inputs=inputs)
    proves = np.isin(explored, proving)
    mine = Part(raw[proves], labels[proving])
    earlier = Part(validation.log_probabilities, validation.labels)
    if pool:
        earlier = Part(
            np.concatenate([earlier.log_probabilities, mine.log_probabilities]),
            np.concatenate([earlier.labels, mine.labels]),
        )
    none = Part(raw[:0], labels[:0])
    facts = _facts(model, returned, explored, proving, pool=pool)
    result = assemble(
        Graph.of(model.bundle),
        Scored(none, replace(earlier, inputs=inputs), shown),
        replace(asked, sample=pool),
        name=manifest.name,
        store=store,
        classes=manifest.classes,
        task=manifest.task,
        seen=read_seen(model.bundle),
        training=told_anew(manifest.training, by=by, why=why) | facts,
        incumbent=model.bundle.calibration,
        notes=_notes(model, facts["returned"]),
        sources=manifest.sources,
        licence=manifest.licence,
        explored=None if pool else mine,
        progress=report,
    )
    positives = indicators(mine.labels, len(manifest.classes)).sum(axis=0)
    evidence = Evidence(
        "exploration",
        at(returned.rows, explored),
        shown.labels,
        shown.weights,
        len(mine),
        tuple(positives.tolist()),
    )
    return replace(result, evidence=(evidence,))


def _unseen(model: Model, returned: Returned, report: Progress) -> tuple[Indices, Indices]:
    """Return the explored rows, and the proving ones, that the bundle was not fitted on."""
    if not len(returned.explored):
        raise NothingExplored(len(returned))
    signatures = signatures_of(returned.rows.contents(), report, exact=model.input_kind == "features")
    seen = read_seen(model.bundle).signatures
    fresh = partners(signatures, seen, bands=THOROUGH_BANDS) < 0
    explored, proving = (each[fresh[each]] for each in (returned.explored, returned.proving))
    if not len(explored):
        raise AllSeen(len(returned.explored))
    return explored, proving


def _facts(
    model: Model, returned: Returned, explored: Indices, proving: Indices, *, pool: bool
) -> dict[str, Any]:
    return {
        "refit": {"of": model.key, "rows": len(explored), "pooled": pool},
        "returned": {
            "batches": sorted(set(returned.batches)),
            "labels": len(returned),
            "training": 0,
            "explored": len(explored),
            "known": len(returned.explored) - len(explored),
            "proving": len(proving),
            "of_no_class": int(returned.unnamed.sum()),
            "pooled": pool,
        },
    }


def _notes(model: Model, facts: dict[str, Any]) -> list[str]:
    rest = (
        "the validation rows of that version and these, counted together"
        if facts["pooled"]
        else "these alone; other classes keep what the validation rows of that version show"
    )
    return [
        f"Model and calibration are those of {model.key}. {facts['labels']:,} labels came back from batches; "
        f"{facts['explored']:,} are of explored items that it was not fitted on, and {facts['proving']:,} of "
        "these can carry a claim.",
        f"What is certified rests on {rest}. What is measured here is measured on the explored rows, on "
        "which thresholds of certified classes were set too.",
    ]
