"""How much more do counts vary than independent items would, over spans of every length?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from monitoring.spans import Floats, Span


@dataclass(frozen=True, slots=True, eq=False)
class Inflation:
    """Variance inflation per window and column; what `scan` needs of a `Dispersion`.

    Attributes
    ----------
    phi, nu : float64 arrays of shape (n_windows, n_columns)
        Variance over that of independent items, and the degrees of freedom it was estimated with.
    reference : float64 array of shape (n_columns,)
        Variance inflation of the reference's counts.
    pool_nu : float64 array of shape (n_windows, n_spans)
        Degrees of freedom of each span as a whole.
    whole : bool array of shape (n_windows, n_spans)
        Whether the mix as a whole may be tested in a window of that length.
    """

    phi: Floats
    nu: Floats
    reference: Floats
    pool_nu: Floats
    whole: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Dispersion:
    """Variance inflation per scale and column, estimated from a baseline's series."""

    spans: tuple[Span, ...]

    @property
    def independent(self) -> bool:
        """Nothing was found: every phi is 1."""
        raise NotImplementedError

    @property
    def extrapolated(self) -> tuple[bool, ...]:
        """Per span: variance still grew at the longest measured scale, longer ones are extrapolated."""
        raise NotImplementedError

    @property
    def measured_buckets(self) -> int:
        """Longest measured scale in buckets."""
        raise NotImplementedError

    def at(self, lengths: npt.NDArray[np.int64]) -> Inflation:
        """Return the inflation of windows of `lengths` buckets."""
        raise NotImplementedError

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        raise NotImplementedError

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        raise NotImplementedError


def estimate(
    series: npt.NDArray[np.int64],
    items: npt.ArrayLike,
    spans: Sequence[Span],
    *,
    unit: int = 1,
    reference_factor: npt.ArrayLike = 1.0,
) -> Dispersion:
    """Estimate the variance inflation of a baseline.

    Parameters
    ----------
    series : int array of shape (n_rows, n_columns)
        Tested counts per row of `unit` successive buckets that had items, oldest first.
    items : array of shape (n_rows, n_columns) or (n_rows, 1)
        Items, or exposures where a season was fitted.
    spans : sequence of Span
        Each gets a chain of its own; together they cover the columns.
    unit : int
        Buckets a row, 1 unless the series was made coarser.
    reference_factor : float or array of shape (n_columns,)
        Raises the inflation of the reference, `season.REFERENCE_FACTOR` where a season was fitted.
    """
    raise NotImplementedError
