"""What is measured of every decided item besides its class, and into which cells does each measure fall?

Cuts come from the bundle, so that counts of all workers are of the same cells and add up.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

MASS_UNIT: Final = 2**20  # a probability of 1 in the sums of the meter `mass`
MAX_FEATURES: Final = 16  # numeric columns that are metered

MeterKind: TypeAlias = Literal["cuts", "cells", "sums", "mix", "flags"]


@dataclass(frozen=True, slots=True)
class Meter:
    """One vector of counts and what its entries mean.

    Attributes
    ----------
    kind : MeterKind
        `cuts`: exclusive bins between ascending cuts, one more than there are: bin j holds the items above cut
        j - 1 and not above cut j, so `cumsum(bins)[:-1]` counts the items not above each cut. `cells`: exclusive
        cells. `mix`: exclusive categories. `flags`: items of each label, then all items. `sums`: anything else.
    length : int
        Entries of the vector.
    columns : tuple of str
        What a person reads: one a cut (`"top probability <= 0.62"`), else one an entry.
    """

    name: str
    kind: MeterKind
    length: int
    columns: tuple[str, ...]
    cuts: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Meters:
    """All meters of a model."""

    meters: tuple[Meter, ...]

    def to_json(self) -> Mapping[str, Any]:
        """Return what `models.measures` holds, by name of the meter."""
        raise NotImplementedError
