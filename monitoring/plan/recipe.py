"""Which items make the next wave where a seed model exists? Those the service would choose of this traffic.

The rows of the pool stand for occurrences of traffic, all of one time, each with a priority drawn from the
seed.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from model_store.data.wordmarks import Marks
from monitoring.errors import PlanRefused
from monitoring.plan.choose import Item, Wave
from monitoring.plan.pool import Fresh, Pool
from monitoring.plan.shares import Slice
from monitoring.plan.signs import Answers
from monitoring.waves import wave as recipe
from monitoring.waves.batches import BatchItem
from monitoring.waves.batches import Slice as RecipeSlice
from monitoring.waves.columns import Columns
from monitoring.waves.facts import ModelFacts
from monitoring.waves.strata import ALL_TIME, all_time

_NAMES: Final[Mapping[RecipeSlice, Slice]] = {
    "watched": "rare",
    "novel": "novel",
    "uncertain": "uncertain",
    "explore": "explore",
}


def choose_by_model(
    pool: Pool,
    fresh: Fresh,
    answers: Answers,
    *,
    size: int,
    lacking: Mapping[str, int],
    caps: Mapping[str, float],
    seed: Sequence[int],
    labelled: Sequence[str] = (),
) -> Wave:
    """Return a wave of `size` items, fewer where the pool has no more.

    Parameters
    ----------
    lacking : mapping of str to int
        Per rare class the positives it lacks for a claim.
    labelled : sequence of str
        Texts that were handed out before: what is like them is not novel.

    Raises
    ------
    PlanRefused
        If there are more sources than items: each has one drawn.
    """
    facts = answers.facts
    columns = _columns(pool, fresh, answers, seed)
    of = Counter(columns.sources)
    if len(of) > size:
        raise PlanRefused(
            f"{pool.path}: {len(of)} sources, and {size} items in this wave: each has one drawn at random; "
            "plan larger waves, or fewer sources"
        )
    found = recipe.select(
        columns,
        epoch_counts=all_time(of),
        watched=list(lacking),
        classes=facts.classes,
        thresholds=facts.thresholds,
        batch_size=size,
        seed="-".join(map(str, seed)),
        task=facts.task,
        input_kind=facts.input_kind,
        lacking=lacking,
        target=1,
        labelled=_labelled(facts, labelled),
        view=facts.view,
        source_caps=caps,
        # Every row of the pool is there, so all may be drawn.
        most_draws=len(fresh),
    )
    said: Any = found.manifest
    limits: Mapping[str, int] = said["caps"]["sources"]["limits"]
    got = Counter(each.source for each in found.items)
    place = {key: at for at, key in enumerate(columns.keys)}
    watched = {name: facts.classes.index(name) for name in lacking}
    return Wave(
        items=tuple(_item(each, place[each.key], fresh, watched) for each in found.items),
        slices={_NAMES[name]: n["asked"] for name, n in said["slices"].items()},
        sources=limits,
        classes={name: n["asked"] for name, n in said["watched_classes"].items()},
        over_cap={source: got[source] - most for source, most in limits.items() if got[source] > most},
    )


def _columns(pool: Pool, fresh: Fresh, answers: Answers, seed: Sequence[int]) -> Columns:
    rows, n, decisions = fresh.rows.tolist(), len(fresh), answers.decisions
    return Columns(
        keys=[pool.keys[row] for row in rows],
        item_ids=[None if pool.ids is None else pool.ids[row] for row in rows],
        sources=[pool.sources[row] for row in rows],
        texts=[pool.texts[row] for row in rows],
        probabilities=decisions.probabilities,
        labels=decisions.label,
        decisions=decisions.decision,
        at=np.zeros(n),
        priorities=np.random.default_rng(seed).random(n),
        scored=np.ones(n, np.bool_),
        drawn=np.ones(n, np.bool_),
        epochs=np.full(n, ALL_TIME, np.int64),
    )


def _item(item: BatchItem, at: int, fresh: Fresh, watched: Mapping[str, int]) -> Item:
    slice_: Slice = "explore" if item.stratum == "exploration" else _NAMES[item.slice]
    rare = None
    if slice_ == "rare":
        rare = max(watched, key=lambda name: item.probabilities[watched[name]])
    return Item(
        row=int(fresh.rows[at]),
        slice=slice_,
        source=item.source,
        copies=int(fresh.copies[at]),
        inclusion_probability=item.inclusion_probability,
        rare=rare,
        score=0.0 if rare is None else item.probabilities[watched[rare]],
        probabilities=item.probabilities,
        predicted=item.predicted,
    )


def _labelled(facts: ModelFacts, texts: Sequence[str]) -> Marks | None:
    """Return marks of what the model was made from and of what was handed out since."""
    since = facts.view.marks(texts) if texts and facts.view is not None else None
    parts = [each for each in (facts.marks, since) if each is not None]
    return np.concatenate(parts) if parts else None
