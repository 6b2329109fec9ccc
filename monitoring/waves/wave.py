"""Which items go to the labelers now: of the alarm's classes, unlike and uncertain ones, and a sample of all?

A pure function of its arguments: the same candidates in any order give the same batch, byte for byte. First a
sample of occurrences is drawn at random: its items are the stratum `exploration`, so a batch chosen by score
still gives unbiased shares (Horvitz and Thompson 1952; `BatchItem.weight`). What is not like one of them is
then chosen by score for the other slices. An audit is drawn as a whole.
"""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from model_store.bundles.manifest import Task
from model_store.data.signatures import Signatures
from model_store.data.wordmarks import Marks
from model_store.graphs.inputs import InputKind
from model_store.policy import NO_CLASS
from monitoring.recording.candidate import EXPLORE_SHARE, Candidate, draw_limit
from monitoring.waves.account import account
from monitoring.waves.audit import audit
from monitoring.waves.batches import MANIFEST_SCHEMA, BatchItem, Chosen, Label
from monitoring.waves.certainty import Plan, deepest_look, pick
from monitoring.waves.columns import Columns
from monitoring.waves.exploration import draw, signatures_of
from monitoring.waves.exploration import explore as explored_items
from monitoring.waves.labelled import BatchMode
from monitoring.waves.neardup import Excluded
from monitoring.waves.needs import quotas
from monitoring.waves.pool import pool_of
from monitoring.waves.strata import Counts, strata_of
from monitoring.waves.taken import Taken
from monitoring.waves.views import TEXTS, View

WATCHED_SHARE: Final = 0.65
NOVEL_SHARE: Final = 0.10
UNWATCHED_SHARE: Final = 0.65  # of novel items, without a class to watch
CLASS_CAP: Final = 0.30  # of the batch: novel and uncertain items of one most probable class
DEFAULT_TARGET: Final = 15  # positives that prove a recall of .85 with confidence .9, without a miss
_DECIMALS: Final = 6
_ROUNDED: Final = 1e-9  # .29 of a hundred is 28.999999999999996


@dataclass(frozen=True, slots=True)
class Wave:
    """A chosen batch: its items by rank, their signatures of shape (n_items, 64), and the manifest (JSON)."""

    items: tuple[BatchItem, ...]
    signatures: Signatures
    manifest: Mapping[str, object]


def select(
    candidates: Iterable[Candidate] | Columns,
    *,
    epoch_counts: Counts,
    watched: Sequence[str],
    classes: Sequence[str],
    thresholds: Sequence[float] | npt.NDArray[np.float32],
    batch_size: int,
    seed: str,
    mode: BatchMode = "mixed",
    task: Task = "multiclass",
    input_kind: InputKind = "text",
    taken: Taken | None = None,
    lacking: Mapping[str, int] | None = None,
    target: int = DEFAULT_TARGET,
    labelled: Marks | None = None,
    view: View | None = TEXTS,
    since: float | None = None,
    unexplained: bool = False,
    source_caps: Mapping[str, float] | None = None,
    explore: int | None = None,
    most_draws: int | None = None,
    about: Mapping[str, object] | None = None,
) -> Wave:
    """Choose at most `batch_size` items to label; more only where there are more sources than that.

    Parameters
    ----------
    candidates : iterable of Candidate, or Columns
        What the reservoirs reported, in any order.
    epoch_counts : mapping of str to mapping of int to int
        Occurrences per source and epoch, in exactly the epochs the candidates come from. See `all_time` where
        nobody counted by epoch.
    watched : sequence of str
        Classes an alarm names, possibly "no_class_passes". They share their slice by need, with those that
        are `lacking`; without either the slice goes to the novel items.
    thresholds : array of shape (n_classes,)
        Operating thresholds; with two classes, or several labels an item, one near any of them is uncertain.
    seed : str
        The batch's id; decides the order in which labelers see the items, and how fractions of draws and
        the second phase of an audit fall out.
    mode : "mixed" or "audit"
        An audit draws all its items at random, by how probable the watched classes are, and chooses none:
        `batch_size` of them on average.
    task, input_kind : str
        What the model does, and with what: a multi-label item is predicted all labels it passes, and rows of
        tables are near-duplicates only when equal.
    taken : Taken, optional
        What is labelled or in an open batch: not chosen again, nor what is nearly the same. What was drawn
        before is passed over, and the manifest names the places of those that stand for a draw.
    lacking : mapping of str to int, optional
        Positives that a class lacks for its claim.
    target : int
        Positives that prove the target of a watched class anew.
    labelled : uint16 array of shape (n_labelled, 64), optional
        Marks of labelled items, made by `view`; without them nothing is novel.
    view : View, optional
        How contents are told apart; None where nothing says so, as of a table whose bundle keeps no marks.
    since : float, optional
        When traffic moved, UTC epoch seconds: novel items are looked for from then on.
    unexplained : bool
        Another mix of the known classes does not explain the traffic: half of the watched slice's share goes
        to what is novel.
    source_caps : mapping of str to float, optional
        The largest share of the batch that may come from a source.
    explore : int, optional
        Draw so many occurrences at random and choose nothing else, for a claim that lacks explored labels.
    most_draws : int, optional
        How many of the smallest priorities of a source and epoch every reservoir was sure to hold; by default
        `draw_limit(batch_size)`, right when the reservoirs were made for batches of this size.
    about : mapping, optional
        What the caller knows and the manifest should say: window, alarm, model, digests.
    """
    columns = (
        candidates if isinstance(candidates, Columns) else Columns.of(candidates, n_classes=len(classes))
    )
    taken = taken or Taken()
    excluded = Excluded(taken.keys, taken.signatures, taken.signed_keys, taken.contents)
    names = [name for name in dict.fromkeys(watched) if name in (*classes, NO_CLASS)]
    most = draw_limit(batch_size) if most_draws is None else most_draws
    strata = strata_of(columns, epoch_counts, most=most, before=taken.drawn, carried=taken.carried)
    if mode == "audit":
        by_column = [classes.index(name) for name in names if name in classes]
        draws = audit(columns, strata, watched=by_column, size=batch_size, seed=seed)
    else:
        asked = round(EXPLORE_SHARE * batch_size) if explore is None else explore
        draws = draw(columns, strata, total=asked, seed=seed)
    by_score = mode == "mixed" and explore is None
    operating, exact = np.asarray(thresholds, np.float64), input_kind == "features"
    explored = explored_items(draws, excluded=excluded, exact=exact, apart=not by_score)
    plan = _plan(
        batch_size if by_score else len(draws.each),
        n_certain=max(batch_size - len(explored.chosen), 0) if by_score else 0,
        watched=names,
        lacking=lacking or {},
        target=target,
        unexplained=unexplained,
        n_draws=len(draws.each),
        n_classes=len(classes),
        source_caps=source_caps or {},
    )
    pool = pool_of(columns, thresholds=operating, multilabel=task == "multilabel", exact=exact, view=view)
    certain = pick(
        pool,
        plan,
        classes=classes,
        excluded=excluded.also(
            [one.candidate.key for one in explored.chosen], signatures_of(explored.chosen)
        ),
        labelled=labelled,
        since=-math.inf if since is None else since,
        drawn_sources=Counter(one.candidate.source for one in explored.chosen),
    )
    chosen = sorted([*certain.chosen, *explored.chosen], key=lambda one: _shuffled(seed, one.candidate.key))
    items = _items(chosen, classes, operating if task == "multilabel" else None)
    manifest = {
        **(about or {}),
        "schema": MANIFEST_SCHEMA,
        "mode": mode,
        "seed": seed,
        "task": task,
        "input_kind": input_kind,
        "classes": list(classes),
        "watched": names,
        "batch_size": batch_size,
        **account(
            items,
            chosen,
            pool=pool,
            plan=plan,
            certain=certain,
            explored=explored,
            draws=draws,
            strata=strata,
            epoch_counts=epoch_counts,
            n_labelled=0 if labelled is None else len(labelled),
            places=taken.places,
        ),
    }
    return Wave(items, signatures_of(chosen), manifest)


def _plan(
    batch_size: int,
    *,
    watched: Sequence[str],
    lacking: Mapping[str, int],
    target: int,
    unexplained: bool,
    n_certain: int,
    n_draws: int,
    n_classes: int,
    source_caps: Mapping[str, float],
) -> Plan:
    # What known classes do not explain is worth as much as more of a class that the model knows; without a
    # class to watch nearly all of its share is for that.
    free = WATCHED_SHARE / 2 if unexplained else 0.0
    asked = min(round((WATCHED_SHARE - free) * batch_size), n_certain)
    watching = quotas(asked, moved=watched, lacking=lacking, target=target)
    n_watched = sum(watching.values())
    share = NOVEL_SHARE + free if watching else UNWATCHED_SHARE
    novel = min(round(share * batch_size), n_certain - n_watched)
    return Plan(
        quotas=watching,
        novel=novel,
        uncertain=n_certain - n_watched - novel,
        explore=n_draws,
        # Two classes share one boundary: a cap on one side of it would send the search elsewhere.
        class_cap=round(CLASS_CAP * batch_size) if n_classes > 2 else batch_size,
        source_caps={source: int(share * batch_size + _ROUNDED) for source, share in source_caps.items()},
        deepest=deepest_look(batch_size, n_certain),
    )


def _items(
    chosen: Sequence[Chosen], classes: Sequence[str], passed: npt.NDArray[np.float64] | None
) -> tuple[BatchItem, ...]:
    return tuple(
        _item(one, at, _predicted(one.candidate, classes, passed)) for at, one in enumerate(chosen, 1)
    )


def _predicted(
    one: Candidate, classes: Sequence[str], thresholds: npt.NDArray[np.float64] | None
) -> Label | None:
    """Return what the model answered: a class or none, with several labels an item those that pass."""
    if thresholds is None:
        return classes[one.label] if one.label >= 0 else None
    return tuple(classes[k] for k in np.flatnonzero(one.probabilities >= thresholds).tolist())


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
        probabilities=tuple(candidate.probabilities.astype(np.float64).round(_DECIMALS).tolist()),
        predicted=predicted,
        at=candidate.at,
    )


def _shuffled(seed: str, key: str) -> bytes:
    """Return where the seed places an item in the queue: rank must tell labelers nothing about its score."""
    return hashlib.sha256(f"{seed}\0{key}".encode(errors="surrogatepass")).digest()
