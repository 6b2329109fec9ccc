"""Parts: which row belongs to which part of the data, and does no part use another's rows?

Row numbers in messages count from 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

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
    >>> splits["train"].tolist()
    [0, 2]
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


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:_SHOWN])) + (", ..." if len(numbers) > _SHOWN else "")
    return f"row {shown} is" if len(numbers) == 1 else f"{len(numbers)} rows ({shown}) are"
