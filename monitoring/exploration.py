"""What would a fair sample of the traffic look like: draws per source with exact inclusion probabilities.

The unit is an occurrence. Every occurrence has its own uniform priority, so the d smallest of the N that a
source had are a simple random sample, whichever workers saw them, each with inclusion probability d / N.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import floor

import numpy as np

from model_store.data.signatures import Signatures
from monitoring.batches import Chosen
from monitoring.candidate import Candidate
from monitoring.neardup import Excluded, clusters, sign


@dataclass(frozen=True, slots=True)
class Draws:
    """The drawn occurrences of every source, and the chance each had."""

    candidates: tuple[Candidate, ...]
    per_source: Mapping[str, int]
    inclusion_probability: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Resent:
    """The draws that resemble an item of the other slices, and how many occurrences they stand for."""

    draws: int
    weight: float


@dataclass(frozen=True, slots=True)
class Explored:
    """The exploration slice, and what became of the draws that are not in it.

    `resent` holds, by key, the items of the other slices that draws resembled.
    """

    chosen: tuple[Chosen, ...]
    resent: Mapping[str, Resent]
    already_chosen: int
    excluded: int
    without_text_or_id: int


def allocate(total: int, occurrences: Mapping[str, int], *, most: int) -> Mapping[str, int]:
    """Share `total` draws among the sources in proportion, at least one each, at most `most` and all it had.

    Fractions go to the largest remainders, ties to the first by name. It depends on the counts alone: a
    number of draws that depended on the priorities would spoil the inclusion probabilities.

    Examples
    --------
    >>> allocate(30, {"email": 6000, "chat": 3000, "phone": 10}, most=30)
    {'chat': 10, 'email': 19, 'phone': 1}
    """
    present = {source: n for source, n in sorted(occurrences.items()) if n > 0}
    if not present:
        return {}
    spare = max(total - len(present), 0)
    everything = sum(present.values())
    exact = {source: 1 + spare * n / everything for source, n in present.items()}
    draws = {source: floor(share) for source, share in exact.items()}
    left = max(total, len(present)) - sum(draws.values())
    for source in sorted(present, key=lambda one: (draws[one] - exact[one], one))[:left]:
        draws[source] += 1
    return {source: min(draws[source], most, present[source]) for source in present}


def draw(candidates: Iterable[Candidate], occurrences: Mapping[str, int], *, total: int, most: int) -> Draws:
    """Return the occurrences with the smallest priorities of every source."""
    held: dict[str, dict[tuple[float, str], Candidate]] = {}
    for one in candidates:
        if f"random:{one.source}" in one.kinds:
            held.setdefault(one.source, {})[one.priority, one.key] = one
    wanted = allocate(total, occurrences, most=most)
    drawn = {
        source: [one for _, one in sorted(held.get(source, {}).items(), key=lambda item: item[0])[:n]]
        for source, n in wanted.items()
    }
    return Draws(
        candidates=tuple(one for source in drawn.values() for one in source),
        per_source={source: len(each) for source, each in drawn.items()},
        inclusion_probability={source: len(each) / occurrences[source] for source, each in drawn.items()},
    )


def explore(draws: Draws, *, certain: Sequence[Chosen], excluded: Excluded, exact: bool = False) -> Explored:
    """Turn draws into items of the batch.

    A draw that resembles an item of the other slices is not labelled twice: it adds to what that item stands
    for. One that resembles an item labelled or out for labeling is left out, not replaced. Draws that
    resemble one another become one item whose weight, `dup_count / inclusion_probability`, is the sum of
    theirs (for draws from several sources the inclusion probability is the harmonic mean). `exact`: see
    `neardup.sign`.
    """
    able = [one for one in draws.candidates if one.text is not None or one.item_id is not None]
    signatures = sign(able, exact=exact)
    known = excluded.holds([one.key for one in able], signatures)
    kept = np.flatnonzero(~known)
    drawn = [able[row] for row in kept]
    keys = [one.candidate.key for one in certain] + [one.key for one in drawn]
    signed = np.concatenate([_stacked(certain, signatures.shape[1]), signatures[kept]])
    members: dict[int, list[int]] = {}
    cluster_of = clusters(keys, signed).tolist()
    for row, cluster in enumerate(cluster_of[len(certain) :]):
        members.setdefault(cluster, []).append(row)
    chance = draws.inclusion_probability
    covered = {cluster: one.candidate for cluster, one in zip(cluster_of, certain, strict=False)}
    chosen = [
        _one([drawn[row] for row in rows], signature=signed[len(certain) + rows[0]], chance=chance)
        for cluster, rows in members.items()
        if cluster not in covered
    ]
    return Explored(
        chosen=tuple(chosen),
        resent={
            covered[cluster].key: _resent(covered[cluster], [drawn[row] for row in rows], chance=chance)
            for cluster, rows in members.items()
            if cluster in covered
        },
        already_chosen=sum(len(rows) for cluster, rows in members.items() if cluster in covered),
        excluded=int(known.sum()),
        without_text_or_id=len(draws.candidates) - len(able),
    )


def _one(draws: Sequence[Candidate], *, signature: Signatures, chance: Mapping[str, float]) -> Chosen:
    weight = sum(1 / chance[one.source] for one in draws)
    return Chosen(draws[0], signature, "explore", "exploration", len(draws) / weight, len(draws))


def _resent(item: Candidate, draws: Sequence[Candidate], *, chance: Mapping[str, float]) -> Resent:
    # The item's own occurrence is counted by the item itself, whether it is drawn or not.
    others = [one for one in draws if (one.key, one.at, one.priority) != (item.key, item.at, item.priority)]
    return Resent(draws=len(others), weight=sum(1 / chance[one.source] for one in others))


def _stacked(chosen: Sequence[Chosen], width: int) -> Signatures:
    return np.array([one.signature for one in chosen], np.uint32).reshape(len(chosen), width)
