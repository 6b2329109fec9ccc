"""What of the traffic may the product's recipe choose from: all of it, or what real reservoirs kept?"""

from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import HashingVectorizer

from benchmarks.waves_data import SOURCES, Rows, Texts, Traffic
from benchmarks.waves_models import Served
from model_store.policy import Decisions
from monitoring.recording.candidate import Candidate
from monitoring.recording.observed import Observed
from monitoring.recording.reservoir import OTHER_SOURCE, Reservoir
from monitoring.waves.wave import Wave, select

_REQUEST: Final = 32  # items


def everything(traffic: Traffic, served: Served, *, rows: Rows, seed: int) -> tuple[Candidate, ...]:
    """Return a candidate of every kind for each of the rows: a pool that lost nothing."""
    classes, decisions = served.policy.classes, served.decisions
    priorities = _priorities(traffic, seed)
    top_kinds = frozenset(f"top:{name}" for name in classes)
    every = [top_kinds | {f"uncertain:{name}", f"random:{source}"} for name in classes for source in SOURCES]
    place = {source: k for k, source in enumerate(SOURCES)}
    return tuple(
        Candidate(
            key=_key(row),
            item_id=_key(row),
            source=traffic.sources[row],
            text=traffic.texts[row],
            probabilities=decisions.probabilities[row],
            label=int(decisions.label[row]),
            decision=int(decisions.decision[row]),
            at=float(row),
            priority=float(priorities[row]),
            kinds=every[int(decisions.top[row]) * len(SOURCES) + place[traffic.sources[row]]],
        )
        for row in rows.tolist()
    )


def kept(
    traffic: Traffic, served: Served, *, rows: Rows, batch_size: int, workers: int, seed: int
) -> tuple[Candidate, ...]:
    """Return what the reservoirs of some workers keep of the rows, all in one epoch: where most is lost."""
    classes, decisions = served.policy.classes, served.decisions
    priorities = _priorities(traffic, seed)
    found: list[Candidate] = []
    for worker in range(workers):
        reservoir = Reservoir(classes, sources=SOURCES, batch_size=batch_size)
        mine = rows[rows % workers == worker]
        for start in range(0, len(mine), _REQUEST):
            request = mine[start : start + _REQUEST]
            reservoir.offer(
                Observed(
                    inputs=traffic.texts[request].tolist(),
                    ids=[_key(row) for row in request.tolist()],
                    sources=traffic.sources[request].tolist(),
                    decisions=_taken(decisions, request),
                    arrived_at=float(request[0]),
                    priorities=priorities[request],
                )
            )
        found.extend(reservoir.drain())
    return tuple(found)


def ours(
    candidates: Sequence[Candidate],
    traffic: Traffic,
    served: Served,
    *,
    rows: Rows,
    watched: Sequence[str],
    batch_size: int,
    seed: int,
    taken: Rows,
) -> Wave:
    """Return the wave that the product makes of candidates.

    Parameters
    ----------
    rows : int array
        Those of the traffic that the candidates are from.
    taken : int array
        Rows of the traffic with a label already.
    """
    counts: dict[str, int] = dict(Counter(traffic.sources[rows].tolist()))
    return select(
        candidates,
        source_counts={OTHER_SOURCE: 0} | counts,
        watched=watched,
        classes=served.policy.classes,
        thresholds=[each.threshold for each in served.policy.thresholds],
        batch_size=batch_size,
        seed=f"wave {seed}",
        taken_signatures=served.seen,
        taken_keys={_key(row) for row in taken.tolist()},
    )


def rows_of(wave: Wave) -> Rows:
    """Return the rows of the traffic that a wave's items are."""
    return np.array([int(item.key.removeprefix("item ")) for item in wave.items], np.intp)


def _key(row: int) -> str:
    return f"item {row}"


def _priorities(traffic: Traffic, seed: int) -> npt.NDArray[np.float64]:
    return np.random.default_rng([seed, 2]).random(len(traffic))


def _taken(decisions: Decisions, rows: Rows) -> Decisions:
    return Decisions(
        decisions.probabilities[rows],
        decisions.flags[rows],
        decisions.label[rows],
        decisions.decision[rows],
        decisions.top[rows],
    )


def vectors_of(texts: Texts) -> npt.NDArray[np.float32]:
    """Return the vectors that rivals get, shape (n, 64): hashed character n-grams of length 1."""
    hashing = HashingVectorizer(analyzer="char_wb", ngram_range=(3, 5), n_features=64)
    found: npt.NDArray[np.float32] = hashing.transform(texts).toarray().astype(np.float32)
    return found
