"""Which candidates teach the model most: probable ones of watched classes, unlike ones, uncertain ones?"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

import numpy as np

from model_store.data.wordmarks import Marks
from monitoring.waves.batches import Chosen, Slice
from monitoring.waves.columns import Rows
from monitoring.waves.neardup import HARDLY, Excluded, clusters
from monitoring.waves.pool import Pool
from monitoring.waves.shortlist import Shortlist
from monitoring.waves.spread import spread

# Candidates looked at per item wanted; doubled while near-duplicates leave gaps, up to the deepest look.
_FIRST_LOOK: Final = 2
_DEEPEST_LOOK: Final = 32
# For fewer items that may end with what others took: while short, such a batch looks at so many in all.
_FEW: Final = 10
_FEW_LOOK_AT: Final = 4_096
# Of so many times the novel items wanted, the best, those farthest apart are taken. Uncertain ones are not
# spread: it cost a quarter of the items of unknown classes and reached no more clusters.
SPREAD: Final = 2
# Of so many times the uncertain items wanted, drawn at random, the most uncertain are taken, where there is a
# class to watch: the rest of the batch is about that, these look around (decision 0023).
AROUND: Final = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """How many items are asked for: per watched class, novel, uncertain, to explore; and the caps.

    Parameters
    ----------
    class_cap : int
        Items of one most probable class among the novel and uncertain ones.
    source_caps : mapping of str to int
        Items of a source in the whole batch, drawn ones included.
    deepest : int
        Candidates that are looked at per item while the batch is short, a power of two; see `deepest_look`.
    """

    quotas: Mapping[str, int]
    novel: int
    uncertain: int
    explore: int
    class_cap: int
    source_caps: Mapping[str, int] = field(default_factory=dict)
    deepest: int = _DEEPEST_LOOK

    @property
    def certain(self) -> int:
        """How many items are to be chosen by score."""
        return sum(self.quotas.values()) + self.novel + self.uncertain


@dataclass(frozen=True, slots=True)
class Certain:
    """The picks, how many each watched class got, what was passed over, and what was beyond a cap."""

    chosen: tuple[Chosen, ...]
    per_watched: Mapping[str, int]
    over_class_cap: Mapping[str, int]
    over_source_cap: Mapping[str, int]
    near_duplicates: int
    excluded: int
    signed: int


def deepest_look(batch_size: int, n_certain: int) -> int:
    """Return how many candidates per item a batch of this size looks at while short of those to choose.

    Examples
    --------
    >>> [deepest_look(size, n) for size, n in ((3, 1), (9, 8), (10, 8), (200, 170))]
    [4096, 512, 32, 32]
    """
    if batch_size >= _FEW or not n_certain:
        return _DEEPEST_LOOK
    return 1 << (_FEW_LOOK_AT // n_certain).bit_length() - 1


def pick(
    pool: Pool,
    plan: Plan,
    *,
    classes: Sequence[str],
    excluded: Excluded,
    labelled: Marks | None = None,
    since: float = -math.inf,
    drawn_sources: Mapping[str, int] | None = None,
) -> Certain:
    """Return the picks of the watched, the novel and the uncertain slice, one of each near-duplicate group.

    Only the best few candidates of each list are signed; the look goes deeper while near-duplicates leave
    gaps and the lists have more. What a watched class cannot fill, and what is not novel enough to be told,
    goes to the uncertain slice.

    Parameters
    ----------
    labelled : uint16 array of shape (n_labelled, 64), optional
        Marks of labelled items; without them nothing is novel.
    since : float
        Novel items are looked for from then on, UTC epoch seconds.
    drawn_sources : mapping of str to int
        Items per source that are in the batch already, drawn at random.
    """
    known: dict[int, bool] = {}
    lists = _Lists.of(pool, plan, classes=classes, labelled=labelled, since=since, excluded=excluded)
    depth, best = _FIRST_LOOK, None
    while True:
        looks = lists.at(depth)
        shortlist = Shortlist.of(pool, looks.rows(), known=known, excluded=excluded)
        filling = _Filling(pool, plan, shortlist, Counter(drawn_sources))
        done = filling.fill(looks)
        # A deeper look also finds what is like a taken item: past the usual one that may cost items.
        if best is None or depth <= _DEEPEST_LOOK or len(filling.picks) > len(best.picks):
            best = filling
        short = len(best.picks) < plan.certain
        if done or depth >= (plan.deepest if short else _DEEPEST_LOOK):
            return best.certain(classes, signed=len(known))
        depth *= 2


@dataclass(frozen=True, slots=True)
class _Looks:
    """The best rows of each list so far, best first, and the lists that have no more."""

    watched: Mapping[str, Rows]
    novel: Rows
    capped: Rows  # uncertain ones, no most probable class beyond its cap, but for those drawn at random
    uncertain: Rows
    whole: frozenset[str]

    def rows(self) -> Sequence[int]:
        """Return all of them, each once."""
        looks = (*self.watched.values(), self.novel, self.capped, self.uncertain)
        return list(dict.fromkeys(row for look in looks for row in look.tolist()))


@dataclass(frozen=True, slots=True)
class _Lists:
    """Each list as far as the deepest look goes, best first; uncertain rows by most probable class too."""

    pool: Pool
    plan: Plan
    watched: Mapping[str, Rows]
    novel: Rows
    uncertain: Rows
    around: Rows  # uncertain ones of some drawn at random; none without a class to watch
    by_top: Sequence[Rows]
    spare: int  # one item may lead the lists of several classes
    wanted: int  # uncertain items, in place of those that other lists lack too

    @classmethod
    def of(
        cls,
        pool: Pool,
        plan: Plan,
        *,
        classes: Sequence[str],
        labelled: Marks | None,
        since: float,
        excluded: Excluded,
    ) -> Self:
        """Rank the pool for each slice."""
        spare = sum(plan.quotas.values())
        watched = pool.of_classes(
            {name: plan.deepest * n + spare for name, n in plan.quotas.items()}, classes
        )
        novel = None
        if plan.novel:
            novel = pool.novel(labelled, most=_DEEPEST_LOOK * plan.novel, since=since)
        every = np.empty(0, np.intp) if novel is None else novel
        wanted = plan.uncertain + max(plan.novel - len(every), 0)
        wanted += sum(max(n - len(watched[name]), 0) for name, n in plan.quotas.items())
        return cls(
            pool=pool,
            plan=plan,
            watched=watched,
            novel=every,
            uncertain=pool.uncertain(most=plan.deepest * wanted + spare),
            around=_around(pool, AROUND * wanted if plan.quotas else 0, excluded=excluded),
            by_top=pool.by_top(),
            spare=spare,
            wanted=wanted,
        )

    def at(self, depth: int) -> _Looks:
        """Look so deep."""
        plan, most = self.plan, depth * self.wanted + self.spare
        watched = {name: self.watched[name][: depth * n + self.spare] for name, n in plan.quotas.items()}
        novel = self.novel[: depth * SPREAD * plan.novel + self.spare]
        uncertain = self.uncertain[:most]
        whole = {name for name, n in plan.quotas.items() if len(watched[name]) < depth * n + self.spare}
        whole |= {"novel"} if len(novel) == len(self.novel) else set()
        whole |= {"uncertain"} if len(uncertain) < most else set()
        capped = self.pool.capped(self.by_top, most=most, most_of_class=depth * plan.class_cap)
        first = np.concatenate([self.around, capped])
        return _Looks(watched, novel, first, uncertain, frozenset(whole))


@dataclass(slots=True)
class _Filling:
    """The picks so far, and how many of them each most probable class and each source has."""

    pool: Pool
    plan: Plan
    shortlist: Shortlist
    of_source: Counter[str]
    picks: dict[int, Slice] = field(default_factory=dict)
    per_watched: dict[str, int] = field(default_factory=dict)
    of_class: Counter[int] = field(default_factory=Counter)
    over_class: Counter[int] = field(default_factory=Counter)
    over_source: Counter[str] = field(default_factory=Counter)

    def fill(self, looks: _Looks) -> bool:
        """Pick; return whether a deeper look could not improve on it."""
        complete, wanted, late = True, self.plan.uncertain, []
        for name, quota in self.plan.quotas.items():
            look = looks.watched[name].tolist()
            got = self._take(look, "watched", quota, permits=self._source_permits)
            self.per_watched[name] = got
            complete &= got == quota or name in looks.whole
            late.append((name, look, quota - got))
        got = self._spread(looks.novel, self.plan.novel)
        complete &= got == self.plan.novel or "novel" in looks.whole
        # What a source's cap kept out of a watched class goes to others first, and to that source last.
        wanted += self.plan.novel - got + sum(missing for _, _, missing in late)
        wanted -= self._take(looks.capped.tolist(), "uncertain", wanted, permits=self._both_permit)
        if wanted:
            complete &= "uncertain" in looks.whole
            look = [*looks.capped.tolist(), *looks.uncertain.tolist()]
            wanted -= self._take(look, "uncertain", wanted, permits=self._source_permits)
            for name, watched_look, missing in late:
                got = self._take(watched_look, "watched", min(missing, wanted), permits=_anything)
                self.per_watched[name] += got
                wanted -= got
            self._take(look, "uncertain", wanted, permits=_anything)
        return complete

    def certain(self, classes: Sequence[str], *, signed: int) -> Certain:
        """Return the picks, in the order they were made, of so many rows that were looked at."""
        chosen = tuple(
            Chosen(
                candidate=self.pool.columns.candidate(row),
                signature=self.pool.signed[row],
                slice=slice_,
                stratum="certainty",
                inclusion_probability=1.0,
                dup_count=self.shortlist.copies(row),
            )
            for row, slice_ in self.picks.items()
        )
        return Certain(
            chosen=chosen,
            per_watched=self.per_watched,
            over_class_cap={classes[top]: n for top, n in sorted(self.over_class.items())},
            over_source_cap=dict(sorted(self.over_source.items())),
            near_duplicates=sum(one.dup_count - 1 for one in chosen),
            excluded=self.shortlist.n_excluded,
            signed=signed,
        )

    def _spread(self, look: Rows, wanted: int) -> int:
        """Pick novel items, those farthest apart of the best; then, for what is missing, the next."""
        if wanted <= 0:
            return 0
        free = self.shortlist.representatives(look.tolist())
        best = free[: SPREAD * wanted]
        vectors = self.pool.vectors(best) if len(best) > wanted else None
        got = 0
        if vectors is not None:
            taken: list[int] = []

            def permits(place: int) -> bool:
                if not self._both_permit(best[place]):
                    return False
                self._add(best[place], "novel")
                taken.append(place)
                return True

            spread(vectors, wanted=wanted, permits=permits)
            got = len(taken)
        return got + self._take(free, "novel", wanted - got, permits=self._both_permit)

    def _take(
        self, rows: Sequence[int], slice_: Slice, wanted: int, *, permits: Callable[[int], bool]
    ) -> int:
        """Pick up to `wanted` of the rows in their order."""
        got = 0
        for row in rows:
            if got >= wanted:
                break
            if self.shortlist.is_free(row) and permits(row):
                self._add(row, slice_)
                got += 1
        return got

    def _add(self, row: int, slice_: Slice) -> None:
        source, top = self.pool.columns.sources[row], int(self.pool.top[row])
        if not self._source_permits(row):
            self.over_source[source] += 1
        if slice_ != "watched":
            if self.of_class[top] >= self.plan.class_cap:
                self.over_class[top] += 1
            self.of_class[top] += 1
        self.of_source[source] += 1
        self.shortlist.use(row)
        self.picks[row] = slice_

    def _source_permits(self, row: int) -> bool:
        source = self.pool.columns.sources[row]
        cap = self.plan.source_caps.get(source)
        return cap is None or self.of_source[source] < cap

    def _both_permit(self, row: int) -> bool:
        return self.of_class[int(self.pool.top[row])] < self.plan.class_cap and self._source_permits(row)


def _around(pool: Pool, most: int, *, excluded: Excluded) -> Rows:
    """Return rows drawn at random, most uncertain first, that resemble no taken item and none before them."""
    rows = pool.around(most=most, taken=excluded.keys)
    if not len(rows):
        return rows
    keys = [pool.columns.keys[row] for row in rows.tolist()]
    signatures = pool.signatures(rows.tolist())
    of_each = np.unique(clusters(keys, signatures, alike=HARDLY), return_index=True)[1]
    first = np.isin(np.arange(len(rows)), of_each)
    return rows[first & ~excluded.holds(keys, signatures, alike=HARDLY)]


def _anything(_row: int) -> bool:
    return True
