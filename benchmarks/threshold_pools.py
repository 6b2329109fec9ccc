"""Which populations are thresholds drawn from and judged by, so that the truth about each is known?

Of the synthetic one recall and precision are integrals of normal densities. The other is a public set of
tweets, scored by models that were not trained on them: the pool itself is the population, and validation
sets are drawn from it with replacement.
"""

import csv
import gzip
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit
from scipy.stats import norm

from model_store.calibrating.calibrators import fit_calibration
from model_store.data.signatures import groups, minhash

Probabilities: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int64]
Rows: TypeAlias = tuple[Probabilities, Labels]

SHARED: Final = Path(os.environ.get("SEAMARK_SHARED", Path(__file__).resolve().parents[2] / "shared"))
HATE: Final = SHARED / "data" / "hate_davidson.csv.gz"
FOLDS: Final = 5


@dataclass(frozen=True, slots=True)
class Truth:
    """What a threshold does to one class of the whole population."""

    recall: float
    precision: float


class Pool(Protocol):
    """A population to draw validation sets from."""

    name: str
    classes: tuple[str, ...]
    rare: int

    @property
    def share(self) -> float:
        """Of the rare class."""

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        """Return n independent rows."""

    def truth(self, k: int, threshold: float) -> Truth:
        """Return what flagging class k from `threshold` on does."""


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Two classes whose logits are normal, `distance` standard deviations apart; perfectly calibrated."""

    share: float = 0.06
    distance: float = 2.5
    name: str = "synthetic"
    classes: tuple[str, ...] = ("rare", "rest")
    rare: int = 0

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        """Return n independent rows."""
        labels = (rng.random(n) >= self.share).astype(np.int64)
        x = rng.normal(0, 1, n) + self.distance * (labels == 0)
        p = expit(self.distance * x - self.distance**2 / 2 + logit(self.share)).astype(np.float32)
        return np.stack([p, 1 - p], axis=1), labels

    def truth(self, k: int, threshold: float) -> Truth:
        """Integrate; the second class is flagged where the first one's probability is low."""
        if threshold >= 1:
            return Truth(0.0, 1.0)
        x = (logit(threshold if k == 0 else 1 - threshold) - logit(self.share)) / self.distance
        x += self.distance / 2
        side = norm.sf if k == 0 else norm.cdf
        rare, rest = self.share * side(x - self.distance), (1 - self.share) * side(x)
        own, flagged = (rare if k == 0 else rest), rare + rest
        return Truth(own / (self.share if k == 0 else 1 - self.share), own / flagged if flagged else 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """Rows that are the population themselves, drawn with replacement."""

    name: str
    classes: tuple[str, ...]
    rare: int
    probabilities: Probabilities
    labels: Labels

    @property
    def share(self) -> float:
        """Of the rare class."""
        return float((self.labels == self.rare).mean())

    def draw(self, rng: np.random.Generator, n: int) -> Rows:
        """Return n independent rows."""
        which = rng.integers(0, len(self.labels), n)
        return self.probabilities[which], self.labels[which]

    def truth(self, k: int, threshold: float) -> Truth:
        """Count."""
        flagged, positive = self.probabilities[:, k] >= np.float32(threshold), self.labels == k
        hits = int((flagged & positive).sum())
        return Truth(hits / int(positive.sum()), hits / max(int(flagged.sum()), 1) if flagged.any() else 1.0)


def hate_pool(*, seed: int) -> Drawn:
    """Return the tweets with cross-fitted, calibrated probabilities; near-duplicates share a fold."""
    with gzip.open(HATE, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    texts = np.array([row["text"] for row in rows], dtype=object)
    classes, labels = np.unique([row["label"] for row in rows], return_inverse=True)
    log_p = np.empty((len(texts), len(classes)), dtype=np.float32)
    for train, held_out in _folds(labels, groups(minhash(list(texts))), seed):
        log_p[held_out] = _log_probabilities(texts[train], labels[train], texts[held_out])
    probabilities = fit_calibration(log_p, labels, seed=seed).apply(log_p)
    names = tuple(str(name) for name in classes)
    return Drawn("tweets", names, names.index("hate"), probabilities, labels.astype(np.int64))


def _folds(
    labels: npt.NDArray[np.intp], own_groups: npt.NDArray[np.int32], seed: int
) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed)
    yield from folds.split(np.zeros(len(labels)), labels, own_groups)


def _log_probabilities(
    texts: npt.NDArray[np.object_], labels: npt.NDArray[np.intp], others: npt.NDArray[np.object_]
) -> npt.NDArray[np.float32]:
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    vectors = TfidfVectorizer(ngram_range=(1, 2), min_df=3, sublinear_tf=True)
    model = LogisticRegression(class_weight="balanced", max_iter=1_000)
    model.fit(vectors.fit_transform(texts), labels)
    return model.predict_log_proba(vectors.transform(others)).astype(np.float32)
