"""Which watched columns belong together, and how do their counts depend on each other?"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]

Kind = Literal["mix", "flags", "cuts"]


@dataclass(frozen=True, slots=True)
class Span:
    """Columns `start` to `stop` (exclusive) of one stream.

    Attributes
    ----------
    kind : "mix", "flags" or "cuts"
        Categories that exclude each other and add up to the items; labels each counted for itself; cumulative
        counts, column after column including the ones before it.
    """

    kind: Kind
    start: int
    stop: int

    @property
    def columns(self) -> slice:
        """The columns as a slice."""
        return slice(self.start, self.stop)

    def __len__(self) -> int:
        return self.stop - self.start
