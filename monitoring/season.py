"""Does the mix follow a declared period, and how many items would count as usual at each time of it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from monitoring.dispersion import Dispersion
from monitoring.spans import Floats

HARMONICS: Final = 2
REFERENCE_FACTOR: Final = 5.0  # of the reference's variance inflation in fitted columns


def basis(times: npt.ArrayLike, period_seconds: float) -> Floats:
    """Return the harmonics at `times` (UTC seconds): shape (n_times, 4), cos, sin, cos 2, sin 2."""
    raise NotImplementedError


@dataclass(frozen=True, slots=True, eq=False)
class Season:
    """Factors of the columns' shares over a period: f_k(t) = offset_k + sum_j coefficient_jk basis_j(t)."""

    period_seconds: float
    offset: Floats
    coefficients: Floats

    @property
    def reference_factor(self) -> Floats:
        """What `dispersion.estimate` needs: shape (n_columns,), 5 where fitted, else 1."""
        raise NotImplementedError

    def exposures(self, items: npt.ArrayLike, waves: npt.ArrayLike) -> Floats:
        """Return exposures (..., n_columns) from items and from sums of items times `basis`.

        `items` has shape (..., n_columns or 1), `waves` (..., 4, n_columns or 1). It is linear: a window's
        exposure follows from its sums, so nothing else needs to be kept per bucket.
        """
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        raise NotImplementedError


def fit_season(
    series: npt.NDArray[np.int64],
    items: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    period_seconds: float,
    row_seconds: float,
    dispersion: Dispersion,
) -> Season | None:
    """Fit two harmonics per column; None where the baseline is too short or has no season.

    Parameters
    ----------
    series, items
        As for `dispersion.estimate`.
    times : array of shape (n_rows,)
        Middle of each row, UTC seconds.
    row_seconds : float
        Length of a row.
    dispersion : Dispersion
        Estimated without a season; the one to scan with is estimated again with exposures as items.
    """
    raise NotImplementedError
