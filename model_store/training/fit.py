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
from model_store.data.labelled import Labelled, groups_of, signatures_of, sources_of
from model_store.data.leakage import LOOSE_SIMILARITY, Leakage, between, names_of
from model_store.data.returned import Returned
from model_store.data.rows import Progress, Rows
from model_store.data.splits import Splits, split
from model_store.graphs.classifier import Classifier
from model_store.graphs.columns import ColumnKind
from model_store.graphs.inputs import Input
from model_store.promises.claims import Claims
from model_store.store import ModelStore
from model_store.training.assembly import assemble, told_by
from model_store.training.export import check_parity
from model_store.training.fit_result import FitResult
from model_store.training.gathering import Gathered, explored_weights
from model_store.training.recipes import Criterion, Imbalance, check_recipe
from model_store.training.scored import Graph, Part, Scored
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
    by: str | None = None,
    why: str = "",
    returned: Returned | None = None,
    pool: bool = False,
    certify: bool = True,
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
    by, why : str, optional
        Who makes the version, and the reason; kept in its manifest where they are said.
    returned : Returned, optional
        Labels that came back from batches, of the same classes. Those chosen by score train. Explored ones
        never do: they alone certify, since `rows` are of earlier traffic.
    pool : bool
        With `returned`: the traffic is still that of `rows`, so explored rows and threshold rows count
        together. Right when nothing has moved, and for a recall also when only the mix of classes has.
    certify : bool
        With `returned`: where explored rows prove a declared target, they set its threshold. Few of them
        prove a low one only, so without this thresholds stay those of `rows`, and nothing is certified.
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
    table = rows.features is not None
    columns = feature_columns(rows, kinds) if table else ()
    gathered = Gathered.of(rows, able, returned)
    labelled, sources = gathered.labelled, sources_of(gathered.rows)
    asked.check(labelled.classes, task=labelled.task)
    signatures = signatures_of(gathered.rows.contents(), report, exact=table)
    groups = groups_of(gathered.rows, signatures)
    splits, kept = _dealt(gathered, groups, seed=seed)
    gathered = gathered.unknown_to(kept[np.concatenate([splits["train"], splits["calibration"]])], groups)
    items = inputs_of(gathered.rows, columns)
    inputs, labels = _take(items, kept), labelled.labels[kept]
    signatures, groups, names = signatures[kept], groups[kept], [names_of(gathered.rows)[i] for i in kept]
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
    held_out = _held_out(splits)
    shown = [(part, kept[at]) for part, at in held_out]
    proving = gathered.proving if certify else gathered.proving[:0]
    raw, parity = _served(trained, items, [*shown, ("explored", proving)], labelled, report)
    weights = able.weights_of(len(gathered))
    scored = Scored(
        *(
            Part(
                raw[part],
                labels[at],
                None if weights is None else weights[kept[at]],
                groups[at],
                _take(inputs, at),
            )
            for part, at in held_out
        )
    )
    explored = Part(
        raw["explored"],
        labelled.labels[proving],
        inputs=_take(items, proving),
    )
    if pool:
        scored = replace(scored, threshold=_pooled(scored.threshold, explored))
    loose = between(signatures, splits, names=names, similarity=LOOSE_SIMILARITY)
    fitted_on = np.sort(np.concatenate([own, splits["calibration"], splits["threshold"]]))
    result = assemble(
        Graph(trained.onnx, trained.front_end, trained.output),
        scored,
        replace(asked, sample=able.certifies),
        name=name,
        store=store,
        classes=labelled.classes,
        task=labelled.task,
        seen=Seen.of(signatures[fitted_on], _take(inputs, fitted_on), columns=columns),
        training={
            "rows": len(kept),
            "groups": len(np.unique(groups)),
            "seed": seed,
            "split_rows": {part: len(members) for part, members in splits.items()},
            "largest_parity_difference": parity,
            "loose_leakage": {part: each.to_json() for part, each in loose.items()},
            "tried": [each.to_json() for each in trained.tried],
            **trained.facts,
            **gathered.facts(pool=pool),
            **told_by(by, why=why),
        },
        trained_positives=Labelled(labelled.classes, labelled.task, labels[own]).positives(),
        tried=trained.tried,
        chosen=trained.chosen,
        criterion=criterion,
        leakage=between(signatures, splits, names=names),
        notes=(
            *_chosen(gathered.able, len(able.used) + len(gathered.able.chosen) - len(kept)),
            *gathered.notes(pool=pool),
            *_resemblance(loose),
        ),
        sources=sources,
        licence=licence,
        seed=seed,
        explored=None if returned is None or pool else explored,
        progress=report,
    )
    return replace(result, evidence=gathered.evidence(kept[splits["test"]]))


def _pooled(part: Part, explored: Part) -> Part:
    """Return the threshold rows and, behind them, the explored ones, each of which stands alone."""
    groups = np.arange(len(part)) if part.groups is None else part.groups
    alone = groups.max(initial=-1) + 1 + np.arange(len(explored))
    more = explored_weights(part.weights, len(explored))
    return Part(
        np.concatenate([part.log_probabilities, explored.log_probabilities]),
        np.concatenate([part.labels, explored.labels]),
        None if part.weights is None or more is None else np.concatenate([part.weights, more]),
        np.concatenate([groups, alone]),
        [*part.inputs, *explored.inputs],
    )


def _dealt(
    gathered: Gathered, groups: npt.NDArray[np.int32], *, seed: int
) -> tuple[Splits, npt.NDArray[np.intp]]:
    """Return the parts and the rows they number: drawn rows in all parts, rows chosen by score train.

    A chosen row that nearly repeats a held-out or an explored one is left out: that one is part of a sample.
    """
    able, labelled = gathered.able, gathered.labelled
    dealt = split(labelled.labels[able.used], groups[able.used], seed=seed, classes=labelled.classes)
    parts = {part: able.used[at] for part, at in dealt.items()}
    held_out = np.concatenate([gathered.explored, *(at for part, at in parts.items() if part != "train")])
    held_out = np.unique(groups[held_out])
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
    trained: Trained,
    inputs: Sequence[Input],
    held_out: Sequence[tuple[str, npt.NDArray[np.intp]]],
    labelled: Labelled,
    report: Progress,
) -> tuple[dict[str, LogProbabilities], float]:
    """Return what the exported graph says about every part but train, and its distance to the pipeline."""
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
            if not mine:
                raw[part] = np.empty((0, len(labelled.classes)), np.float32)
                continue
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
