"""Which items do small-text's query strategies ask for, given the same probabilities and vectors?

small-text 1.4 (Schroeder et al. 2023, "Small-Text: Active Learning for Text Classification in Python", EACL,
https://github.com/webis-de/small-text) calls `query(clf, dataset, indices_unlabeled, indices_labeled, y, n)`;
of the classifier it asks `predict_proba` and `embed`, of the dataset its length and subsets. So a classifier
that looks up rows is all it takes. Margin is its BreakingTies. Not here: BALD needs a model with dropout,
SEALS and AnchorAL an index that is another dependency, CategoryVectorInconsistencyAndRanking several labels
an item; DiscriminativeActiveLearning trains its own classifier anew many times a query.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
from small_text import (
    BreakingTies,
    ContrastiveActiveLearning,
    EmbeddingKMeans,
    GreedyCoreset,
    LeastConfidence,
    LightweightCoreset,
    PredictionEntropy,
    QueryStrategy,
    RandomSampling,
)

from benchmarks.waves_data import Rows

Vectors: TypeAlias = npt.NDArray[np.float32]  # (n, d)
Probabilities: TypeAlias = npt.NDArray[np.float32]  # (n, n_classes)

# Every pick of the greedy core-set measures all distances anew, labelled rows included.
_CORESET_MOST: Final = 200
_CORESET_LABELLED: Final = 300


@dataclass(frozen=True, slots=True, eq=False)
class Lookup:
    """Rows of the pool, then labelled ones: dataset and fitted classifier in one, as small-text asks both."""

    probabilities: Probabilities
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.probabilities)

    def __getitem__(self, rows: Rows) -> "Lookup":
        return Lookup(self.probabilities[rows], self.vectors[rows])

    def predict_proba(self, dataset: "Lookup") -> Probabilities:
        """Return what the model says of some rows."""
        return dataset.probabilities

    def embed(self, dataset: "Lookup", *, return_proba: bool = False, pbar: Any = None) -> Any:  # noqa: ARG002
        """Return vectors of some rows, with their probabilities if asked."""
        return (dataset.vectors, dataset.probabilities) if return_proba else dataset.vectors


def strategies(batch_size: int) -> Mapping[str, Callable[[], QueryStrategy]]:
    """Return the strategies that are feasible for batches of a size; the first four are the usual ones."""
    every: dict[str, Callable[[], QueryStrategy]] = {
        "random": RandomSampling,
        "margin": BreakingTies,
        "entropy": PredictionEntropy,
        "least confidence": LeastConfidence,
        "k-means": EmbeddingKMeans,
        "contrastive": lambda: ContrastiveActiveLearning(pbar=None),
        "light core-set": LightweightCoreset,
    }
    if batch_size <= _CORESET_MOST:
        every["greedy core-set"] = GreedyCoreset
    return every


def asked_for(
    name: str,
    pool: Lookup,
    labelled: Lookup,
    *,
    open_rows: Rows,
    batch_size: int,
    seed: int,
) -> Rows:
    """Return the rows of the pool a strategy asks labels for.

    Parameters
    ----------
    open_rows : int array
        Rows of the pool that may be asked for: those not labelled yet.
    seed : int
        small-text draws from numpy's global state, so that is what it seeds.
    """
    known = np.arange(min(len(labelled), _CORESET_LABELLED))
    both = Lookup(
        np.concatenate([pool.probabilities, labelled.probabilities[known]]),
        np.concatenate([pool.vectors, labelled.vectors[known]]),
    )
    np.random.seed(seed)
    with warnings.catch_warnings():
        # The core-set's distance is another since 1.2, it says each time.
        warnings.filterwarnings("ignore", "Default distance metric has changed")
        picked = strategies(batch_size)[name]().query(
            both, both, open_rows, len(pool) + known, np.zeros(len(known), np.int64), n=batch_size
        )
    rows: Rows = np.asarray(picked, np.intp)
    return rows
