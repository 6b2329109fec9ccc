"""Assembly: how do a graph and held-out rows it has scored become a bundle that says what it can promise?

Whatever made the graph, the rest is the same: calibrate on one part of the rows, set thresholds on another,
measure on a third, and publish. Training, importing and refitting all end here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.bundle import Seen, Validation, write_bundle
from model_store.calibration import (
    Calibration,
    Labels,
    LogProbabilities,
    calibration_digest,
    classwise_ece,
)
from model_store.calibrators import fit_calibration
from model_store.claims import Claims
from model_store.evaluate import Evaluation, card, evaluate
from model_store.guarantees import fit_thresholds
from model_store.policy import Policy
from model_store.reference import build_reference
from model_store.rows import Progress
from model_store.store import ModelStore
from model_store.text import TextFrontEnd
from model_store.thresholds import ClassThreshold


@dataclass(frozen=True, slots=True)
class Graph:
    """What answers: the serialised ONNX model, and what turns an item into its inputs."""

    onnx: bytes
    front_end: TextFrontEnd


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows the graph was not trained on, and what it says about them.

    Parameters
    ----------
    log_probabilities : float32 array of shape (n_items, n_classes)
    labels : int array of shape (n_items,)
    """

    log_probabilities: LogProbabilities
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Three disjoint parts, each with one purpose; no near-duplicate of a row is in another part."""

    calibration: Part
    threshold: Part
    test: Part


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """A published bundle and the figures of its fit."""

    path: Path
    name: str
    version: str
    calibration: Calibration
    thresholds: tuple[ClassThreshold, ...]
    evaluation: Evaluation

    def to_json(self) -> dict[str, Any]:
        """Return what `seamark fit --json` prints."""
        names = [t.class_name for t in self.thresholds]
        figures = self.evaluation
        return {
            "bundle": {"name": self.name, "version": self.version, "path": str(self.path)},
            "calibration": {
                "method": self.calibration.method,
                "class_ece_before": dict(zip(names, figures.class_ece_before.tolist(), strict=True)),
                "class_ece_after": dict(zip(names, figures.class_ece_after.tolist(), strict=True)),
            },
            "classes": [_class_json(t) for t in self.thresholds],
            "metrics": {
                "macro_f1": figures.macro_f1,
                "pr_auc": dict(zip(names, figures.pr_auc.tolist(), strict=True)),
            },
        }


def assemble(
    graph: Graph,
    scored: Scored,
    claims: Claims,
    *,
    name: str,
    store: ModelStore,
    classes: tuple[str, ...],
    seen: Seen,
    training: Mapping[str, Any],
    trained_positives: npt.NDArray[np.int64] | None = None,
    sources: tuple[str, ...] = (),
    licence: str = "",
    seed: int = 0,
    progress: Progress | None = None,
) -> FitResult:
    """Calibrate, set thresholds, measure, and publish the next version of `name`.

    Parameters
    ----------
    seen : Seen
        Recognises every row something was fitted on.
    training : mapping
        What the manifest says about where the graph comes from.
    trained_positives : int array of shape (n_classes,), optional
        Rows of each class that the graph was trained on; None where that is not known.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    TargetError
        For targets that do not fit the classes.
    BundleError, StoreNotWritable
        From the store.
    """
    report = progress or (lambda _stage, _done, _total: None)
    report("calibrate", 0, 1)
    calibration = fit_calibration(
        scored.calibration.log_probabilities, scored.calibration.labels, seed=seed, classes=classes
    )
    report("calibrate", 1, 1)
    report("thresholds", 0, 1)
    validation = Validation(
        calibration.apply(scored.threshold.log_probabilities), scored.threshold.labels.astype(np.int32)
    )
    thresholds = _with_counts(
        fit_thresholds(
            validation.probabilities, validation.labels, classes, claims.targets, delta=claims.delta
        ),
        _positives(scored, len(classes), trained_positives),
    )
    policy = Policy(
        classes,
        thresholds,
        claims.delta,
        calibration_digest(calibration),
        rarity=_rarity(_positives(scored, len(classes), trained_positives)),
    )
    report("thresholds", 1, 1)
    evaluation = _evaluation(calibration, policy, scored)
    build = partial(
        write_bundle,
        name=name,
        task="binary" if len(classes) == 2 else "multiclass",
        classes=classes,
        onnx=graph.onnx,
        front_end=graph.front_end,
        calibration=calibration,
        policy=policy,
        reference=build_reference(policy.decide(validation.probabilities), validation.labels, classes),
        validation=validation,
        seen=seen,
        card=card(
            name=name,
            licence=licence,
            training=training,
            calibration=calibration,
            thresholds=thresholds,
            delta=claims.delta,
            evaluation=evaluation,
        ),
        training=training,
        sources=sources,
        licence=licence,
    )
    report("publish", 0, 1)
    path = store.publish(name, build)
    report("publish", 1, 1)
    return FitResult(path, name, path.name, calibration, thresholds, evaluation)


def _positives(
    scored: Scored, n_classes: int, trained: npt.NDArray[np.int64] | None
) -> dict[str, npt.NDArray[np.int64]]:
    """Return the positives of each class in every part, in order of use."""
    parts = {"calibration": scored.calibration, "threshold": scored.threshold, "test": scored.test}
    counted = {part: np.bincount(rows.labels, minlength=n_classes) for part, rows in parts.items()}
    return counted if trained is None else {"train": trained, **counted}


def _with_counts(
    thresholds: Sequence[ClassThreshold], positives: Mapping[str, npt.NDArray[np.int64]]
) -> tuple[ClassThreshold, ...]:
    return tuple(
        replace(t, n_positive={part: int(n[k]) for part, n in positives.items()})
        for k, t in enumerate(thresholds)
    )


def _rarity(positives: Mapping[str, npt.NDArray[np.int64]]) -> tuple[int, ...]:
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
        before=np.exp(test.log_probabilities),
        class_ece_before=classwise_ece(np.exp(untouched), own),
        class_ece_after=classwise_ece(calibration.apply(untouched), own),
    )


def _class_json(t: ClassThreshold) -> dict[str, Any]:
    full = t.to_json()
    kept = {key: full[key] for key in ("class", "n_positive", "status", "threshold", "recall", "precision")}
    return kept | {key: full[key] for key in ("frontier", "n_needed") if full[key] is not None}
