"""Fit: how do labelled rows become a bundle that says what it can promise?"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from model_store.bundles.bundle import MODEL_FILE, Seen
from model_store.calibrating.calibration import LogProbabilities
from model_store.data.drawn import Drawn, drawn
from model_store.data.features import feature_columns, inputs_of
from model_store.data.labelled import Labelled, groups_of, labelled_of, signatures_of, sources_of
from model_store.data.leakage import LOOSE_SIMILARITY, Leakage, between, names_of
from model_store.data.rows import Progress, Rows
from model_store.data.splits import Splits, split
from model_store.graphs.classifier import Classifier
from model_store.graphs.columns import ColumnKind
from model_store.graphs.inputs import Input
from model_store.promises.claims import Claims
from model_store.store import ModelStore
from model_store.training.assembly import FitResult, Graph, Part, Scored, assemble
from model_store.training.export import check_parity
from model_store.training.recipes import Criterion, Imbalance, check_recipe
from model_store.training.train import train
from model_store.training.trained import Trained

__all__ = ["FitResult", "fit"]


def fit(
    rows: Rows,
    *,
    name: str,
    store: ModelStore,
    claims: Claims | None = None,
    kinds: Mapping[str, ColumnKind] | None = None,
    imbalance: Imbalance = "auto",
    criterion: Criterion = "pr_auc",
    seed: int = 0,
    licence: str = "",
    progress: Progress | None = None,
) -> FitResult:
    """Split, train, export, calibrate, set thresholds, measure, and publish the next version of `name`.

    Everything after training works on what the exported graph answers, so that what is claimed is about what
    is served. The same rows and seed give the same model.

    Parameters
    ----------
    rows : Rows
        A sample of the traffic; rows whose stratum says that they were chosen by score may be among them.
    claims : Claims, optional
        What is asked of the model; without, every class gets the default recall.
    kinds : mapping of str to str, optional
        Types of feature columns where their cells mislead.
    imbalance : str
        How training treats rare classes: a recipe, or "auto" to compare them by `criterion`.
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
    asked = claims or Claims()
    check_recipe(imbalance, criterion)
    store.check_writable(name)
    able = drawn(rows, sample=asked.sample)
    labelled = labelled_of(rows)
    sources = sources_of(rows)
    asked.check(labelled.classes, task=labelled.task)
    table = rows.features is not None
    columns = feature_columns(rows, kinds) if table else ()
    signatures = signatures_of(rows.contents(), report, exact=table)
    groups = groups_of(rows, signatures)
    splits, kept = _dealt(able, labelled, groups, seed=seed)
    inputs, labels = _take(inputs_of(rows, columns), kept), labelled.labels[kept]
    signatures, groups, names = signatures[kept], groups[kept], [names_of(rows)[i] for i in kept]
    own = splits["train"]
    report("train", 0, 1)
    trained = train(
        _take(inputs, own),
        labels[own],
        n_classes=len(labelled.classes),
        input_kind="features" if table else "text",
        columns=columns,
        task=labelled.task,
        groups=groups[own],
        seed=seed,
        imbalance=imbalance,
        criterion=criterion,
        progress=report,
    )
    report("train", 1, 1)
    raw, parity = _served(trained, inputs, splits, labelled, report)
    weights = able.weights_of(len(rows))
    parts = (
        Part(
            raw[part],
            labels[at],
            None if weights is None else weights[kept[at]],
            groups[at],
            _take(inputs, at),
        )
        for part, at in _held_out(splits)
    )
    loose = between(signatures, splits, names=names, similarity=LOOSE_SIMILARITY)
    fitted_on = np.sort(np.concatenate([own, splits["calibration"], splits["threshold"]]))
    return assemble(
        Graph(trained.onnx, trained.front_end, trained.output),
        Scored(*parts),
        replace(asked, sample=able.certifies),
        name=name,
        store=store,
        classes=labelled.classes,
        task=labelled.task,
        seen=Seen(signatures[fitted_on]),
        training={
            "rows": len(kept),
            "groups": len(np.unique(groups)),
            "seed": seed,
            "split_rows": {part: len(members) for part, members in splits.items()},
            "largest_parity_difference": parity,
            "loose_leakage": {part: each.to_json() for part, each in loose.items()},
            "tried": [each.to_json() for each in trained.tried],
            **trained.facts,
        },
        trained_positives=Labelled(labelled.classes, labelled.task, labels[own]).positives(),
        tried=trained.tried,
        chosen=trained.chosen,
        criterion=criterion,
        leakage=between(signatures, splits, names=names),
        notes=(*_chosen(able, len(rows) - len(kept)), *_resemblance(loose)),
        sources=sources,
        licence=licence,
        seed=seed,
        progress=report,
    )


def _dealt(
    able: Drawn, labelled: Labelled, groups: npt.NDArray[np.int32], *, seed: int
) -> tuple[Splits, npt.NDArray[np.intp]]:
    """Return the parts and the rows they number: drawn rows in all parts, rows chosen by score train.

    A chosen row that nearly repeats a held-out one is left out: the held-out one is part of the sample.
    """
    dealt = split(labelled.labels[able.used], groups[able.used], seed=seed, classes=labelled.classes)
    parts = {part: able.used[at] for part, at in dealt.items()}
    held_out = np.unique(groups[np.concatenate([at for part, at in parts.items() if part != "train"])])
    apart = able.chosen[~np.isin(groups[able.chosen], held_out)]
    parts["train"] = np.concatenate([parts["train"], apart])
    kept = np.sort(np.concatenate(list(parts.values())))
    return Splits({part: np.searchsorted(kept, at) for part, at in parts.items()}, len(kept)), kept


def _chosen(able: Drawn, left_out: int) -> list[str]:
    """Return what becomes of rows that were chosen by score."""
    if not len(able.chosen):
        return []
    return [
        f"{len(able.chosen):,} rows were chosen by score, so they train and prove nothing; {left_out:,} of "
        "them, which nearly repeat a held-out row, were left out."
    ]


def _held_out(splits: Splits) -> list[tuple[str, npt.NDArray[np.intp]]]:
    return [(part, members) for part, members in splits.items() if part != "train"]


def _served(
    trained: Trained, inputs: Sequence[Input], splits: Splits, labelled: Labelled, report: Progress
) -> tuple[dict[str, LogProbabilities], float]:
    """Return what the exported graph says about every part but train, and its distance to the pipeline."""
    held_out = _held_out(splits)
    total, done, worst = sum(len(members) for _, members in held_out), 0, 0.0
    raw = {}
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / MODEL_FILE
        path.write_bytes(trained.onnx)
        classifier = Classifier.open(
            path,
            trained.front_end,
            n_classes=len(labelled.classes),
            output=trained.output,
            task=labelled.task,
        )
        for part, members in held_out:
            report("parity", done, total)
            mine = _take(inputs, members)
            worst = max(worst, check_parity(classifier, trained, mine))
            raw[part] = classifier.log_probabilities(mine)
            done += len(members)
    report("parity", total, total)
    return raw, worst


def _resemblance(loose: Mapping[str, Leakage]) -> list[str]:
    """Return how many rows resemble one of another part a little less than rows that are kept together."""
    count, checked = (sum(getattr(each, what) for each in loose.values()) for what in ("count", "checked"))
    if not count:
        return []
    return [
        f"{count:,} of {checked:,} held-out rows ({count / checked:.1%}) share {LOOSE_SIMILARITY:g} of their "
        "5-grams with a row of an earlier part; what is measured on them may flatter."
    ]


def _take(inputs: Sequence[Input], members: npt.NDArray[np.intp]) -> list[Input]:
    return [inputs[i] for i in members]
