"""Refit: what do new labelled rows change about the promises of a model whose weights stay?

The graph is kept byte for byte; calibration and thresholds are fitted anew. A claim needs a sample of the
traffic: items that were chosen for labeling by their score are none, and a threshold fitted on them misses
its target every time. So rows of the stratum `certainty` are left out, and rows that stand for different
numbers of items give estimates, never a certificate.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import (
    Seen,
    read_bundle,
    read_seen,
    read_validation,
)
from model_store.calibrating.calibration import Float64s
from model_store.data.drawn import Drawn, NotASample, drawn
from model_store.data.labelled import labelled_of, named_groups, signatures_of
from model_store.data.rows import Progress, Rows
from model_store.data.signatures import SIMILARITY, THOROUGH_BANDS, Signatures, partners
from model_store.data.splits import split
from model_store.errors import TrainingError
from model_store.graphs.inputs import Input
from model_store.graphs.scoring import inputs_of, score
from model_store.model import Model
from model_store.policy import Decisions, Policy
from model_store.promises.claims import Claims
from model_store.promises.thresholds import DEFAULT_RECALL, Target
from model_store.reports.evaluate import answers_of
from model_store.store import ModelStore
from model_store.training.assembly import assemble, told_anew
from model_store.training.fit_result import FitResult
from model_store.training.scored import HELD_OUT, Graph, Part, Scored


class AllSeen(TrainingError):
    """Every row is nearly one that the bundle was fitted on."""

    def __init__(self, rows: int) -> None:
        super().__init__(rows)
        self.rows = rows

    def __str__(self) -> str:
        return (
            f"all {self.rows} rows nearly repeat rows that this bundle was fitted on: they prove nothing; "
            "label a sample of newer traffic"
        )


class NothingToPool(TrainingError):
    """The validation rows of this bundle cannot be calibrated again."""

    def __str__(self) -> str:
        return (
            "this bundle keeps no raw scores of its validation rows, so they cannot be pooled; "
            "refit on the new rows alone"
        )


class PoolUnproven(TrainingError):
    """The validation rows of this bundle, or the new ones, are no plain sample of the traffic."""

    def __init__(self, which: str) -> None:
        super().__init__(which)
        self.which = which

    def __str__(self) -> str:
        return (
            f"the {self.which} are no plain sample of the traffic, so old and new rows cannot be counted "
            "together; refit on the new rows alone"
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One class before and after; a share is of all threshold rows, by weight."""

    class_name: str
    before: dict[str, Any]
    after: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return the class's line of a diff."""
        return {"class": self.class_name, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True, eq=False)
class Refitted:
    """The published version, and what it changes.

    Parameters
    ----------
    review_share : pair of float
        Share of the threshold rows that go to a person, before and after.
    chosen, seen : int
        Rows that were left out: chosen by score, and nearly among those the bundle was fitted on.
    pooled : bool
        The validation rows of the old bundle were used beside the new ones.
    kept_calibration : bool
        The old calibration explains the new rows better than a new one would.
    sample : bool
        The rows may carry a certified claim.
    """

    result: FitResult
    before: str
    changes: tuple[Change, ...]
    review_share: tuple[float, float]
    rows: int
    chosen: int
    seen: int
    pooled: bool
    kept_calibration: bool
    sample: bool

    def to_json(self) -> dict[str, Any]:
        """Return what `seamark refit --json` prints."""
        return self.result.to_json() | {
            "before": self.before,
            "changes": [change.to_json() for change in self.changes],
            "review_share": dict(zip(("before", "after"), self.review_share, strict=True)),
            "rows": {"used": self.rows, "chosen": self.chosen, "seen": self.seen, "pooled": self.pooled},
            "calibration_kept": self.kept_calibration,
            "sample": self.sample,
        }


def refit(
    model: Model,
    rows: Rows,
    *,
    store: ModelStore,
    claims: Claims | None = None,
    sample: bool = False,
    pool: bool = False,
    seed: int = 0,
    by: str | None = None,
    why: str = "",
    progress: Progress | None = None,
) -> Refitted:
    """Fit calibration and thresholds on new rows and publish the next version of the same graph.

    Parameters
    ----------
    claims : Claims, optional
        What to ask; by default what was asked when the bundle was made.
    sample : bool
        The owner declares that the rows are a sample of traffic.
    pool : bool
        Use the old validation rows beside the new ones for the thresholds. Both must then stand for the
        traffic: right when nothing has moved, and for recall also when only the mix of classes has.
    by, why : str, optional
        Who makes the version, and the reason; kept in its manifest where they are said.

    Raises
    ------
    NotASample, AllSeen, NothingToPool, PoolUnproven
        If nothing says how the rows were drawn, none is new, or old and new rows do not go together.
    RowsError, TargetError, TrainingError
        In one line, before anything is written.
    """
    report = progress or (lambda _stage, _done, _total: None)
    manifest = model.bundle.manifest
    store.check_writable(manifest.name)
    if rows.weights is None and not sample:
        raise NotASample
    asked = claims if claims is not None else claims_of(model)
    asked.check(manifest.classes, task=manifest.task)
    signatures = signatures_of(rows.contents(), report, exact=model.input_kind == "features")
    able = drawn(rows, sample=sample)
    mine = _unseen(model, signatures, able)
    inputs = inputs_of(model.classifier, rows)
    items = [inputs[i] for i in mine.used]
    scored = _scored(model, rows, mine, items, seed=seed, report=report)
    if pool:
        scored = replace(scored, threshold=_pooled(model, scored.threshold, certifies=mine.certifies))
    result = assemble(
        Graph.of(model.bundle),
        scored,
        replace(asked, sample=mine.certifies),
        name=manifest.name,
        store=store,
        classes=manifest.classes,
        task=manifest.task,
        seen=Seen.of(
            signatures[mine.used],
            items,
            columns=model.columns,
            before=read_seen(model.bundle),
        ),
        training=told_anew(manifest.training, by=by, why=why)
        | {"refit": _facts(model, scored, len(rows), pool=pool, seed=seed)},
        incumbent=model.bundle.calibration,
        notes=_notes(model, scored, able, mine, pool=pool),
        sources=manifest.sources,
        licence=manifest.licence,
        seed=seed,
        progress=report,
    )
    changes, review_share = _compare(model, result, scored.threshold)
    return Refitted(
        result=result,
        before=model.key,
        changes=changes,
        review_share=review_share,
        rows=len(mine.used),
        chosen=len(able.chosen),
        seen=len(able.used) - len(mine.used),
        pooled=pool,
        kept_calibration=result.calibration is model.bundle.calibration,
        sample=mine.certifies,
    )


def claims_of(model: Model) -> Claims:
    """Return what was asked when the bundle was made, else the targets of its thresholds."""
    manifest, policy = model.bundle.manifest, model.bundle.policy
    told = manifest.training.get("claims")
    if told is not None:
        return Claims.from_json(told, manifest.classes)
    declared = tuple(t.target for t in policy.thresholds if t.target != Target(t.class_name, DEFAULT_RECALL))
    return Claims(declared, policy.delta)


def _unseen(model: Model, signatures: Signatures, able: Drawn) -> Drawn:
    """Return the rows that are not nearly among those the bundle was fitted on."""
    known = read_seen(model.bundle).signatures
    fresh = partners(signatures[able.used], known, threshold=SIMILARITY, bands=THOROUGH_BANDS) < 0
    if not fresh.any():
        raise AllSeen(len(able.used))
    return replace(able, used=able.used[fresh], weights=None if able.weights is None else able.weights[fresh])


def _scored(
    model: Model, rows: Rows, mine: Drawn, items: Sequence[Input], *, seed: int, report: Progress
) -> Scored:
    manifest = model.bundle.manifest
    labels = labelled_of(rows, manifest.classes, task=manifest.task).labels[mine.used]
    raw = score(model.classifier, items, report)
    # Near-duplicates are dealt singly: in a sample of traffic a text that repeats is worth its repeats.
    groups = named_groups(rows)[mine.used]
    parts = split(
        labels,
        groups,
        seed=seed,
        parts=tuple(HELD_OUT),
        shares=tuple(HELD_OUT.values()),
        classes=manifest.classes,
        scarce="allow",
    )
    return Scored(
        *(
            Part(
                raw[at],
                labels[at],
                None if mine.weights is None else mine.weights[at],
                groups[at],
                [items[i] for i in at],
            )
            for at in (parts[name] for name in HELD_OUT)
        )
    )


def _pooled(model: Model, part: Part, *, certifies: bool) -> Part:
    """Return the threshold rows and, behind them, the validation rows of the old bundle."""
    old = read_validation(model.bundle)
    if old.log_probabilities is None:
        raise NothingToPool
    if not certifies:
        raise PoolUnproven("new rows")
    if model.bundle.manifest.training.get("sample") is not True:
        raise PoolUnproven("validation rows of this bundle")
    return Part(
        np.concatenate([part.log_probabilities, old.log_probabilities]),
        np.concatenate([part.labels, old.labels]),
        inputs=part.inputs,
    )


def _facts(model: Model, scored: Scored, n_rows: int, *, pool: bool, seed: int) -> dict[str, Any]:
    parts = {name: len(getattr(scored, name)) for name in HELD_OUT}
    return {"of": model.key, "rows": n_rows, "split_rows": parts, "pooled": pool, "seed": seed}


def _notes(model: Model, scored: Scored, able: Drawn, mine: Drawn, *, pool: bool) -> list[str]:
    """Return what a reader of the card must know, since what it says of the data is of the first fit."""
    parts = ", ".join(f"{name} {len(getattr(scored, name)):,}" for name in HELD_OUT)
    old = ", the validation rows of that version among the threshold rows" if pool else ""
    return [
        f"The model is that of {model.key}; calibration and thresholds rest on new rows: {parts}{old}.",
        f"Left out were {len(able.chosen):,} rows chosen by score, and {len(able.used) - len(mine.used):,} "
        "that nearly repeat a row it was fitted on.",
    ]


def _compare(model: Model, result: FitResult, part: Part) -> tuple[tuple[Change, ...], tuple[float, float]]:
    """Return what changes for each class, and for the people who review, on the same rows."""
    after_bundle = read_bundle(result.path)
    sides = [
        (bundle.policy, bundle.policy.decide(bundle.calibration.apply(part.log_probabilities)))
        for bundle in (model.bundle, after_bundle)
    ]
    changes = tuple(
        Change(name, *(_side(policy, decided, k, part.weights) for policy, decided in sides))
        for k, name in enumerate(model.classes)
    )
    before, after = (
        _share(answers_of(decided, part.labels, policy=policy).review, part.weights)
        for policy, decided in sides
    )
    return changes, (before, after)


def _side(policy: Policy, decided: Decisions, k: int, weights: Float64s | None) -> dict[str, Any]:
    t = policy.thresholds[k].to_json()
    told = {key: t[key] for key in ("threshold", "review_from", "status", "recall", "precision")}
    return told | {"flagged_share": _share(decided.flags[:, k], weights)}


def _share(hit: npt.NDArray[np.bool_], weights: Float64s | None) -> float:
    return float(np.average(hit, weights=weights))
