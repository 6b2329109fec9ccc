"""Splits: which rows train, which calibrate, which set thresholds, and which only measure?

Near-duplicates stay together: a copy of a training row among the test rows inflates every figure. Each class
is shared out by its own rows, so that a rare one reaches every part. Row numbers in messages count from 1.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.data.indicators import AnyLabels, LabelMatrix, indicators, rarest
from model_store.data.parts import PARTS, Rows, Splits, SplitsOverlap
from model_store.errors import TrainingError

__all__ = [
    "PARTS",
    "SHARES",
    "ClassEntangled",
    "ClassTooSmall",
    "Splits",
    "SplitsOverlap",
    "default_shares",
    "split",
]

Groups: TypeAlias = npt.NDArray[np.integer[Any]]  # (n_items,)
Scarce: TypeAlias = Literal["refuse", "allow"]

SHARES: Final = (0.5, 0.15, 0.2, 0.15)
# What a class of too few rows goes without first is the test: nothing is promised from it.
_NEED: Final = ("threshold", "calibration", "train", "test")
_SHOWN: Final = 5
_IN_WORDS: Final = {2: "two", 3: "three", 4: "four"}
_MOVES_A_CLASS: Final = (
    20  # far beyond what was ever needed: it only ends a search that goes round in circles
)


class ClassTooSmall(TrainingError):
    """A class has not enough distinct rows for every part to get one; `numbers` counts rows from 1."""

    def __init__(self, class_name: str, numbers: Sequence[int], groups: int, needed: int) -> None:
        super().__init__(class_name, tuple(numbers), groups, needed)
        self.class_name, self.numbers, self.groups, self.needed = class_name, tuple(numbers), groups, needed

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.numbers[:_SHOWN]))
        shown += ", ..." if len(self.numbers) > _SHOWN else ""
        held = f"{len(self.numbers)} row{'' if len(self.numbers) == 1 else 's'} ({shown})"
        if not self.numbers:
            held = "no rows"
        if len(self.numbers) != self.groups:
            held += f" in {self.groups} groups of near-duplicates"
        many = _IN_WORDS.get(self.needed, str(self.needed))
        return (
            f"class {self.class_name!r} has {held}; the {many} splits need "
            f"at least {self.needed} that are not near-duplicates: add rows of it or leave it out"
        )


class ClassEntangled(TrainingError):
    """A class has enough groups, but shares them with other classes so that some part goes without."""

    def __init__(self, class_name: str) -> None:
        super().__init__(class_name)
        self.class_name = class_name

    def __str__(self) -> str:
        return (
            f"class {self.class_name!r} shares its few groups of near-duplicates with other classes, and no "
            "way was found to give every split a row of each: add rows of it or correct contradicting labels"
        )


def split(
    labels: AnyLabels,
    groups: Groups,
    *,
    seed: int,
    parts: Sequence[str] = PARTS,
    shares: Sequence[float] | None = None,
    classes: Sequence[str] | None = None,
    scarce: Scarce = "refuse",
) -> Splits:
    """Deal rows into parts, stratified by label, groups kept whole.

    Parameters
    ----------
    labels : int array of shape (n_items,), or bool array of shape (n_items, n_classes)
        True class of each row, or for multi-label the classes it carries; then it is dealt out with the
        rarest of them, and rows that carry none among themselves.
    groups : int array of shape (n_items,)
        Near-duplicate group of each row.
    parts : sequence of str
        A fit needs all four; an import brings a trained model and needs no `train`.
    shares : sequence of float
        Of every class's rows, one a part; they sum to 1. By default those parts' `SHARES`, in proportion.
    scarce : {"refuse", "allow"}
        What to do about a class in fewer groups than there are parts. If it is allowed, it reaches the
        threshold part first, then calibration, then training: without the first it has no threshold at all.

    Raises
    ------
    ClassTooSmall
        If a class lies in fewer groups than there are parts.
    ClassEntangled
        If its groups hold other classes too, and no way was found to give every part all of them.

    Notes
    -----
    A group of several rows draws its part with chances in proportion to what the parts still miss of its
    commonest class; groups of one row then fill each class's quota exactly. Chance, not greed: giving the
    large groups to the emptiest part would put all the repeated texts into training.
    """
    share = np.asarray(default_shares(parts) if shares is None else shares)
    n_classes = _n_classes(labels, classes)
    _, group_of, size = np.unique(groups, return_inverse=True, return_counts=True)
    positive = indicators(labels, n_classes)
    held = _held(positive, group_of)
    if scarce == "refuse":
        _check_sizes(positive, held, len(parts), classes)
    rng = np.random.default_rng(seed)
    strata = rarest(labels, n_classes)
    strata[strata < 0] = n_classes  # rows of no class are shared out like a class of their own
    part_of_group = _dealt(strata, group_of, size, share, rng)
    required = _required(np.bincount(held[0], minlength=n_classes), parts)
    lacking = _cover(part_of_group, held, size, required, rng)
    if lacking is not None and scarce == "refuse":
        raise ClassEntangled(_name(classes, lacking))
    assigned = part_of_group[group_of]
    return Splits({part: np.flatnonzero(assigned == p) for p, part in enumerate(parts)}, len(labels))


def default_shares(parts: Sequence[str]) -> tuple[float, ...]:
    """Return the shares of these parts in proportion to `SHARES`; they sum to 1.

    Examples
    --------
    >>> [round(share, 2) for share in default_shares(("calibration", "threshold", "test"))]
    [0.3, 0.4, 0.3]
    """
    usual = dict(zip(PARTS, SHARES, strict=True))
    total = sum(usual[part] for part in parts)
    return tuple(usual[part] / total for part in parts)


def _n_classes(labels: AnyLabels, classes: Sequence[str] | None) -> int:
    if labels.ndim == 2:
        return int(labels.shape[1])
    return len(classes) if classes is not None else int(labels.max()) + 1


def _held(positive: LabelMatrix, group_of: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return of shape (2, n) each class with each group that has a row of it, both as numbers."""
    rows, classes = np.nonzero(positive)
    return np.unique(np.stack([classes, group_of[rows]]), axis=1)


def _check_sizes(
    positive: LabelMatrix, held: npt.NDArray[np.intp], needed: int, classes: Sequence[str] | None
) -> None:
    distinct = np.bincount(held[0], minlength=positive.shape[1])
    for k in np.flatnonzero(distinct < needed).tolist():
        numbers = (np.flatnonzero(positive[:, k]) + 1).tolist()
        raise ClassTooSmall(_name(classes, k), numbers, int(distinct[k]), needed)


def _required(distinct: npt.NDArray[np.intp], parts: Sequence[str]) -> npt.NDArray[np.bool_]:
    """Return of shape (n_classes, n_parts) which parts a class of so many groups must reach."""
    urgency = [_NEED.index(part) if part in _NEED else len(_NEED) for part in parts]
    rank = np.argsort(np.argsort(urgency, kind="stable"))
    return rank < distinct[:, None]


def _name(classes: Sequence[str] | None, k: int) -> str:
    return str(k) if classes is None else classes[k]


def _dealt(
    strata: npt.NDArray[np.int64],
    group_of: npt.NDArray[np.intp],
    size: npt.NDArray[np.intp],
    shares: npt.NDArray[np.float64],
    rng: np.random.Generator,
) -> npt.NDArray[np.intp]:
    """Return the part of each group."""
    missing = np.bincount(strata)[:, None] * shares
    part_of_group = np.full(len(size), -1)
    for group, rows in _larger_groups(group_of, size, rng):
        mix = np.bincount(strata[rows], minlength=len(missing))
        room = np.maximum(missing[mix.argmax()], 0.0)
        room[room < mix.max()] = 0.0
        chosen = int(rng.choice(len(shares), p=room / room.sum())) if room.any() else 0
        part_of_group[group] = chosen
        missing[:, chosen] -= mix
    single = np.flatnonzero(size[group_of] == 1)
    for k in range(len(missing)):
        mine = rng.permutation(single[strata[single] == k])
        part_of_group[group_of[mine]] = np.repeat(np.arange(len(shares)), _quota(missing[k], len(mine)))
    return part_of_group


def _larger_groups(
    group_of: npt.NDArray[np.intp], size: npt.NDArray[np.intp], rng: np.random.Generator
) -> list[tuple[int, Rows]]:
    """Return the groups of more than one row in random order, each with its rows."""
    order = np.argsort(group_of, kind="stable")
    ends = np.cumsum(size)
    several = rng.permutation(np.flatnonzero(size > 1))
    return [(int(g), order[ends[g] - size[g] : ends[g]]) for g in several]


def _quota(missing: npt.NDArray[np.float64], n: int) -> npt.NDArray[np.intp]:
    """Share n rows out in proportion to what is missing, by largest remainder."""
    room = np.maximum(missing, 0.0)
    exact = n * (room / room.sum()) if room.any() else np.array([float(n), *np.zeros(len(missing) - 1)])
    quota: npt.NDArray[np.intp] = np.floor(exact).astype(np.intp)
    quota[np.argsort(quota - exact, kind="stable")[: n - quota.sum()]] += 1
    return quota


def _cover(
    part_of_group: npt.NDArray[np.intp],
    held: npt.NDArray[np.intp],
    size: npt.NDArray[np.intp],
    required: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> int | None:
    """Move small groups, in place, until every part has the classes it must; return one that cannot be had.

    A group may hold several classes: one goes that no class would miss where it was, if there is one, else
    the class that misses it is looked after in turn; by chance, so that no two moves undo each other forever.
    """
    classes, group = held
    for _ in range(_MOVES_A_CLASS * len(required)):
        count = np.zeros(required.shape, dtype=np.intp)
        np.add.at(count, (classes, part_of_group[group]), 1)
        lacking = np.argwhere((count == 0) & required)
        if len(lacking) == 0:
            return None
        k, to = rng.choice(lacking)
        mine = group[classes == k]
        home = part_of_group[mine]
        spare = mine[(count[k, home] > 1) | ~required[k, home]]
        missed = np.zeros(len(size), dtype=np.intp)
        np.add.at(missed, group, count[classes, part_of_group[group]] == 1)
        order = np.lexsort((rng.random(len(spare)), size[spare], missed[spare]))
        part_of_group[spare[order[0]]] = to
    return int(lacking[0, 0])
