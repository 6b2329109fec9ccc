"""Does the mix follow a declared period, and how many items would count as usual at each time of it?

Two harmonics of each column's share are fitted to a baseline of at least two periods and shrunk by what
chance alone would have fitted. In place of a window's items stands then its exposure, the sum over its items
of the factor by which the time of day makes the column more or less frequent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from monitoring.scanning.blocks import likeness_of_cuts
from monitoring.scanning.dispersion import Dispersion, significant
from monitoring.scanning.spans import Floats, Span

HARMONICS: Final = 2
REFERENCE_FACTOR: Final = 5.0  # of the reference's variance inflation in fitted columns
LEAST_PERIODS: Final = 2
_N_WAVES: Final = 2 * HARMONICS
_LEAST_ITEMS: Final = 20.0  # in and outside a column, for its fit's chi-square
_LEAST_FACTOR: Final = 0.1
_QUANTILE: Final = 2.33  # one in a hundred, of a normal score
_SHORT: Final = 16  # the fit is judged by the variance at this part of a period


def basis(times: npt.ArrayLike, period_seconds: float) -> Floats:
    """Return the waves of a period at `times` (UTC seconds), shape (n_times, 4).

    Cosine and sine of one oscillation a period, then of two.
    """
    angle = 2.0 * np.pi * np.asarray(times, dtype=np.float64) / period_seconds
    return np.stack([np.cos(angle), np.sin(angle), np.cos(2.0 * angle), np.sin(2.0 * angle)], axis=-1)


@dataclass(frozen=True, slots=True, eq=False)
class Season:
    """Factor of every column's share over a period, 1 on average over the baseline's items.

    Attributes
    ----------
    offset : float64 array of shape (n_columns,)
    coefficients : float64 array of shape (4, n_columns)
        The factor at a time is offset + sum of coefficients x `basis`.
    """

    period_seconds: float
    offset: Floats
    coefficients: Floats

    @property
    def reference_factor(self) -> Floats:
        """What `dispersion.estimate` is to be given: 5 for fitted columns, else 1."""
        return np.where(self.coefficients.any(axis=0), REFERENCE_FACTOR, 1.0)

    def exposures(self, items: npt.ArrayLike, waves: npt.ArrayLike) -> Floats:
        """Return exposures, shape (..., n_columns), from items and from sums of items times `basis`.

        `items` has shape (..., n_columns or 1), `waves` (..., 4, n_columns or 1). It is linear: a window's
        exposure follows from its sums, so nothing else needs to be kept per bucket.
        """
        n, sums = np.asarray(items, dtype=np.float64), np.asarray(waves, dtype=np.float64)
        exposures: Floats = self.offset * n + (self.coefficients * sums).sum(axis=-2)
        return np.maximum(exposures, 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        return {
            "period_seconds": self.period_seconds,
            "offset": self.offset.tolist(),
            "coefficients": self.coefficients.tolist(),
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        offset, coefficients = (np.array(snapshot[name], np.float64) for name in ("offset", "coefficients"))
        return cls(snapshot["period_seconds"], offset, coefficients.reshape(_N_WAVES, len(offset)))


def fit_season(
    series: npt.NDArray[np.int64],
    items: npt.ArrayLike,
    times: npt.ArrayLike,
    *,
    period_seconds: float,
    row_seconds: float,
    dispersion: Dispersion,
) -> Season | None:
    """Fit two harmonics per column; None where the baseline is too short, too coarse or has no season.

    Parameters
    ----------
    series, items
        As for `dispersion.estimate`, but items are items.
    times : array of shape (n_rows,)
        Middle of each row, UTC seconds.
    row_seconds : float
        Length of a row; four rows a period's shortest wave are needed.
    dispersion : Dispersion
        Estimated without a season; the one to scan with is estimated again with exposures as items.
    """
    at = np.asarray(times, dtype=np.float64)
    too_coarse = row_seconds * 4.0 * HARMONICS > period_seconds
    if len(at) == 0 or too_coarse or np.ptp(at) + row_seconds < LEAST_PERIODS * period_seconds:
        return None
    n = np.broadcast_to(np.asarray(items, dtype=np.float64), series.shape)
    short = max(round(period_seconds / _SHORT / row_seconds), 1) * dispersion.unit
    phi = dispersion.at(np.array([short])).phi[0]
    mean, coefficients = np.zeros((_N_WAVES, series.shape[1])), np.zeros((_N_WAVES, series.shape[1]))
    waves = basis(at, period_seconds)
    for span in dispersion.spans:
        # all columns of a span are counted over the same items
        fit = _fit(span, series[:, span.columns], n[:, span.start], waves, phi[span.columns])
        if fit is not None:
            mean[:, span.columns], coefficients[:, span.columns] = fit
    if not coefficients.any():
        return None
    return _positive(period_seconds, mean, coefficients)


def _fit(
    span: Span, series: npt.NDArray[np.int64], n: Floats, waves: Floats, phi: Floats
) -> tuple[Floats, Floats] | None:
    """Return the mean waves, (4, 1), and shrunken coefficients, (4, n_columns); None without a season."""
    everything = n.sum()
    if everything <= 0.0:
        return None
    share = series.sum(axis=0) / everything
    fitted = everything * np.minimum(share, 1.0 - share) >= _LEAST_ITEMS
    share = np.where(fitted, share, 0.5)
    mean = n @ waves / everything
    centred = waves - mean
    gram = (centred * n[:, None]).T @ centred
    gaps = series / share - n[:, None]
    found = np.linalg.lstsq(gram, centred.T @ gaps, rcond=1e-9)[0]
    chi = np.where(fitted, (found * (gram @ found)).sum(axis=0) * share / (1.0 - share) / phi, 0.0)
    if not _seasonal(span, chi[fitted], share[fitted]):
        return None
    kept = np.where(fitted, np.maximum(0.0, 1.0 - _N_WAVES / np.maximum(chi, 1e-9)), 0.0)
    return mean[:, None], kept * found


def _seasonal(span: Span, chi: Floats, share: Floats) -> bool:
    """Return whether the fits together are more than chance: each is then chi-square with 4 degrees."""
    independent = 1.0 if span.kind == "mix" and len(chi) == 2 else float(len(chi))
    if span.kind == "cuts" and len(chi):
        independent = len(chi) ** 2 / float(likeness_of_cuts(share).sum())
    limit = _N_WAVES * independent + _QUANTILE * np.sqrt(2.0 * _N_WAVES * independent)
    return bool(len(chi)) and bool(chi.mean() * independent > limit)


def _positive(period_seconds: float, mean: Floats, coefficients: Floats) -> Season:
    """Return the season, flattened where a factor would fall below a tenth of the mean."""
    waves = basis(np.linspace(0.0, period_seconds, 97), period_seconds)
    lowest = (waves @ coefficients - (mean * coefficients).sum(axis=0)).min(axis=0)
    coefficients = coefficients * np.minimum(1.0, (1.0 - _LEAST_FACTOR) / np.maximum(-lowest, 1e-9))
    coefficients = significant(coefficients)
    return Season(period_seconds, significant(1.0 - (mean * coefficients).sum(axis=0)), coefficients)
