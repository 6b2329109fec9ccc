"""Fit: how do labelled rows become a bundle that says what it can promise?"""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_store.assembly import FitResult, Graph, Part, Scored, assemble
from model_store.bundle import MODEL_FILE, Seen
from model_store.calibration import LogProbabilities
from model_store.claims import Claims
from model_store.classifier import Classifier
from model_store.export import check_parity, linear_onnx
from model_store.labelled import classes_of, groups_of, signatures_of, sources_of
from model_store.outputs import Task
from model_store.rows import Progress, Rows
from model_store.splits import Splits, split
from model_store.store import ModelStore
from model_store.thresholds import DEFAULT_DELTA, Target
from model_store.train import TrainedText, facts, train

__all__ = ["FitResult", "fit"]


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
    claims = Claims(tuple(targets), delta)
    task: Task = "binary" if len(classes) == 2 else "multiclass"
    claims.check(classes, task=task)
    signatures = signatures_of(rows.texts, report)
    splits = split(labels, grouped := groups_of(rows, signatures), seed=seed, classes=classes)
    report("train", 0, 1)
    trained = train(_take(rows.texts, splits.train), labels[splits.train], n_classes=len(classes), seed=seed)
    report("train", 1, 1)
    onnx = linear_onnx(trained.weights, trained.bias)
    raw, parity = _served(onnx, trained, rows.texts, splits, report)
    scored = Scored(
        *(Part(raw[part], labels[members]) for part, members in splits.items() if part != "train")
    )
    training = {
        "rows": len(rows),
        "groups": int(grouped.max()) + 1,
        "seed": seed,
        "split_rows": {part: len(members) for part, members in splits.items()},
        "largest_parity_difference": parity,
        **facts(trained),
    }
    fitted_on = np.sort(np.concatenate([splits.train, splits.calibration, splits.threshold]))
    return assemble(
        Graph(onnx, trained.front_end),
        scored,
        claims,
        name=name,
        store=store,
        classes=classes,
        task=task,
        seen=Seen(signatures[fitted_on]),
        training=training,
        trained_positives=np.bincount(labels[splits.train], minlength=len(classes)),
        sources=sources,
        licence=licence,
        seed=seed,
        progress=report,
    )


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


def _take(texts: Sequence[str], members: npt.NDArray[np.intp]) -> list[str]:
    return [texts[i] for i in members]
