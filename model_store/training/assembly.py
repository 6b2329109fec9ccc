"""Assembly: how do a graph and held-out rows it has scored become a bundle that says what it can promise?

Whatever made the graph, the rest is the same: calibrate on one part of the rows, set thresholds on another,
measure on a third, and publish. Training, importing and refitting all end here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import Seen, Validation, write_bundle
from model_store.calibrating.calibration import Calibration, calibration_digest, indicators
from model_store.calibrating.calibrators import fit_calibration
from model_store.calibrating.reliability import classwise_ece, log_loss
from model_store.data.leakage import Leakage
from model_store.data.rows import Progress
from model_store.graphs.outputs import Task
from model_store.policy import Policy
from model_store.promises.carried import LabelledScores, carried_thresholds
from model_store.promises.claims import Claims
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.thresholds import ClassThreshold
from model_store.readings import input_cuts
from model_store.reference import build_reference
from model_store.reports.evaluate import Evaluation, card, evaluate
from model_store.store import ModelStore
from model_store.training.fit_result import FitResult
from model_store.training.scored import Graph, Part, Scored
from model_store.training.selection import Tried

Counts: TypeAlias = npt.NDArray[np.int64]  # (n_classes,)


def assemble(
    graph: Graph,
    scored: Scored,
    claims: Claims,
    *,
    name: str,
    store: ModelStore,
    classes: tuple[str, ...],
    task: Task,
    seen: Seen,
    training: Mapping[str, Any],
    incumbent: Calibration | None = None,
    trained_positives: Counts | None = None,
    tried: Sequence[Tried] = (),
    chosen: str = "",
    criterion: str = "",
    leakage: Mapping[str, Leakage] | None = None,
    notes: Sequence[str] = (),
    sources: tuple[str, ...] = (),
    licence: str = "",
    seed: int = 0,
    explored: Part | None = None,
    progress: Progress | None = None,
) -> FitResult:
    """Calibrate, set thresholds, measure, and publish the next version of `name`.

    Parameters
    ----------
    explored : Part, optional
        A plain sample of the present traffic, where the threshold rows are of earlier traffic: then nothing
        but these certifies. Possibly of no row.
    seen : Seen
        Recognises every row something was fitted on.
    training : mapping
        What the manifest says about where the graph comes from.
    incumbent : Calibration, optional
        Stays when no new one explains the calibration rows better.
    trained_positives : int array of shape (n_classes,), optional
        Rows of each class that the graph was trained on; None where that is not known.
    tried : sequence of Tried
        The recipes of training that were compared by `criterion`, of which `chosen` won.
    leakage : mapping of str to Leakage, optional
        What nearly repeats a row of an earlier part, by part.
    notes : sequence of str
        What else a reader of the card must know, in whole sentences.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    TargetError, RowsError
        For targets or weights that do not fit.
    BundleError, StoreNotWritable
        From the store.
    """
    report = progress or (lambda _stage, _done, _total: None)
    report("calibrate", 0, 1)
    calibration = _calibrated(scored.calibration, classes, task, seed, incumbent)
    report("calibrate", 1, 1)
    report("thresholds", 0, 1)
    validation = _validation(calibration, scored.threshold)
    positives = _positives(scored, len(classes), trained_positives)
    policy = _policy(
        validation,
        part=scored.threshold,
        explored=explored,
        claims=claims,
        calibration=calibration,
        positives=positives,
        classes=classes,
        task=task,
    )
    report("thresholds", 1, 1)
    report("measure", 0, 1)
    evaluation = _evaluation(calibration, policy, scored)
    report("measure", 1, 1)
    build = partial(
        write_bundle,
        name=name,
        task=task,
        classes=classes,
        onnx=graph.onnx,
        front_end=graph.front_end,
        output=graph.output,
        embedding=graph.embedding,
        calibration=calibration,
        policy=policy,
        reference=build_reference(
            policy.decide(validation.probabilities),
            validation.labels,
            classes,
            inputs=input_cuts(graph.front_end, scored.threshold.inputs),
        ),
        validation=validation,
        seen=seen,
        card=card(
            name=name,
            licence=licence,
            training=training,
            calibration=calibration,
            thresholds=policy.thresholds,
            delta=claims.delta,
            evaluation=evaluation,
            policy=policy,
            joint=claims.joint,
            sample=_proves(scored.threshold, claims) if explored is None else len(explored) > 0,
            tried=tried,
            chosen=chosen,
            criterion=criterion,
            leakage=leakage,
            notes=notes,
        ),
        training=dict(training)
        | {
            "claims": claims.to_json(),
            "sample": explored is None and _proves(scored.threshold, claims),
        },
        evaluation=evaluation.to_json(),
        sources=sources,
        licence=licence,
    )
    report("publish", 0, 1)
    path = store.publish(name, build)
    report("publish", 1, 1)
    return FitResult(path, name, path.name, calibration, policy.thresholds, evaluation)


def told_by(by: str | None, *, why: str) -> dict[str, Any]:
    """Return the training facts that say who makes a version and why, each only where it was said."""
    return {name: said for name, said in (("by", by), ("why", why)) if said}


def told_anew(facts: Mapping[str, Any], *, by: str | None, why: str) -> dict[str, Any]:
    """Return a version's training facts for one made of it: who makes this one and why, not the first.

    Examples
    --------
    >>> told_anew({"rows": 120, "by": "ada", "why": "first"}, by="kim", why="")
    {'rows': 120, 'by': 'kim'}
    """
    return {name: value for name, value in facts.items() if name not in ("by", "why")} | told_by(by, why=why)


def _calibrated(
    part: Part, classes: tuple[str, ...], task: Task, seed: int, incumbent: Calibration | None
) -> Calibration:
    """Return the calibration that explains the rows best, the one in force among the candidates."""
    if incumbent is not None and not len(part):
        return incumbent
    part = part.known()
    found = fit_calibration(
        part.log_probabilities, part.labels, seed=seed, classes=classes, task=task, groups=part.groups
    )
    if incumbent is None:
        return found
    kept = log_loss(incumbent.apply(part.log_probabilities), part.labels)
    return incumbent if kept <= float(found.choice["log_loss"][found.choice["chosen"]]) else found


def _validation(calibration: Calibration, part: Part) -> Validation:
    kind = np.bool_ if part.labels.ndim == 2 else np.int32
    labels: Any = part.labels.astype(kind)
    return Validation(calibration.apply(part.log_probabilities), labels, part.log_probabilities)


def _proves(part: Part, claims: Claims) -> bool:
    return claims.sample and part.weights is None


def _policy(
    validation: Validation,
    *,
    part: Part,
    explored: Part | None,
    claims: Claims,
    calibration: Calibration,
    positives: Mapping[str, Counts],
    classes: tuple[str, ...],
    task: Task,
) -> Policy:
    if explored is None:
        thresholds = fit_thresholds(
            validation.probabilities,
            validation.labels,
            classes,
            claims.targets,
            delta=claims.delta,
            joint=claims.joint,
            weights=part.weights,
            sample=claims.sample,
            groups=part.groups,
        )
    else:
        thresholds = carried_thresholds(
            LabelledScores(validation.probabilities, validation.labels, part.weights, part.groups),
            LabelledScores(calibration.apply(explored.log_probabilities), explored.labels),
            classes,
            claims.targets,
            delta=claims.delta,
            joint=claims.joint,
        )
    counted = tuple(
        replace(t, n_positive={name: int(n[k]) for name, n in positives.items()} | _of_explored(t))
        for k, t in enumerate(thresholds)
    )
    return Policy(
        classes,
        counted,
        claims.delta,
        calibration_digest(calibration),
        rarity=_rarity(positives),
        task=task,
        rule=claims.rule,
        costs=claims.costs,
        priority=claims.priority,
        require_one=claims.require_one,
    )


def _of_explored(t: ClassThreshold) -> dict[str, int]:
    """Return the positives that the status rests on, where those are explored rows."""
    return dict(t.n_positive) if "explored" in t.n_positive else {}


def _positives(scored: Scored, n_classes: int, trained: Counts | None) -> dict[str, Counts]:
    """Return the positives of each class in every part, in order of use."""
    parts = {"calibration": scored.calibration, "threshold": scored.threshold, "test": scored.test}
    counted = {part: indicators(rows.labels, n_classes).sum(axis=0) for part, rows in parts.items()}
    return counted if trained is None else {"train": trained, **counted}


def _rarity(positives: Mapping[str, Counts]) -> tuple[int, ...]:
    """Return the classes from the rarest on, by the part with the most rows."""
    most = max(positives.values(), key=lambda counts: int(counts.sum()))
    return tuple(int(k) for k in np.argsort(most, kind="stable"))


def _evaluation(calibration: Calibration, policy: Policy, scored: Scored) -> Evaluation:
    test = scored.test
    untouched = np.concatenate([scored.threshold.log_probabilities, test.log_probabilities])
    own = np.concatenate([scored.threshold.labels, test.labels])
    return evaluate(
        policy.decide(calibration.apply(test.log_probabilities)),
        test.labels,
        policy=policy,
        before=np.exp(test.log_probabilities),
        class_ece_before=classwise_ece(np.exp(untouched), own),
        class_ece_after=classwise_ece(calibration.apply(untouched), own),
        weights=test.weights,
    )
