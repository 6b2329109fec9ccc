"""What would a fair sample of the traffic look like: draws per source with exact inclusion probabilities.

The unit is an occurrence. Every occurrence has its own uniform priority, so the d smallest of the N that a
source had are a simple random sample, whichever workers saw them, each with inclusion probability d / N.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import floor
from typing import TypeAlias

import numpy as np

from model_store.data.signatures import PERMUTATIONS, Signatures
from monitoring.recording.candidate import Candidate
from monitoring.waves.batches import Chosen
from monitoring.waves.neardup import Excluded, clusters, sign

Occurrence: TypeAlias = tuple[str, float]  # key and time of an item that was served


@dataclass(frozen=True, slots=True)
class Draws:
    """The drawn occurrences of every source, and the chance each had.

    `uncovered` says that a source had traffic and no draw: what is sure to be held of it was drawn before.
    """

    candidates: tuple[Candidate, ...]
    per_source: Mapping[str, int]
    inclusion_probability: Mapping[str, float]
    uncovered: bool = False


@dataclass(frozen=True, slots=True)
class Explored:
    """What the draws became: the exploration slice, and the items of the other slices that stand for some.

    `certain` are the items of the other slices in their order; those that a draw resembled are in the
    exploration stratum. `complete` says that the items of that stratum are the draws one by one: none is
    missing, and none is stood for by another content. `taken` are draws that an item of another batch stands
    for, with its key.
    """

    chosen: tuple[Chosen, ...]
    certain: tuple[Chosen, ...]
    complete: bool
    already_chosen: int
    excluded: int
    without_text_or_id: int
    taken: tuple[tuple[Candidate, str], ...] = ()


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


def draw(
    candidates: Iterable[Candidate],
    occurrences: Mapping[str, int],
    *,
    total: int,
    most: int,
    before: Collection[Occurrence] = frozenset(),
) -> Draws:
    """Return the occurrences with the smallest priorities of every source.

    What was drawn `before` has the smallest of all. It is passed over, so that the draws are a simple random
    sample of the other occurrences, and both together one of all; to leave them out of the draws instead
    would leave nothing of a second draw.
    """
    held: dict[str, dict[tuple[float, str], Candidate]] = {}
    passed = dict.fromkeys(occurrences, 0)
    for one in candidates:
        if f"random:{one.source}" not in one.kinds:
            continue
        if (one.key, one.at) in before:
            passed[one.source] += 1
        else:
            held.setdefault(one.source, {})[one.priority, one.key] = one
    occurrences = {source: max(n - passed[source], 0) for source, n in occurrences.items()}
    wanted = allocate(total, occurrences, most=most)
    drawn = {
        source: [
            one
            for _, one in sorted(held.get(source, {}).items(), key=lambda item: item[0])[
                : min(n, max(most - passed[source], 0))
            ]
        ]
        for source, n in wanted.items()
    }
    return Draws(
        candidates=tuple(one for source in drawn.values() for one in source),
        per_source={source: len(each) for source, each in drawn.items()},
        inclusion_probability={
            source: len(each) / occurrences[source] for source, each in drawn.items() if each
        },
        uncovered=any(not each for each in drawn.values()),
    )


def explore(draws: Draws, *, certain: Sequence[Chosen], excluded: Excluded, exact: bool = False) -> Explored:
    """Turn draws into items of the batch.

    A draw that resembles an item of the other slices is not labelled twice: that item stands for it, and
    joins the exploration stratum. One that resembles an item labelled or out for labeling is no item, and is
    not replaced: that item stands for it. Draws that resemble one another become one item whose weight,
    `dup_count / inclusion_probability`, is the sum of theirs (for draws from several sources the inclusion
    probability is the harmonic mean). `exact`: see `neardup.sign`.
    """
    able = [one for one in draws.candidates if one.text is not None or one.item_id is not None]
    signatures = sign(able, exact=exact)
    known = excluded.holds([one.key for one in able], signatures)
    kept, gone = np.flatnonzero(~known), np.flatnonzero(known).tolist()
    owners = excluded.owners_of([able[row].key for row in gone], signatures[gone])
    drawn = [Chosen(able[row], signatures[row], "explore", "exploration", 1.0, 1) for row in kept.tolist()]
    chosen, others = [], list(certain)
    complete = len(drawn) == len(draws.candidates) and not draws.uncovered
    for place, members in _clustered(certain, drawn):
        item = members[0] if place is None else certain[place]
        each = [one.candidate for one in members]
        counted = _standing_for(item, each, chance=draws.inclusion_probability)
        complete &= len(each) == 1 and _same_content(each[0], item.candidate)
        if place is None:
            chosen.append(counted)
        else:
            others[place] = counted
    return Explored(
        chosen=tuple(chosen),
        certain=tuple(others),
        complete=complete,
        already_chosen=len(drawn) - sum(one.dup_count for one in chosen),
        excluded=int(known.sum()),
        without_text_or_id=len(draws.candidates) - len(able),
        taken=tuple((able[row], owner) for row, owner in zip(gone, owners, strict=True) if owner is not None),
    )


def _clustered(
    certain: Sequence[Chosen], drawn: Sequence[Chosen]
) -> Iterable[tuple[int | None, Sequence[Chosen]]]:
    """Return the draws that resemble one another, with the place of the certain item they all resemble."""
    both = [*certain, *drawn]
    cluster_of = clusters([one.candidate.key for one in both], _stacked(both)).tolist()
    members: dict[int, list[Chosen]] = {}
    for one, cluster in zip(drawn, cluster_of[len(certain) :], strict=True):
        members.setdefault(cluster, []).append(one)
    place_of = {cluster: place for place, cluster in enumerate(cluster_of[: len(certain)])}
    return [(place_of.get(cluster), each) for cluster, each in members.items()]


def _standing_for(item: Chosen, draws: Sequence[Candidate], *, chance: Mapping[str, float]) -> Chosen:
    weight = sum(1 / chance[one.source] for one in draws)
    return replace(
        item, stratum="exploration", inclusion_probability=len(draws) / weight, dup_count=len(draws)
    )


def _same_content(one: Candidate, other: Candidate) -> bool:
    # Without texts the id tells which item it was, as it does to the labeler.
    return one.text == other.text and (one.text is not None or one.key == other.key)


def _stacked(chosen: Sequence[Chosen]) -> Signatures:
    return np.array([one.signature for one in chosen], np.uint32).reshape(len(chosen), PERMUTATIONS)
