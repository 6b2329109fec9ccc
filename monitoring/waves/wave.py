"""Which items go to the labelers now: what the alarm is about, uncertain ones, a fair sample of the rest.

A pure function of its arguments: the same candidates in any order give the same batch, byte for byte. Items
of the first two slices are chosen by score. Beside them a simple random sample of occurrences is drawn; the
items that stand for its draws, of whatever slice, are the stratum `exploration`, so a batch chosen by score
still gives unbiased shares (Horvitz and Thompson 1952; `BatchItem.weight`).
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.bundles.manifest import Task
from model_store.data.signatures import PERMUTATIONS, Signatures
from model_store.graphs.inputs import InputKind
from model_store.policy import DECISIONS, NO_CLASS
from monitoring.recording.candidate import EXPLORE_SHARE, Candidate, draw_limit
from monitoring.waves.batches import MANIFEST_SCHEMA, SLICES, BatchItem, Chosen, Label
from monitoring.waves.certainty import Plan, pick, pool_of
from monitoring.waves.exploration import Draws, Occurrence, draw
from monitoring.waves.exploration import explore as explored_items
from monitoring.waves.neardup import Excluded

WATCHED_SHARE: Final = 0.55
CLASS_CAP: Final = 0.30  # of the batch: items of one most probable class in the uncertain slice
_DECIMALS: Final = 6


@dataclass(frozen=True, slots=True)
class Wave:
    """A chosen batch: its items by rank, their signatures of shape (n_items, 64), and the manifest (JSON)."""

    items: tuple[BatchItem, ...]
    signatures: Signatures
    manifest: Mapping[str, object]


def select(
    candidates: Iterable[Candidate],
    *,
    source_counts: Mapping[str, int],
    watched: Sequence[str],
    classes: Sequence[str],
    thresholds: Sequence[float] | npt.NDArray[np.float32],
    batch_size: int,
    seed: str,
    task: Task = "multiclass",
    input_kind: InputKind = "text",
    taken_signatures: Signatures | None = None,
    taken_keys: Collection[str] = frozenset(),
    drawn_before: Collection[Occurrence] = frozenset(),
    explore: int | None = None,
    most_draws: int | None = None,
    about: Mapping[str, object] | None = None,
) -> Wave:
    """Choose at most `batch_size` items to label; more only where there are more sources than that.

    Parameters
    ----------
    candidates : iterable of Candidate
        What the reservoirs reported, in any order.
    source_counts : mapping of str to int
        Occurrences per source in exactly the epochs the candidates come from.
    watched : sequence of str
        Classes an alarm names, possibly "no_class_passes"; they share their slice evenly. Empty: the slice
        goes to the uncertain items.
    thresholds : array of shape (n_classes,)
        Operating thresholds; with two classes, or several labels an item, one near any of them is uncertain.
    seed : str
        The alarm's id; decides the order in which labelers see the items.
    task, input_kind : str
        What the model does, and with what: a multi-label item is predicted all labels it passes, and rows of
        tables are near-duplicates only when equal.
    taken_signatures, taken_keys
        Of items labelled or in an open batch; neither they nor their near-duplicates are chosen.
    drawn_before : collection of (str, float)
        Key and time of occurrences that an earlier batch drew at random: they are passed over.
    explore : int, optional
        Draw so many occurrences at random and choose nothing else, for a claim that lacks explored labels.
    most_draws : int, optional
        How many of the smallest priorities of a source every reservoir was sure to hold; by default
        `draw_limit(batch_size)`, right when the reservoirs were made for batches of this size.
    about : mapping, optional
        What the caller knows and the manifest should say: window, alarm, model, digests.
    """
    given = sorted(candidates, key=_canonical)
    excluded = Excluded(taken_keys) if taken_signatures is None else Excluded(taken_keys, taken_signatures)
    draws = draw(
        given,
        source_counts,
        total=round(EXPLORE_SHARE * batch_size) if explore is None else explore,
        most=draw_limit(batch_size) if most_draws is None else most_draws,
        before=drawn_before,
    )
    names = [name for name in dict.fromkeys(watched) if name in (*classes, NO_CLASS)]
    n_draws = len(draws.candidates)
    plan = _plan(
        batch_size if explore is None else n_draws, watched=names, n_draws=n_draws, n_classes=len(classes)
    )
    multilabel, exact = task == "multilabel", input_kind == "features"
    operating = np.asarray(thresholds, np.float64)
    pool = pool_of(given, n_classes=len(classes), thresholds=operating, multilabel=multilabel, exact=exact)
    certain = pick(pool, plan, classes=classes, excluded=excluded)
    explored = explored_items(draws, certain=certain.chosen, excluded=excluded, exact=exact)
    chosen = sorted([*explored.certain, *explored.chosen], key=lambda one: _shuffled(seed, one.candidate.key))
    passed = operating if multilabel else None
    predicted = [_predicted(one.candidate, classes, passed) for one in chosen]
    items = tuple(
        _item(one, rank, answer) for rank, (one, answer) in enumerate(zip(chosen, predicted, strict=True), 1)
    )
    manifest = {
        **(about or {}),
        "schema": MANIFEST_SCHEMA,
        "seed": seed,
        "task": task,
        "input_kind": input_kind,
        "classes": list(classes),
        "watched": names,
        "batch_size": batch_size,
        "items": len(items),
        "slices": _slices(items, plan),
        "watched_classes": {
            name: {"asked": n, "got": certain.per_watched[name]} for name, n in plan.quotas.items()
        },
        "predicted": _answers(chosen, predicted),
        "sources": _sources(items, source_counts, draws, before=_passed(given, drawn_before)),
        "complete_sample": explored.complete,
        "caps": {"most_probable_class": {"limit": plan.class_cap, "relaxed": certain.over_cap}},
        "left_out": {
            "near_duplicates": certain.near_duplicates,
            "already_taken": certain.excluded,
            "without_text_or_id": pool.without_text_or_id,
            "draws_already_chosen": explored.already_chosen,
            "draws_already_taken": explored.excluded,
            "draws_without_text_or_id": explored.without_text_or_id,
        },
        "candidates": {"given": len(given), "eligible": len(pool.candidates), "signed": certain.signed},
    }
    signatures = np.array([one.signature for one in chosen], np.uint32).reshape(-1, PERMUTATIONS)
    return Wave(items, signatures, manifest)


def _plan(batch_size: int, *, watched: Sequence[str], n_draws: int, n_classes: int) -> Plan:
    n_certain = max(batch_size - n_draws, 0)
    n_watched = min(round(WATCHED_SHARE * batch_size), n_certain) if watched else 0
    share, extra = divmod(n_watched, max(len(watched), 1))
    return Plan(
        quotas={name: share + (place < extra) for place, name in enumerate(watched)},
        uncertain=n_certain - n_watched,
        explore=n_draws,
        # Two classes share one boundary: a cap on one side of it would send the search elsewhere.
        class_cap=round(CLASS_CAP * batch_size) if n_classes > 2 else batch_size,
    )


def _predicted(
    one: Candidate, classes: Sequence[str], thresholds: npt.NDArray[np.float64] | None
) -> Label | None:
    """Return what the model answered: a class or none, with several labels an item those that pass."""
    if thresholds is None:
        return classes[one.label] if one.label >= 0 else None
    return tuple(classes[k] for k in np.flatnonzero(one.probabilities >= thresholds).tolist())


def _answers(chosen: Sequence[Chosen], predicted: Sequence[Label | None]) -> Mapping[str, int]:
    """Return how many items each class was answered for, those without an answer by the decision."""
    counted: Counter[str] = Counter()
    for one, answer in zip(chosen, predicted, strict=True):
        names = (answer,) if isinstance(answer, str) else answer
        counted.update(names or (DECISIONS[one.candidate.decision],))
    return dict(sorted(counted.items()))


def _item(one: Chosen, rank: int, predicted: Label | None) -> BatchItem:
    candidate = one.candidate
    return BatchItem(
        rank=rank,
        key=candidate.key,
        item_id=candidate.item_id,
        source=candidate.source,
        text=candidate.text,
        slice=one.slice,
        stratum=one.stratum,
        inclusion_probability=one.inclusion_probability,
        dup_count=one.dup_count,
        probabilities=tuple(round(p, _DECIMALS) for p in candidate.probabilities.tolist()),
        predicted=predicted,
        at=candidate.at,
    )


def _slices(items: Sequence[BatchItem], plan: Plan) -> Mapping[str, Mapping[str, int]]:
    asked = {"watched": sum(plan.quotas.values()), "uncertain": plan.uncertain, "explore": plan.explore}
    got = Counter(item.slice for item in items)
    return {name: {"asked": asked[name], "got": got[name]} for name in SLICES}


def _sources(
    items: Sequence[BatchItem], occurrences: Mapping[str, int], draws: Draws, *, before: Mapping[str, int]
) -> Mapping[str, Mapping[str, int]]:
    got = Counter(item.source for item in items)
    return {
        source: {
            "occurrences": n,
            "drawn_before": before.get(source, 0),
            "draws": draws.per_source.get(source, 0),
            "items": got[source],
        }
        for source, n in sorted(occurrences.items())
    }


def _passed(given: Iterable[Candidate], before: Collection[Occurrence]) -> Mapping[str, int]:
    """Return how many occurrences of each source an earlier batch drew."""
    held = {(one.key, one.at): one.source for one in given if f"random:{one.source}" in one.kinds}
    return Counter(source for occurrence, source in held.items() if occurrence in before)


def _canonical(one: Candidate) -> tuple[float, str, float, str]:
    return (one.at, one.key, one.priority, one.source)


def _shuffled(seed: str, key: str) -> bytes:
    """Return where the seed places an item in the queue: rank must tell labelers nothing about its score."""
    return hashlib.sha256(f"{seed}\0{key}".encode(errors="surrogatepass")).digest()
