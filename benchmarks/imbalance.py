"""Imbalance: what does each recipe of training give a rare class, and what does choosing one cost?

Two sets. `hate_davidson`: 3 classes, the rarest 5.8 %, half of the groups of near-duplicates to train, half
to measure. `clinc150`, imbalanced variant: 150 intents of 25, 50, 75 or 100 training rows and 100 rows out of
scope, as its authors made it; measured on their validation and test rows, without those that are
near-duplicates of a training row. Every recipe is measured against none, over bootstrap draws of the same
groups of measured rows.

Which intents of clinc150 are rare was drawn once, by its authors. So it is drawn anew a few times from their
full training rows, sizes kept: how much class weights give does not hang on that one draw then.

Then what is left of it after calibration, on all rows of a set split as a fit splits them: weights move
whole classes up and down, which macro-F1 rewards and calibration undoes; average precision sees ranks only.

At last the whole way that a fit goes, with the recipe chosen among all, each set in a process of its own.

    python -m benchmarks.imbalance [--resamples 1000] [--redraws 10]
"""

import argparse
import csv
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from benchmarks.machine import machine_line
from model_store.calibrating.calibration import LogProbabilities
from model_store.calibrating.calibrators import fit_calibration
from model_store.data.signatures import THOROUGH_BANDS, groups, minhash
from model_store.data.splits import split
from model_store.graphs.classifier import Classifier
from model_store.promises.guarantees import fit_thresholds
from model_store.training.export import check_parity
from model_store.training.recipes import RECIPES, Imbalance
from model_store.training.selection import Tried
from model_store.training.train import train
from model_store.training.trained import Trained

SHARED: Final = Path(os.environ.get("SEAMARK_SHARED", Path(__file__).resolve().parents[2] / "shared"))
SETS: Final = ("hate_davidson", "clinc150")
LEVEL: Final = 0.95
_HALF: Final = (0.5, 0.2, 0.15, 0.15)

Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """A labelled set, which rows train, which measure, and which classes are the rare ones."""

    name: str
    texts: list[str]
    classes: list[str]
    labels: npt.NDArray[np.int64]
    groups: npt.NDArray[np.int32]
    train: Rows
    measure: Rows
    rare: list[int]
    everything: Rows
    pool: Rows  # from which training rows may be drawn anew; empty where they may not

    def take(self, rows: Rows) -> list[str]:
        """Return the texts of some rows."""
        return [self.texts[i] for i in rows]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What a fitted and exported model says of the measured rows."""

    scores: LogProbabilities
    parity: float
    seconds: float


def main() -> None:
    """Run and print, or run one set's whole fit and print JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--redraws", type=int, default=10)
    parser.add_argument("--whole", choices=SETS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if missing := [path for path in map(_path, SETS) if not path.exists()]:
        sys.exit(f"{missing[0]}: no such file; set SEAMARK_SHARED to the directory that holds data/")
    if options.whole:
        print(json.dumps(_whole(options.whole)))
        return
    print(machine_line())
    for name in SETS:
        _report_recipes(data := _load(name), options.resamples)
        if len(data.pool):
            _report_redraws(data, options.redraws)
        _report_calibrated(data)
    for name in SETS:
        _report_whole(name)


def _path(name: str) -> Path:
    return SHARED / "data" / f"{name}.csv.gz"


def _load(name: str) -> Data:
    with gzip.open(_path(name), "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = [row["text"] for row in rows]
    classes, labels = np.unique([row["label"] for row in rows], return_inverse=True)
    grouped = groups(minhash(texts), bands=THOROUGH_BANDS)
    build = partial(Data, name, texts, classes.tolist(), labels.astype(np.int64), grouped)
    if name == "hate_davidson":
        parts = split(labels, grouped, seed=0, shares=_HALF)
        rest = np.sort(np.concatenate([parts.calibration, parts.threshold, parts.test]))
        return build(parts.train, rest, [classes.tolist().index("hate")], np.arange(len(rows)), rest[:0])
    part = np.array([row["split"] for row in rows])
    marked = np.array([row["in_imbalanced"] == "1" for row in rows])
    trains = marked | (part == "oos_train")
    counts = np.bincount(labels[trains])
    held_out = np.isin(part, ("val", "test", "oos_val", "oos_test"))
    return build(
        np.flatnonzero(trains),
        np.flatnonzero(held_out & ~np.isin(grouped, grouped[trains])),
        np.flatnonzero(counts == counts.min()).tolist(),
        np.flatnonzero(trains | held_out),
        np.flatnonzero(part == "train"),
    )


def _answered(data: Data, recipe: Imbalance, rows: Rows, measure: Rows) -> Answered:
    started = time.perf_counter()
    trained = train(
        data.take(rows),
        data.labels[rows],
        n_classes=len(data.classes),
        groups=data.groups[rows],
        imbalance=recipe,
    )
    seconds = time.perf_counter() - started
    scores, parity = _served(trained, len(data.classes), data.take(measure))
    return Answered(scores, parity, seconds)


def _served(trained: Trained, n_classes: int, texts: Sequence[str]) -> tuple[LogProbabilities, float]:
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "model.onnx"
        path.write_bytes(trained.onnx)
        classifier = Classifier.open(path, trained.front_end, n_classes=n_classes, output=trained.output)
        return classifier.log_probabilities(texts), check_parity(classifier, trained, texts)


def _report_recipes(data: Data, resamples: int) -> None:
    counts = np.bincount(data.labels[data.train])
    print(
        f"\n{data.name}: {len(data.classes)} classes of {counts.min()} to {counts.max()} among "
        f"{len(data.train)} training rows, {len(data.rare)} rarest; {len(data.measure)} rows measured in "
        f"{len(np.unique(data.groups[data.measure]))} groups, {resamples} bootstrap draws of groups"
    )
    print(
        f"{'recipe':<12} {'macro-F1':>8} {'over none':>9} {'95 % interval':>17}   "
        f"{'rare AP':>7} {'over none':>9} {'95 % interval':>17}   {'seconds':>7} {'parity':>7}"
    )
    weights = list(_draws(data.groups[data.measure], resamples))
    base: tuple[Floats, Floats] | None = None
    for recipe in RECIPES:
        answered = _answered(data, recipe, data.train, data.measure)
        drawn = _figures(data, answered.scores, weights, data.measure)
        base = base or drawn
        columns = "   ".join(map(_difference, drawn, base))
        print(f"{recipe:<12} {columns}   {answered.seconds:>7.1f} {answered.parity:>7.0e}", flush=True)


def _difference(drawn: Floats, base: Floats) -> str:
    """Return a figure on all rows, how far it lies over the base's, and the interval of that."""
    over = drawn - base
    if drawn is base:
        return f"{drawn[0]:>8.4f} {'':>9} {'':>17}"
    low, high = np.quantile(over[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return f"{drawn[0]:>8.4f} {over[0]:>+9.4f} {f'{low:+.4f}, {high:+.4f}':>17}"


def _draws(own: npt.NDArray[np.int32], resamples: int) -> Iterator[Floats]:
    """Yield what each row counts: 1 first, then how often its group was drawn."""
    _, group = np.unique(own, return_inverse=True)
    rng = np.random.default_rng(0)
    n = int(group.max()) + 1
    yield np.ones(len(own))
    for _ in range(resamples):
        yield np.bincount(rng.integers(n, size=n), minlength=n)[group].astype(np.float64)


def _figures(
    data: Data, scores: LogProbabilities, weights: Sequence[Floats], measure: Rows
) -> tuple[Floats, Floats]:
    """Return macro-F1 and the rare classes' mean average precision, under each of the weights."""
    labels = data.labels[measure]
    decided = scores.argmax(axis=1)
    macro_f1 = np.array([_macro_f1(labels, decided, w, len(data.classes)) for w in weights])
    precision = np.mean([_average_precision(labels == k, scores[:, k], weights) for k in data.rare], axis=0)
    return macro_f1, precision


def _macro_f1(labels: Any, decided: Any, weights: Floats, n_classes: int) -> float:
    count = partial(np.bincount, minlength=n_classes)
    right = count(labels, weights=weights * (labels == decided))
    either = count(labels, weights=weights) + count(decided, weights=weights)
    present = count(labels, weights=weights) > 0
    return float(np.mean(2 * right[present] / either[present]))


def _average_precision(positive: Any, scores: Any, weights: Sequence[Floats]) -> Floats:
    order = np.argsort(-scores, kind="stable")
    found = []
    for w in weights:
        all_, mine = w[order], (w * positive)[order]
        precision = np.divide(np.cumsum(mine), np.cumsum(all_), out=np.zeros(len(w)), where=all_ > 0)
        found.append(float(mine @ precision / mine.sum()) if mine.any() else 0.0)
    return np.array(found)


def _report_redraws(data: Data, redraws: int) -> None:
    """Print how far class weights bring macro-F1 when other classes are the rare ones."""
    sizes = np.bincount(data.labels[data.train], minlength=len(data.classes))
    inside = np.unique(data.labels[data.pool])
    kept = data.train[~np.isin(data.labels[data.train], inside)]
    over = []
    for seed in range(redraws):
        rng = np.random.default_rng(seed)
        anew = dict(zip(inside.tolist(), rng.permutation(sizes[inside]).tolist(), strict=True))
        chosen = [
            rng.choice(data.pool[data.labels[data.pool] == k], size, replace=False)
            for k, size in anew.items()
        ]
        rows = np.sort(np.concatenate([kept, *chosen]))
        measure = data.measure[~np.isin(data.groups[data.measure], data.groups[rows])]
        labels = data.labels[measure]
        ones = np.ones(len(labels))
        none, balanced = (
            _macro_f1(
                labels,
                _answered(data, recipe, rows, measure).scores.argmax(axis=1),
                ones,
                len(data.classes),
            )
            for recipe in ("none", "balanced")
        )
        over.append(balanced - none)
        print(f"\r{seed + 1}/{redraws} redraws ", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    error = np.std(over, ddof=1) / np.sqrt(redraws)
    print(
        f"{redraws} redraws of which classes are rare: class weights over none {np.mean(over):+.4f} "
        f"macro-F1, standard error {error:.4f}, {min(over):+.4f} to {max(over):+.4f}"
    )


def _report_calibrated(data: Data) -> None:
    """Print macro-F1 and the rare classes' average precision before and after calibration."""
    rows = data.everything
    parts = split(data.labels[rows], data.groups[rows], seed=0)
    fitted, calibrated = rows[parts.train], rows[parts.calibration]
    measure = rows[np.sort(np.concatenate([parts.threshold, parts.test]))]
    ones = np.ones(len(measure))
    print(f"{'recipe':<12} {'macro-F1':>8} {'calibrated':>10}   {'rare AP':>7} {'calibrated':>10}")
    for recipe in ("none", "balanced", "effective", "focal"):
        scores = _answered(data, recipe, fitted, np.concatenate([calibrated, measure])).scores
        own, rest = scores[: len(calibrated)], scores[len(calibrated) :]
        after = fit_calibration(own, data.labels[calibrated], seed=0).apply(rest)
        before, behind = (_figures(data, each, [ones], measure) for each in (rest, after))
        columns = [
            f"{a[0]:>{width}.4f} {b[0]:>10.4f}" for a, b, width in zip(before, behind, (8, 7), strict=True)
        ]
        print(f"{recipe:<12} {'   '.join(columns)}", flush=True)


def _whole(name: str) -> dict[str, Any]:
    """Go the whole way of a fit with all rows of a set, and return what it took."""
    data = _load(name)
    before = _peak_megabytes()
    rows = data.everything
    labels, own = data.labels[rows], data.groups[rows]
    taken = data.take(rows)
    seconds: dict[str, float] = {}
    started = time.perf_counter()

    def lap(stage: str) -> None:
        seconds[stage] = time.perf_counter() - started - sum(seconds.values())

    groups(minhash(taken), bands=THOROUGH_BANDS)
    parts = split(labels, own, seed=0)
    lap("group and split")
    trained = train(
        [taken[i] for i in parts.train],
        labels[parts.train],
        n_classes=len(data.classes),
        groups=own[parts.train],
        imbalance="auto",
    )
    lap("choose, fit, export")
    held_out = {part: members for part, members in parts.items() if part != "train"}
    served = {p: _served(trained, len(data.classes), [taken[i] for i in m]) for p, m in held_out.items()}
    lap("answer, check parity")
    calibration = fit_calibration(served["calibration"][0], labels[parts.calibration], seed=0)
    lap("calibrate")
    fit_thresholds(
        calibration.apply(served["threshold"][0]),
        labels[parts.threshold].astype(np.int32),
        tuple(data.classes),
    )
    lap("thresholds")
    return {
        "rows": len(rows),
        "classes": len(data.classes),
        "seconds": seconds,
        "peak_megabytes": _peak_megabytes(),
        "loaded_megabytes": before,
        "parity": max(parity for _, parity in served.values()),
        "method": calibration.method,
        "chosen": trained.chosen,
        "tried": [each.to_json() for each in trained.tried],
    }


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def _report_whole(name: str) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.imbalance", "--whole", name],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found = json.loads(ran.stdout)
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in found["seconds"].items())
    print(
        f"\n{name}, whole: {found['rows']} rows, {found['classes']} classes in "
        f"{sum(found['seconds'].values()):.1f} s ({stages}); peak {found['peak_megabytes']:.0f} MB, "
        f"{found['loaded_megabytes']:.0f} MB of it before; parity {found['parity']:.0e}; "
        f"calibration {found['method']}; chosen: {found['chosen']}"
    )
    print(f"{'recipe':<12} {'PR-AUC':>8} {'s.e.':>7} {'behind':>7} {'s.e.':>7} {'seconds':>8}")
    for each in (Tried(**row) for row in found["tried"]):
        print(
            f"{each.recipe:<12} {each.mean:>8.4f} {each.standard_error:>7.4f} {each.behind:>7.4f} "
            f"{each.behind_error:>7.4f} {each.seconds:>8.1f}"
        )


if __name__ == "__main__":
    main()
