"""Which candidates teach the model most: high probabilities of the watched classes, and small margins?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.data.signatures import PERMUTATIONS, Signatures
from model_store.policy import NO_CLASS, NO_CLASS_PASSES
from monitoring.recording.candidate import Candidate, Probabilities, Scores, margins, nearness
from monitoring.waves.batches import Chosen, Slice
from monitoring.waves.neardup import Excluded, clusters, sign

Rows: TypeAlias = npt.NDArray[np.intp]

_FIRST_LOOK: Final = 3  # candidates signed per item wanted; doubled while near-duplicates leave gaps


@dataclass(frozen=True, slots=True)
class Plan:
    """How many items are asked for: per watched class, uncertain, to explore, and at most of one class."""

    quotas: Mapping[str, int]
    uncertain: int
    explore: int
    class_cap: int


@dataclass(frozen=True, slots=True)
class Pool:
    """The candidates to pick from, one a key, in canonical order, and what ranks them.

    `top` is the most probable class of each. Candidates held only as random draws are not among them: were
    they picked for their score, the picks would depend on the draw. `exact`: see `neardup.sign`.
    """

    candidates: Sequence[Candidate]
    probabilities: Probabilities
    uncertainty: Scores
    top: Rows
    without_text_or_id: int
    exact: bool = False

    def scores(self, watched: str, classes: Sequence[str]) -> Scores:
        """Return what ranks the candidates for a watched class, -inf where one does not qualify."""
        if watched != NO_CLASS:
            return self.probabilities[:, classes.index(watched)].astype(np.float64)
        passes = np.fromiter((one.decision != NO_CLASS_PASSES for one in self.candidates), np.bool_)
        return np.where(passes, -np.inf, self.uncertainty)


@dataclass(frozen=True, slots=True)
class Certain:
    """The picks, how many each watched class got, and what was passed over."""

    chosen: tuple[Chosen, ...]
    per_watched: Mapping[str, int]
    over_cap: Mapping[str, int]
    near_duplicates: int
    excluded: int
    signed: int


def pool_of(
    given: Sequence[Candidate],
    *,
    n_classes: int,
    thresholds: Scores,
    multilabel: bool = False,
    exact: bool = False,
) -> Pool:
    """Return the newest candidate of each key that is in a certainty kind and a labeler can recognise."""
    newest: dict[str, Candidate] = {}
    nameless: set[str] = set()
    for one in given:
        if all(kind.startswith("random:") for kind in one.kinds):
            continue
        if one.text is None and one.item_id is None:
            nameless.add(one.key)
        else:
            newest[one.key] = one
    candidates = tuple(newest.values())
    flat = np.concatenate([np.empty(0, np.float32), *(one.probabilities for one in candidates)])
    probabilities = flat.reshape(-1, n_classes)
    return Pool(
        candidates=candidates,
        probabilities=probabilities,
        uncertainty=nearness(probabilities, thresholds)
        if multilabel or n_classes == 2
        else 1 - margins(probabilities),
        top=probabilities.argmax(axis=1),
        without_text_or_id=len(nameless),
        exact=exact,
    )


def pick(pool: Pool, plan: Plan, *, classes: Sequence[str], excluded: Excluded) -> Certain:
    """Return the picks of the watched and the uncertain slice, one of each near-duplicate group.

    Only the best few candidates of each list are signed; the look goes deeper while near-duplicates leave
    gaps and the lists have more. What the watched classes cannot fill goes to the uncertain slice.
    """
    lists = _Lists.of(pool, plan, classes)
    signed: dict[int, Signatures] = {}
    depth = _FIRST_LOOK
    while True:
        shortlist = _Shortlist.of(pool, lists.rows(depth), signed=signed, excluded=excluded)
        if lists.fill(shortlist, depth):
            return shortlist.certain(classes)
        depth *= 2


@dataclass(frozen=True, slots=True)
class _Lists:
    """The candidates of each list, best first, and how deep to look into them."""

    plan: Plan
    watched: Mapping[str, Rows]
    uncertain: Rows
    by_class: Sequence[Rows]  # places in `uncertain` of each most probable class
    wanted: int  # uncertain items, with what watched lists are too short for

    @classmethod
    def of(cls, pool: Pool, plan: Plan, classes: Sequence[str]) -> Self:
        """Rank the pool for every list."""
        watched = {name: _best_first(pool.scores(name, classes)) for name in plan.quotas}
        uncertain = _best_first(pool.uncertainty)
        missing = sum(max(n - len(watched[name]), 0) for name, n in plan.quotas.items())
        predicted = pool.top[uncertain]
        return cls(
            plan=plan,
            watched=watched,
            uncertain=uncertain,
            by_class=[np.flatnonzero(predicted == column) for column in range(len(classes))],
            wanted=max(plan.uncertain + missing, 1),
        )

    def rows(self, depth: int) -> Sequence[int]:
        """Return all candidates that a look of this depth may pick."""
        looks = [self._watched_look(name, depth) for name in self.watched]
        looks += [self._capped_look(depth), self.uncertain[: depth * self.wanted]]
        return list(dict.fromkeys(row for look in looks for row in look.tolist()))

    def fill(self, shortlist: "_Shortlist", depth: int) -> bool:
        """Pick from the shortlist; return whether a deeper look could not improve on it."""
        complete = True
        wanted = self.plan.uncertain
        for name, quota in self.plan.quotas.items():
            look = self._watched_look(name, depth)
            got = shortlist.take(look, "watched", quota, name=name)
            wanted += quota - got
            complete &= got == quota or len(look) == len(self.watched[name])
        cap = self.plan.class_cap
        capped = self._capped_look(depth)
        wanted -= shortlist.take(capped, "uncertain", wanted, cap=cap)
        if wanted:
            complete &= self._within_cap_seen(shortlist, depth)
            wanted -= shortlist.take(self.uncertain[: depth * self.wanted], "uncertain", wanted)
            complete &= wanted == 0 or depth * self.wanted >= len(self.uncertain)
        return complete

    def _watched_look(self, name: str, depth: int) -> Rows:
        # One item may lead the lists of several classes: each looks past what the others may take.
        return self.watched[name][: depth * self.plan.quotas[name] + sum(self.plan.quotas.values())]

    def _capped_look(self, depth: int) -> Rows:
        places = np.concatenate([places[: depth * self.plan.class_cap] for places in self.by_class])
        look: Rows = self.uncertain[np.sort(places)[: depth * self.wanted]]
        return look

    def _within_cap_seen(self, shortlist: "_Shortlist", depth: int) -> bool:
        """Return whether every class reached its cap or was looked at to its end."""
        limit = depth * self.plan.class_cap
        listed = sum(min(len(places), limit) for places in self.by_class)
        return listed <= depth * self.wanted and all(
            len(places) <= limit or shortlist.uncertain_of[column] >= self.plan.class_cap
            for column, places in enumerate(self.by_class)
        )


@dataclass(slots=True)
class _Shortlist:
    """Signed candidates, which of them are near-duplicates, and the picks so far."""

    pool: Pool
    signed: Mapping[int, Signatures]
    cluster: Mapping[int, int]
    size: Counter[int]
    used: set[int]
    n_excluded: int
    picks: dict[int, Slice] = field(default_factory=dict)
    per_watched: dict[str, int] = field(default_factory=dict)
    uncertain_of: Counter[int] = field(default_factory=Counter)  # by most probable class
    over_cap: Counter[int] = field(default_factory=Counter)

    @classmethod
    def of(
        cls, pool: Pool, rows: Sequence[int], *, signed: dict[int, Signatures], excluded: Excluded
    ) -> Self:
        """Sign the rows that are new to `signed`, group all, and strike the groups that are excluded."""
        fresh = [row for row in rows if row not in signed]
        found = sign([pool.candidates[row] for row in fresh], exact=pool.exact)
        signed.update(zip(fresh, found, strict=True))
        signatures = np.array([signed[row] for row in rows], np.uint32).reshape(len(rows), PERMUTATIONS)
        keys = [pool.candidates[row].key for row in rows]
        cluster = clusters(keys, signatures).tolist()
        known = excluded.holds(keys, signatures).tolist()
        return cls(
            pool=pool,
            signed=signed,
            cluster=dict(zip(rows, cluster, strict=True)),
            size=Counter(cluster),
            used={group for group, is_known in zip(cluster, known, strict=True) if is_known},
            n_excluded=sum(known),
        )

    def take(
        self, rows: Rows, slice_: Slice, wanted: int, *, name: str | None = None, cap: int | None = None
    ) -> int:
        """Pick up to `wanted` of the rows in their order, at most `cap` of one most probable class."""
        got = 0
        for row in rows.tolist():
            if got == wanted:
                break
            group, top = self.cluster[row], int(self.pool.top[row])
            if group in self.used or (cap is not None and self.uncertain_of[top] >= cap):
                continue
            self.used.add(group)
            self.picks[row] = slice_
            got += 1
            if slice_ == "uncertain":
                self.uncertain_of[top] += 1
                self.over_cap[top] += cap is None
        if name is not None:
            self.per_watched[name] = got
        return got

    def certain(self, classes: Sequence[str]) -> Certain:
        """Return the picks, in the order they were made."""
        chosen = tuple(
            Chosen(
                candidate=self.pool.candidates[row],
                signature=self.signed[row],
                slice=slice_,
                stratum="certainty",
                inclusion_probability=1.0,
                dup_count=self.size[self.cluster[row]],
            )
            for row, slice_ in self.picks.items()
        )
        return Certain(
            chosen=chosen,
            per_watched=self.per_watched,
            over_cap={classes[top]: n for top, n in sorted(self.over_cap.items()) if n},
            near_duplicates=sum(one.dup_count - 1 for one in chosen),
            excluded=self.n_excluded,
            signed=len(self.signed),
        )


def _best_first(scores: Scores) -> Rows:
    # Stable: candidates of equal score stay in canonical order, whatever order they came in.
    order = np.argsort(-scores, kind="stable")
    return order[np.isfinite(scores[order])]
