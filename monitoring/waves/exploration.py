"""What would a fair sample of the traffic look like: draws with exact chances, and the items they become.

The unit is an occurrence. Which are drawn follows from their priorities (`monitoring.waves.strata`), in an
audit also from what the model says (`monitoring.waves.audit`); here draws become items of a batch.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from model_store.data.signatures import PERMUTATIONS, Signatures
from monitoring.recording.candidate import Candidate
from monitoring.waves.batches import Chosen
from monitoring.waves.columns import Columns
from monitoring.waves.neardup import Excluded, clusters, sign
from monitoring.waves.strata import Cell, Stratum, shares, spread


@dataclass(frozen=True, slots=True)
class Draw:
    """An occurrence that was drawn, and the chance it had."""

    candidate: Candidate
    chance: float


@dataclass(frozen=True, slots=True)
class Met:
    """A draw that met an item of another batch: the key of that, and whether it is the same word for word."""

    draw: Draw
    owner: str
    carried: bool


@dataclass(frozen=True, slots=True)
class Draws:
    """The drawn occurrences.

    Parameters
    ----------
    beyond : mapping of str to sequence of int
        Epochs of a source of which earlier batches drew what is held: these draws are not about them.
    plain : bool
        They are a sample of all sources, each with a chance that does not depend on what the model says.
    """

    each: tuple[Draw, ...]
    beyond: Mapping[str, Sequence[int]] = field(default_factory=dict)
    plain: bool = True

    @property
    def per_source(self) -> Mapping[str, int]:
        """How many there are of each source."""
        return Counter(one.candidate.source for one in self.each)


@dataclass(frozen=True, slots=True)
class Explored:
    """What the draws became: the exploration slice.

    `complete` says that its items are the draws, as often as each was drawn, those in `met` included: none is
    missing, and none is stood for by another content.
    """

    chosen: tuple[Chosen, ...]
    complete: bool
    excluded: int
    without_text_or_id: int
    met: tuple[Met, ...] = ()


def draw(columns: Columns, strata: Mapping[Cell, Stratum], *, total: int, seed: str) -> Draws:
    """Return `total` occurrences drawn at random, fewer where not so many are sure to be held.

    Of each source and epoch those with the smallest priorities are drawn, passing over what was drawn before:
    a simple random sample of the others. Sources have equal chances, but for one too small to have a draw
    then: it has one of its own. `seed` decides how fractions are rounded.
    """
    each: list[Draw] = []
    kept: set[Cell] = set()
    plain = True
    for share in shares(strata, total, seed=seed):
        kept.update(share.cells)
        for cell, n in spread(share, strata, seed=seed).items():
            rows = [row for row in strata[cell].rows if row not in strata[cell].before][:n]
            plain &= len(rows) == n
            each += [Draw(columns.candidate(row), share.chance) for row in rows]
    beyond: dict[str, list[int]] = {}
    for source, epoch in strata:
        if (source, epoch) not in kept:
            beyond.setdefault(source, []).append(epoch)
    uncovered = {source for source, _ in strata} - {source for source, _ in kept}
    return Draws(tuple(each), beyond, plain and not uncovered)


def explore(
    draws: Draws,
    *,
    excluded: Excluded,
    exact: bool = False,
    apart: bool = False,
) -> Explored:
    """Turn draws into items of the batch.

    A draw that resembles an item labelled or out for labeling is not labelled twice: that one stands for it,
    with the label it has or gets. Draws that resemble one another become one item whose weight,
    `dup_count / inclusion_probability`, is the sum of theirs (for draws with several chances the inclusion
    probability is their harmonic mean). `exact`: see `neardup.sign`.

    With `apart` only the same content is one item: of what is nearly alike, one may be answered otherwise.

    What resembles the items that the model was made from is left out, and leaves a sample of the traffic that
    does not: whether an item does was settled before any was drawn.
    """
    able = [
        each for each in draws.each if each.candidate.text is not None or each.candidate.item_id is not None
    ]
    candidates = [each.candidate for each in able]
    signatures = sign(candidates, exact=exact)
    known = excluded.holds([one.key for one in candidates], signatures)
    gone = np.flatnonzero(known)
    owners = dict(
        zip(
            gone.tolist(),
            excluded.owners_of([candidates[row].key for row in gone.tolist()], signatures[gone]),
            strict=True,
        )
    )
    met = []
    for row, owner in owners.items():
        if owner is None:
            continue
        carried = excluded.is_content_of(owner, candidates[row])
        if apart and not carried and candidates[row].key not in excluded.keys:
            known[row] = False
        else:
            met.append(Met(able[row], owner, carried))
    kept = np.flatnonzero(~known).tolist()
    drawn = [Chosen(candidates[row], signatures[row], "explore", "exploration", 1.0, 1) for row in kept]
    chances = [able[row].chance for row in kept]
    complete = draws.plain and len(able) == len(draws.each) and all(each.carried for each in met)
    chosen = []
    for members in _clustered(drawn, apart=apart):
        item = drawn[members[0]]
        chosen.append(_standing_for(item, [chances[row] for row in members]))
        complete &= all(_same_content(drawn[row].candidate, item.candidate) for row in members)
    return Explored(
        chosen=tuple(chosen),
        complete=complete,
        excluded=int(known.sum()),
        without_text_or_id=len(draws.each) - len(able),
        met=tuple(met),
    )


def _clustered(drawn: Sequence[Chosen], *, apart: bool) -> Iterable[Sequence[int]]:
    """Return the draws that resemble one another."""
    candidates = [one.candidate for one in drawn]
    signatures = sign(candidates, exact=True) if apart else signatures_of(drawn)
    members: dict[int, list[int]] = {}
    for row, cluster in enumerate(clusters([one.key for one in candidates], signatures).tolist()):
        members.setdefault(cluster, []).append(row)
    return members.values()


def _standing_for(item: Chosen, chances: Sequence[float]) -> Chosen:
    weight = sum(1 / chance for chance in chances)
    return replace(item, inclusion_probability=len(chances) / weight, dup_count=len(chances))


def _same_content(one: Candidate, other: Candidate) -> bool:
    # Without texts the id tells which item it was, as it does to the labeler.
    return one.text == other.text and (one.text is not None or one.key == other.key)


def signatures_of(chosen: Sequence[Chosen]) -> Signatures:
    """Return the near-duplicate signatures of items, uint32 of shape (n, 64)."""
    return np.array([one.signature for one in chosen], np.uint32).reshape(len(chosen), PERMUTATIONS)
