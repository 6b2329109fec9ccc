"""What does a batch say of how it was chosen? The part of its manifest that is counted."""

from collections import Counter
from collections.abc import Mapping, Sequence

from model_store.policy import DECISIONS
from monitoring.waves.batches import SLICES, BatchItem, Chosen, Place
from monitoring.waves.certainty import Certain, Plan
from monitoring.waves.exploration import Draws, Explored
from monitoring.waves.pool import Pool
from monitoring.waves.strata import Cell, Counts, Stratum


def account(
    items: Sequence[BatchItem],
    chosen: Sequence[Chosen],
    *,
    pool: Pool,
    plan: Plan,
    certain: Certain,
    explored: Explored,
    draws: Draws,
    strata: Mapping[Cell, Stratum],
    epoch_counts: Counts,
    n_labelled: int,
    places: Mapping[str, Place],
) -> dict[str, object]:
    """Return what was asked for and what came of it: slices, classes, sources, caps, what was left out.

    Parameters
    ----------
    items, chosen
        The batch by rank, and what each item was chosen as.
    n_labelled : int
        Labelled items that the novel ones were compared with.
    places : mapping of str to (str, int)
        Batch and rank of the items of other batches, by key.
    """
    stood_for = _draws_taken(explored, places)
    return {
        "items": len(items),
        "slices": _slices(items, plan),
        "watched_classes": {
            name: {"asked": n, "got": certain.per_watched[name]} for name, n in plan.quotas.items()
        },
        "predicted": _answers(items, chosen),
        "sources": _sources(items, epoch_counts, strata, draws),
        "complete_sample": explored.complete and len(stood_for) == len(explored.met),
        "caps": _caps(plan, certain),
        "compared_with": n_labelled,
        "vectors": pool.placed.kind,
        "left_out": _left_out(pool, certain, explored),
        "draws_taken": stood_for,
        "candidates": {
            "given": len(pool.columns),
            "eligible": len(pool.rows),
            "signed": certain.signed,
        },
    }


def _slices(items: Sequence[BatchItem], plan: Plan) -> Mapping[str, Mapping[str, int]]:
    asked = {
        "watched": sum(plan.quotas.values()),
        "novel": plan.novel,
        "uncertain": plan.uncertain,
        "explore": plan.explore,
    }
    got = Counter(item.slice for item in items)
    return {name: {"asked": asked[name], "got": got[name]} for name in SLICES}


def _sources(
    items: Sequence[BatchItem], counts: Counts, strata: Mapping[Cell, Stratum], draws: Draws
) -> Mapping[str, Mapping[str, object]]:
    got = Counter(item.source for item in items)
    found: dict[str, dict[str, object]] = {}
    for source in sorted(counts):
        mine = [stratum for (each, _), stratum in strata.items() if each == source]
        found[source] = {
            "occurrences": sum(stratum.occurrences for stratum in mine),
            "drawn_before": sum(len(stratum.before) for stratum in mine),
            "draws": draws.per_source.get(source, 0),
            "items": got[source],
            "epochs_beyond": list(draws.beyond.get(source, ())),
        }
    return found


def _answers(items: Sequence[BatchItem], chosen: Sequence[Chosen]) -> Mapping[str, int]:
    """Return how many items each class was answered for, those without an answer by the decision."""
    counted: Counter[str] = Counter()
    for item, one in zip(items, chosen, strict=True):
        names = (item.predicted,) if isinstance(item.predicted, str) else item.predicted
        counted.update(names or (DECISIONS[one.candidate.decision],))
    return dict(sorted(counted.items()))


def _caps(plan: Plan, certain: Certain) -> Mapping[str, object]:
    """Return the caps, and how many items are beyond one since nothing else was left."""
    return {
        "most_probable_class": {"limit": plan.class_cap, "relaxed": certain.over_class_cap},
        "sources": {"limits": dict(plan.source_caps), "relaxed": certain.over_source_cap},
    }


def _left_out(pool: Pool, certain: Certain, explored: Explored) -> Mapping[str, int]:
    return {
        "near_duplicates": certain.near_duplicates,
        "already_taken": certain.excluded,
        "without_text_or_id": pool.without_text_or_id,
        "draws_already_taken": explored.excluded,
        "draws_without_text_or_id": explored.without_text_or_id,
    }


def _draws_taken(explored: Explored, places: Mapping[str, Place]) -> Sequence[Mapping[str, object]]:
    """Return, of each draw that an item of another batch stands for, that item, and its own chance.

    The item is named by its place, not by its key, which is the caller's. Its label is the draw's own where
    it is `carried`, being the same word for word; else it only estimates.
    """
    found = [(one, *places[one.owner]) for one in explored.met if one.owner in places]
    return [
        {
            "batch": batch,
            "rank": rank,
            "source": one.draw.candidate.source,
            "at": one.draw.candidate.at,
            "chance": one.draw.chance,
            "priority": one.draw.candidate.priority,
            "carried": one.carried,
        }
        for one, batch, rank in sorted(found, key=lambda each: (each[0].draw.candidate.at, each[1:]))
    ]
