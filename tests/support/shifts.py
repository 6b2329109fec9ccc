"""Traffic whose mix of classes has moved, or whose items look different: made up, and from real sets."""

import csv
import functools
import gzip
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.calibrating.calibrators import fit_calibration
from model_store.data.signatures import groups, minhash
from model_store.data.splits import split
from model_store.joint_cells import JointCells, confidence_cuts
from model_store.policy import Policy
from model_store.promises.guarantees import fit_thresholds
from model_store.promises.thresholds import Target
from monitoring.meaning.shift import mixture_priors
from tests.support.shared import SHARED

HATE = SHARED / "data" / "hate_davidson.csv.gz"
CLINC = SHARED / "data" / "clinc150.csv.gz"
CLINC_UNSEEN = 10

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """Items a model has not seen: calibrated probabilities, and labels (-1: of no class it knows)."""

    probabilities: Floats
    labels: Labels
    classes: tuple[str, ...]
    groups: Labels

    def take(self, rows: npt.NDArray[Any]) -> "Answered":
        """Return some of the items."""
        return replace(
            self,
            probabilities=self.probabilities[rows],
            labels=self.labels[rows],
            groups=self.groups[rows],
        )

    @property
    def priors(self) -> npt.NDArray[np.float64]:
        """Shares of the classes."""
        return np.bincount(self.labels, minlength=len(self.classes)) / len(self.labels)


def em_priors(probabilities: Floats, priors: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the priors that make items likeliest, from each one's own probabilities; 0 stays 0.

    What the service has no items for; its estimate from bins is compared with it.
    """
    ratios = np.divide(
        probabilities, priors, out=np.zeros(probabilities.shape, np.float64), where=priors > 0.0
    )
    return mixture_priors(np.full(len(ratios), 1.0 / len(ratios)), np.ascontiguousarray(ratios.T), priors)


def made_up(
    n: int,
    priors: npt.ArrayLike,
    *,
    calibrated_at: npt.ArrayLike | None = None,
    seed: int,
    apart: float = 2.0,
    blurred: float = 0.0,
) -> Answered:
    """Draw items whose probabilities are exactly calibrated at the priors `calibrated_at`.

    An item is a point around its class's corner of a simplex, `apart` standard deviations from the origin;
    `blurred` items lie around the origin instead, as those of a new vocabulary do.
    """
    generator = np.random.default_rng(seed)
    mix = np.asarray(priors, np.float64)
    at = mix if calibrated_at is None else np.asarray(calibrated_at, np.float64)
    k = len(mix)
    labels = generator.choice(k, size=n, p=mix)
    corners = np.eye(k) * apart
    points = corners[labels] * (generator.random(n) >= blurred)[:, None] + generator.normal(size=(n, k))
    scores = points @ corners.T + np.log(np.maximum(at, 1e-9))
    scores -= np.logaddexp.reduce(scores, axis=1, keepdims=True)
    names = tuple(f"class{i}" for i in range(k))
    return Answered(np.exp(scores).astype(np.float32), labels.astype(np.int64), names, np.arange(n))


def policy_of(answered: Answered, targets: tuple[Target, ...] = ()) -> Policy:
    """Return thresholds fitted on these items."""
    thresholds = fit_thresholds(answered.probabilities, answered.labels, answered.classes, targets)
    task = "binary" if len(answered.classes) == 2 else "multiclass"
    return Policy(answered.classes, thresholds, 0.1, "0" * 64, task=task)


def meters_of(validation: Floats, live: Floats) -> dict[str, npt.NDArray[np.int64]]:
    """Count live items as a worker does."""
    cells = JointCells(confidence_cuts(validation))
    joint = np.bincount(cells.of_probabilities(live), minlength=cells.n)
    return {"joint": joint, "mass": np.rint(live.astype(np.float64) * 2**20).astype(np.int64).sum(axis=0)}


def finding_of(name: str, *, direction: str = "rise", stream: str = "classes") -> dict[str, Any]:
    """Return the JSON of a finding that names one category."""
    shift: Mapping[str, Any] = {
        "name": name,
        "reference": 0.01,
        "current": 0.029,
        "low": 0.024,
        "high": 0.035,
        "direction": direction,
        "evidence": 20.0,
        "stream": stream,
    }
    return {"since_time": 51_000.0, "since_items": 4_000, "classes": [shift], "stream": stream}


@functools.cache
def hate() -> tuple[Answered, Floats]:
    """Return held-out tweets, and the same with six of ten words replaced by ones the model does not know."""
    rows = _rows(HATE)
    texts = [row["text"] for row in rows]
    classes, labels = np.unique([row["label"] for row in rows], return_inverse=True)
    near = groups(minhash(texts))
    parts = split(labels, near, seed=0, shares=(0.35, 0.1, 0.2, 0.35))
    held = np.concatenate([parts.threshold, parts.test])
    answer = _model(texts, labels, near, parts.train, parts.calibration, classes.tolist())
    generator = np.random.default_rng(0)
    unknown = [_masked(texts[i], 0.6, generator) for i in held]
    answered = Answered(answer([texts[i] for i in held]), labels[held], tuple(classes.tolist()), near[held])
    return answered, answer(unknown)


@functools.cache
def clinc() -> Answered:
    """Return held-out requests, those of ten intents that the model was not trained on labelled -1."""
    rows = [row for row in _rows(CLINC) if row["label"] != "oos"]
    texts = [row["text"] for row in rows]
    names, labels = np.unique([row["label"] for row in rows], return_inverse=True)
    unseen = np.random.default_rng(0).choice(len(names), CLINC_UNSEEN, replace=False)
    near = groups(minhash(texts))
    parts = split(labels, near, seed=0, shares=(0.5, 0.1, 0.15, 0.25))
    known, own = np.unique(labels[~np.isin(labels, unseen)], return_inverse=True)
    numbers = np.full(len(labels), -1)
    numbers[~np.isin(labels, unseen)] = own
    train, calibration = (part[numbers[part] >= 0] for part in (parts.train, parts.calibration))
    classes = names[known].tolist()
    answer = _model(texts, numbers, near, train, calibration, classes, strength=10.0)
    held = np.concatenate([parts.threshold, parts.test])
    return Answered(answer([texts[i] for i in held]), numbers[held], tuple(classes), near[held])


def _model(
    texts: list[str],
    labels: Labels,
    near: Labels,
    train: Labels,
    calibration: Labels,
    classes: list[str],
    *,
    strength: float = 1.0,
) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    features = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    model = LogisticRegression(class_weight="balanced", max_iter=300, C=strength)
    model.fit(features.fit_transform([texts[i] for i in train]), labels[train])

    def raw(some: list[str]) -> Floats:
        return model.predict_log_proba(features.transform(some)).astype(np.float32)

    fitted = fit_calibration(
        raw([texts[i] for i in calibration]),
        labels[calibration],
        seed=0,
        classes=classes,
        groups=near[calibration],
    )
    return lambda some: fitted.apply(raw(some))


def _masked(text: str, share: float, generator: np.random.Generator) -> str:
    words = text.split()
    return " ".join(
        "qqzx" if replaced else word
        for word, replaced in zip(words, generator.random(len(words)) < share, strict=True)
    )


def _rows(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as rows:
        return list(csv.DictReader(rows))
