"""Parts: which row belongs to which part of the data, and does no part use another's rows?

Row numbers in messages count from 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

from model_store.data.csvfile import refuse
from model_store.errors import TrainingError

Rows: TypeAlias = npt.NDArray[np.intp]  # row numbers from 0, ascending

PARTS: Final = ("train", "calibration", "threshold", "test")
_SHOWN: Final = 5


class SplitsOverlap(TrainingError):
    """Parts do not hold every row exactly once: a figure from them would be about rows it was made from."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(tuple(numbers))
        self.numbers = tuple(numbers)

    def __str__(self) -> str:
        return f"{_listed(self.numbers)} in no part or in more than one; give every row to one part"


class RowsOutside(TrainingError):
    """Something that is for one part's rows alone was done with others."""

    def __init__(self, part: str, numbers: Sequence[int]) -> None:
        super().__init__(part, tuple(numbers))
        self.part, self.numbers = part, tuple(numbers)

    def __str__(self) -> str:
        return f"{_listed(self.numbers)} outside the part {self.part!r}; draw from that part only"


class PartEmpty(TrainingError):
    """A part that is needed has no row."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part

    def __str__(self) -> str:
        return f"no row is meant for the part {self.part!r}; add rows for it, or leave the part column out"


@dataclass(frozen=True, slots=True, eq=False)
class Splits:
    """Disjoint sets of row numbers, by name of the part in order of use, that together hold every row.

    A part's rows are ascending and cannot be written to.

    Raises
    ------
    SplitsOverlap
        If a row is in two parts, twice in one, or in none.

    Examples
    --------
    >>> splits = Splits({"train": np.array([2, 0]), "test": np.array([1])}, n_rows=3)
    >>> splits["train"].tolist(), splits.confined(np.array([2, 2, 0]), to="train").tolist()
    ([0, 2], [2, 2, 0])
    """

    parts: Mapping[str, Rows]
    n_rows: int

    def __post_init__(self) -> None:
        sets = {name: np.sort(np.asarray(rows, dtype=np.intp)) for name, rows in self.parts.items()}
        held = np.concatenate([np.arange(0), *sets.values()])
        numbers, times = np.unique(np.concatenate([np.arange(self.n_rows), held]), return_counts=True)
        if (times != 2).any():
            raise SplitsOverlap((numbers[times != 2] + 1).tolist())
        for rows in sets.values():
            rows.flags.writeable = False
        object.__setattr__(self, "parts", sets)

    def __getitem__(self, part: str) -> Rows:
        return self.parts[part]

    def items(self) -> tuple[tuple[str, Rows], ...]:
        """Name and rows of each part, in order of use."""
        return tuple(self.parts.items())

    @property
    def train(self) -> Rows:
        """What the model learns from."""
        return self.parts["train"]

    @property
    def calibration(self) -> Rows:
        """What its probabilities are corrected on."""
        return self.parts["calibration"]

    @property
    def threshold(self) -> Rows:
        """What its claims are made from."""
        return self.parts["threshold"]

    @property
    def test(self) -> Rows:
        """What nothing is fitted on."""
        return self.parts["test"]

    def confined(self, rows: npt.NDArray[np.integer[Any]], *, to: str) -> npt.NDArray[np.integer[Any]]:
        """Return `rows`, drawn in whatever way, once it is sure that they all are of one part.

        Over- and undersampling are for the rows that train, and for no others: a copy among the rows that
        calibrate changes the prior, one among those that set thresholds counts as evidence twice.

        Raises
        ------
        RowsOutside
        """
        strangers = np.setdiff1d(rows, self.parts[to])
        if len(strangers):
            raise RowsOutside(to, (strangers + 1).tolist())
        return rows


def declared(
    cells: Sequence[str],
    *,
    parts: Sequence[str] = PARTS,
    optional: Sequence[str] = (),
    path: Path | None = None,
) -> Splits:
    """Return the splits that a part column of a file says.

    Raises
    ------
    RowsInvalid
        For a cell that is not one of `parts`.
    PartEmpty
        If a part without which it does not go has no row.
    """
    strange = [number for number, cell in enumerate(cells, 1) if cell not in parts]
    refuse(path, "have no known part", strange, remedy=f"the parts are {', '.join(parts)}")
    found = np.array(cells, dtype=object)
    splits = Splits({part: np.flatnonzero(found == part) for part in parts}, len(cells))
    for part, rows in splits.items():
        if len(rows) == 0 and part not in optional:
            raise PartEmpty(part)
    return splits


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN])) + (", ..." if len(numbers) > _SHOWN else "")
    return f"row {shown} is" if len(numbers) == 1 else f"{len(numbers)} rows ({shown}) are"
