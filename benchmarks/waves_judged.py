"""What is in a batch: how much of it is what was looked for, how much was seen before, how much of the whole?

Near-duplicates are judged by the exact Jaccard similarity of character 5-grams, which the recipe's MinHash
only estimates, and against the labelled items too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array, vstack
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from benchmarks.waves_data import SOURCES, Rows, Texts, Traffic
from model_store.data.shingles import SHINGLE
from model_store.data.signatures import SIMILARITY

ENOUGH: Final = 5  # examples of a class
CLUSTERS: Final = 300
_BLOCK: Final = 1_000


@dataclass(frozen=True, slots=True)
class Judged:
    """What a batch holds.

    Attributes
    ----------
    found : int
        Items of a told class, near-duplicates counted once.
    enough : int
        Told classes with at least `ENOUGH` of these.
    near_duplicates : float
        Share of the items that resemble an earlier one of the batch, or a labelled one.
    clusters : int
        Of `CLUSTERS` of the traffic, how many the batch has an item of.
    sources : tuple of float
        Share of the items from each of `SOURCES`.
    """

    found: int
    enough: int
    near_duplicates: float
    clusters: int
    sources: tuple[float, ...]


class Judge:
    """Knows the traffic and which clusters it has.

    Parameters
    ----------
    labelled : object array of str
        Texts with a label from before.
    """

    def __init__(self, traffic: Traffic, labelled: Texts, told: Sequence[str]) -> None:
        self._traffic = traffic
        self._told = tuple(told)
        shingles = CountVectorizer(analyzer=_shingles, binary=True, dtype=np.int32)
        both = csr_array(shingles.fit_transform([*traffic.texts, *labelled]))
        self._shingles = both[: len(traffic)]
        self._labelled = both[len(traffic) :]
        self._cluster = _clustered(traffic.texts)

    def judge(self, batch: Rows, *, taken: Rows | None = None) -> Judged:
        """Return what is in a batch; `taken` are rows of the traffic labelled before it."""
        fresh = ~self._repeats(batch, batch[:0] if taken is None else taken)
        labels = self._traffic.labels[batch]
        counts = [int((fresh & (labels == name)).sum()) for name in self._told]
        sources = self._traffic.sources[batch]
        return Judged(
            found=sum(counts),
            enough=sum(n >= ENOUGH for n in counts),
            near_duplicates=float((~fresh).mean()) if len(batch) else 0.0,
            clusters=len(set(self._cluster[batch].tolist())),
            sources=tuple(float((sources == name).mean()) for name in SOURCES),
        )

    def clusters(self, rows: Rows) -> int:
        """Return how many clusters of the traffic some rows are of."""
        return len(set(self._cluster[rows].tolist()))

    def _repeats(self, batch: Rows, taken: Rows) -> npt.NDArray[np.bool_]:
        mine = self._shingles[batch]
        earlier = csr_array(vstack([self._labelled, self._shingles[taken]]))
        resembles = np.zeros(len(batch), np.bool_)
        for start in range(0, len(batch), _BLOCK):
            stop = min(start + _BLOCK, len(batch))
            resembles[start:stop] = _near(mine[start:stop], earlier).any(axis=1)
        among = _near(mine, mine)
        return resembles | np.tril(among, -1).any(axis=1)


def _shingles(text: str) -> set[str]:
    """Return what the product compares: see `model_store.data.signatures.minhash`."""
    plain = " ".join(text.lower().split())
    return {plain[k : k + SHINGLE] for k in range(max(len(plain) - SHINGLE + 1, 1))}


def _near(some: csr_array, others: csr_array) -> npt.NDArray[np.bool_]:
    shared = (some @ others.T).toarray().astype(np.float64)
    sizes = np.add.outer(some.sum(axis=1), others.sum(axis=1))
    near: npt.NDArray[np.bool_] = shared >= SIMILARITY * np.maximum(sizes - shared, 1)
    return near


def _clustered(texts: Texts) -> npt.NDArray[np.int32]:
    """Return a cluster per text, by meaning as far as words tell: k-means on latent semantic vectors."""
    tfidf = TfidfVectorizer(sublinear_tf=True, min_df=2, stop_words="english").fit_transform(texts)
    vectors = TruncatedSVD(min(64, tfidf.shape[1] - 1), random_state=0).fit_transform(tfidf)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    means = MiniBatchKMeans(min(CLUSTERS, len(texts)), random_state=0, n_init=1)
    found: npt.NDArray[np.int32] = means.fit_predict(vectors)
    return found
