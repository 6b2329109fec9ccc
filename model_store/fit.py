"""Fit: how do labelled rows become a bundle that says what it can promise?"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.bundle import MODEL_FILE, Seen, Validation, write_bundle
from model_store.calibration import (
    Calibration,
    LogProbabilities,
    calibration_digest,
    classwise_ece,
)
from model_store.calibrators import fit_calibration
from model_store.classifier import Classifier
from model_store.evaluate import Evaluation, card, evaluate
from model_store.export import check_parity, linear_onnx
from model_store.guarantees import fit_thresholds
from model_store.labelled import classes_of, groups_of, signatures_of, sources_of
from model_store.policy import Policy
from model_store.reference import build_reference
from model_store.rows import Progress, Rows
from model_store.splits import Splits, split
from model_store.store import ModelStore
from model_store.thresholds import (
    DEFAULT_DELTA,
    ClassThreshold,
    Target,
    check_delta,
    check_targets,
)
from model_store.train import TrainedText, facts, train


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


def fit(
    rows: Rows,
    *,
    name: str,
    store: ModelStore,
    targets: Sequence[Target] = (),
    seed: int = 0,
    delta: float = DEFAULT_DELTA,
    licence: str = "",
    progress: Progress | None = None,
) -> FitResult:
    """Split, train, export, calibrate, set thresholds, measure, and publish the next version of `name`.

    Everything after training works on what the exported graph answers, so that what is claimed is about what
    is served. The same rows and seed give the same model.

    Parameters
    ----------
    targets : sequence of Target
        Classes without one get the default recall.
    delta : float
        Each class's claim may fail with at most this probability.
    progress : callable, optional
        Called with (stage, done, total).

    Raises
    ------
    RowsError, TargetError, TrainingError
        In one line, before anything is written.
    BundleError, StoreNotWritable
        From the store.
    """
    report = progress or (lambda _stage, _done, _total: None)
    store.check_writable(name)
    classes, labels = classes_of(rows)
    sources = sources_of(rows)
    check_delta(delta)
    check_targets(targets, classes)
    signatures = signatures_of(rows.texts, report)
    splits = split(labels, grouped := groups_of(rows, signatures), seed=seed, classes=classes)
    report("train", 0, 1)
    trained = train(_take(rows.texts, splits.train), labels[splits.train], n_classes=len(classes), seed=seed)
    report("train", 1, 1)
    onnx = linear_onnx(trained.weights, trained.bias)
    raw, parity = _served(onnx, trained, rows.texts, splits, report)
    report("calibrate", 0, 1)
    calibration = fit_calibration(raw["calibration"], labels[splits.calibration], seed=seed, classes=classes)
    report("calibrate", 1, 1)
    report("thresholds", 0, 1)
    validation = Validation(calibration.apply(raw["threshold"]), labels[splits.threshold].astype(np.int32))
    thresholds = _with_counts(
        fit_thresholds(validation.probabilities, validation.labels, classes, targets, delta=delta),
        labels,
        splits,
    )
    policy = Policy(
        classes, thresholds, delta, calibration_digest(calibration), rarity=_rarity(labels[splits.train])
    )
    report("thresholds", 1, 1)
    evaluation = _evaluation(calibration, policy, raw, labels, splits)
    training = {
        "rows": len(rows),
        "groups": int(grouped.max()) + 1,
        "seed": seed,
        "split_rows": {part: len(members) for part, members in splits.items()},
        "largest_parity_difference": parity,
        **facts(trained),
    }
    seen = np.sort(np.concatenate([splits.train, splits.calibration, splits.threshold]))

    build = partial(
        write_bundle,
        name=name,
        task="binary" if len(classes) == 2 else "multiclass",
        classes=classes,
        onnx=onnx,
        front_end=trained.front_end,
        calibration=calibration,
        policy=policy,
        reference=build_reference(policy.decide(validation.probabilities), validation.labels, classes),
        validation=validation,
        seen=Seen(signatures[seen]),
        card=card(
            name=name,
            licence=licence,
            training=training,
            calibration=calibration,
            thresholds=thresholds,
            delta=delta,
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


def _served(
    onnx: bytes, trained: TrainedText, texts: Sequence[str], splits: Splits, report: Progress
) -> tuple[dict[str, LogProbabilities], float]:
    """Return what the exported graph says about every split but train, and its distance to the pipeline."""
    held_out = {part: members for part, members in splits.items() if part != "train"}
    total, done, worst = sum(map(len, held_out.values())), 0, 0.0
    raw = {}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL_FILE
        path.write_bytes(onnx)
        classifier = Classifier.open(path, trained.front_end, n_classes=trained.weights.shape[1])
        for part, members in held_out.items():
            report("parity", done, total)
            mine = _take(texts, members)
            worst = max(worst, check_parity(classifier, trained.pipeline, mine))
            raw[part] = classifier.log_probabilities(mine)
            done += len(members)
    report("parity", total, total)
    return raw, worst


def _with_counts(
    thresholds: Sequence[ClassThreshold], labels: npt.NDArray[np.int64], splits: Splits
) -> tuple[ClassThreshold, ...]:
    counts = {
        part: np.bincount(labels[members], minlength=len(thresholds)) for part, members in splits.items()
    }
    return tuple(
        replace(t, n_positive={part: int(n[k]) for part, n in counts.items()})
        for k, t in enumerate(thresholds)
    )


def _rarity(labels: npt.NDArray[np.int64]) -> tuple[int, ...]:
    return tuple(int(k) for k in np.argsort(np.bincount(labels), kind="stable"))


def _evaluation(
    calibration: Calibration,
    policy: Policy,
    raw: Mapping[str, LogProbabilities],
    labels: npt.NDArray[np.int64],
    splits: Splits,
) -> Evaluation:
    untouched = np.concatenate([raw["threshold"], raw["test"]])
    own = np.concatenate([labels[splits.threshold], labels[splits.test]])
    return evaluate(
        policy.decide(calibration.apply(raw["test"])),
        labels[splits.test],
        before=np.exp(raw["test"]),
        class_ece_before=classwise_ece(np.exp(untouched), own),
        class_ece_after=classwise_ece(calibration.apply(untouched), own),
    )


def _take(texts: Sequence[str], members: npt.NDArray[np.intp]) -> list[str]:
    return [texts[i] for i in members]


def _class_json(t: ClassThreshold) -> dict[str, Any]:
    full = t.to_json()
    kept = {key: full[key] for key in ("class", "n_positive", "status", "threshold", "recall", "precision")}
    return kept | {key: full[key] for key in ("frontier", "n_needed") if full[key] is not None}
