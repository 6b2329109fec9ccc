"""Splits: which rows train, which calibrate, which set thresholds, and which only measure?

Near-duplicates stay together: a copy of a training row among the test rows inflates every figure. Each class
is shared out by its own rows, so that a rare one reaches every split.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.calibration import Labels
from model_store.errors import TrainingError

Rows: TypeAlias = npt.NDArray[np.intp]  # row numbers, ascending

SHARES: Final = (0.5, 0.15, 0.2, 0.15)
_SHOWN: Final = 5
_MOVES_A_CLASS: Final = (
    20  # far beyond what was ever needed: it only ends a search that goes round in circles
)


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """Four disjoint sets of row numbers that cover all rows."""

    train: Rows
    calibration: Rows
    threshold: Rows
    test: Rows

    def items(self) -> tuple[tuple[str, Rows], ...]:
        """Name and rows of each split, in order of use."""
        return tuple((f.name, getattr(self, f.name)) for f in fields(self))


class ClassTooSmall(TrainingError):
    """A class has not enough distinct rows for every split to get one; `numbers` counts rows from 1."""

    def __init__(self, class_name: str, numbers: Sequence[int], groups: int, needed: int) -> None:
        super().__init__(class_name, tuple(numbers), groups, needed)
        self.class_name, self.numbers, self.groups, self.needed = class_name, tuple(numbers), groups, needed

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.numbers[:_SHOWN]))
        shown += ", ..." if len(self.numbers) > _SHOWN else ""
        held = f"1 row ({shown})" if len(self.numbers) == 1 else f"{len(self.numbers)} rows ({shown})"
        if len(self.numbers) != self.groups:
            held += f" in {self.groups} groups of near-duplicates"
        return (
            f"class {self.class_name!r} has {held}; the four splits need at least "
            f"{self.needed} that are not near-duplicates: add rows of it or leave it out"
        )


class ClassEntangled(TrainingError):
    """A class has enough groups, but shares them with other classes so that some split goes without."""

    def __init__(self, class_name: str) -> None:
        super().__init__(class_name)
        self.class_name = class_name

    def __str__(self) -> str:
        return (
            f"class {self.class_name!r} shares its few groups of near-duplicates with other classes, and no "
            "way was found to give every split a row of each: add rows of it or correct contradicting labels"
        )


def split(
    labels: Labels,
    groups: npt.NDArray[np.integer],
    *,
    seed: int,
    shares: Sequence[float] = SHARES,
    classes: Sequence[str] | None = None,
) -> Splits:
    """Deal rows into train, calibration, threshold and test, stratified by label, groups kept whole.

    Parameters
    ----------
    labels, groups : int array of shape (n_items,)
        True class and near-duplicate group of each row.
    shares : four floats
        Of every class's rows; they sum to 1.

    Raises
    ------
    ClassTooSmall
        If a class lies in fewer groups than there are splits.
    ClassEntangled
        If its groups hold other classes too, and no way was found to give every split all of them.

    Notes
    -----
    A group of several rows draws its split with chances in proportion to what the splits still miss of its
    commonest class; groups of one row then fill each class's quota exactly. Chance, not greed: giving the
    large groups to the emptiest split would put all the repeated texts into training.
    """
    _check_sizes(labels, groups, len(shares), classes)
    rng = np.random.default_rng(seed)
    _, group_of, size = np.unique(groups, return_inverse=True, return_counts=True)
    missing = np.bincount(labels)[:, None] * np.asarray(shares)
    split_of_group = np.full(len(size), -1)
    for group, rows in _larger_groups(group_of, size, rng):
        mix = np.bincount(labels[rows], minlength=len(missing))
        room = np.maximum(missing[mix.argmax()], 0.0)
        room[room < mix.max()] = 0.0
        chosen = int(rng.choice(len(shares), p=room / room.sum())) if room.any() else 0
        split_of_group[group] = chosen
        missing[:, chosen] -= mix
    single = np.flatnonzero(size[group_of] == 1)
    for k in range(len(missing)):
        mine = rng.permutation(single[labels[single] == k])
        split_of_group[group_of[mine]] = np.repeat(np.arange(len(shares)), _quota(missing[k], len(mine)))
    lacking = _cover(split_of_group, labels, group_of, size, n_splits=len(shares), rng=rng)
    if lacking is not None:
        raise ClassEntangled(_name(classes, lacking))
    assigned = split_of_group[group_of]
    return Splits(*(np.flatnonzero(assigned == s) for s in range(len(shares))))


def _check_sizes(
    labels: Labels, groups: npt.NDArray[np.integer], needed: int, classes: Sequence[str] | None
) -> None:
    for k in range(int(labels.max()) + 1):
        mine = np.flatnonzero(labels == k)
        distinct = len(np.unique(groups[mine]))
        if distinct < needed:
            raise ClassTooSmall(_name(classes, k), (mine + 1).tolist(), distinct, needed)


def _name(classes: Sequence[str] | None, k: int) -> str:
    return str(k) if classes is None else classes[k]


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
    split_of_group: npt.NDArray[np.intp],
    labels: Labels,
    group_of: npt.NDArray[np.intp],
    size: npt.NDArray[np.intp],
    *,
    n_splits: int,
    rng: np.random.Generator,
) -> int | None:
    """Move small groups, in place, until every split has every class; return a class that cannot be had.

    A group may hold several classes: one goes that no class would miss where it was, if there is one, else
    the class that misses it is looked after in turn; by chance, so that no two moves undo each other forever.
    """
    n_classes = int(labels.max()) + 1
    classes, group = np.unique(np.stack([labels, group_of]), axis=1)
    for _ in range(_MOVES_A_CLASS * n_classes):
        held = np.zeros((n_classes, n_splits), dtype=np.intp)
        np.add.at(held, (classes, split_of_group[group]), 1)
        lacking = np.argwhere((held == 0) & held.any(axis=1, keepdims=True))
        if len(lacking) == 0:
            return None
        k, to = rng.choice(lacking)
        mine = group[classes == k]
        spare = mine[held[k, split_of_group[mine]] > 1]
        missed = np.zeros(len(size), dtype=np.intp)
        np.add.at(missed, group, held[classes, split_of_group[group]] == 1)
        order = np.lexsort((rng.random(len(spare)), size[spare], missed[spare]))
        split_of_group[spare[order[0]]] = to
    return int(lacking[0, 0])
