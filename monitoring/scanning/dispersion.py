"""How much more do counts vary than independent items would, over spans of every length?

Retries, conversations and hours of the day make counts vary more than independent items, and the more so the
longer the window. A baseline shows by how much: `estimate` gives the variance inflation phi of every scale
and column, and the degrees of freedom it was estimated with (`monitoring.scanning.chain` has the recipe).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from monitoring.scanning.chain import Chain, estimate_chain
from monitoring.scanning.spans import Floats, Span
from monitoring.scanning.swing import inflated

_DIGITS: Final = 4  # of what is stored: a snapshot holds hundreds of columns, and noise begins at the second


@dataclass(frozen=True, slots=True, eq=False)
class Inflation:
    """Variance inflation per window and column.

    Attributes
    ----------
    phi, nu : float64 arrays of shape (n_windows, n_columns)
        Variance over that of independent items, and the degrees of freedom it was estimated with; what a
        swing adds to phi has no part in them.
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


@dataclass(frozen=True, eq=False)
class Dispersion:
    """Variance inflation per scale and column.

    Attributes
    ----------
    spans : tuple of Span
    chains : tuple of Chain
        One a span, over the scales that were measured.
    rows, unit : int
        Rows of the baseline, of `unit` buckets each.
    reference_factor : float64 array of shape (n_columns,)
        What the reference's inflation is multiplied by.
    """

    spans: tuple[Span, ...]
    chains: tuple[Chain, ...]
    rows: int
    unit: int
    reference_factor: Floats

    @cached_property
    def independent(self) -> bool:
        """No column showed more variance than independent items have."""
        return all(chain.independent for chain in self.chains) and bool((self.reference_factor == 1.0).all())

    @property
    def growing(self) -> bool:
        """Some stream's variance still grew at the longest scales: beyond them it is extrapolated."""
        return any(chain.growing for chain in self.chains)

    @property
    def swinging(self) -> bool:
        """Some stream's mix swung once over the whole baseline."""
        return any(chain.swing is not None for chain in self.chains)

    @property
    def measured_buckets(self) -> int:
        """Longest scale that was measured, in buckets; 0 when the baseline was too short for any."""
        return self.unit << (self.rows // 8).bit_length() - 1 if self.rows >= 8 else 0

    def span_of(self, column: int) -> int:
        """Return the index of the span that holds a column."""
        return next(i for i, span in enumerate(self.spans) if span.start <= column < span.stop)

    def at(self, lengths: npt.NDArray[np.int64]) -> Inflation:
        """Return the inflation of windows of `lengths` buckets: the next longer scale's, or the last."""
        table = self._table
        scale = np.minimum(np.searchsorted(table.buckets, lengths), len(table.buckets) - 1)
        return Inflation(
            phi=table.phi.take(scale, axis=0),
            nu=table.nu.take(scale, axis=0),
            reference=table.reference,
            pool_nu=table.pool_nu.take(scale, axis=0),
            whole=(lengths[:, None] <= self.measured_buckets) | table.settled,
        )

    def cell(self, column: int, buckets: float) -> tuple[float, float, float]:
        """Return phi, nu and the reference's phi of one column in a window of so many buckets; see `at`."""
        table = self._table
        scale = min(int(np.searchsorted(table.buckets, buckets)), len(table.buckets) - 1)
        return (
            float(table.phi[scale, column]),
            float(table.nu[scale, column]),
            float(table.reference[column]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `from_json` restores it exactly."""
        plain = bool((self.reference_factor == 1.0).all())
        return {
            "spans": [asdict(span) for span in self.spans],
            "chains": [_chain_to_json(chain) for chain in self.chains],
            "rows": self.rows,
            "unit": self.unit,
            "reference_factor": None if plain else self.reference_factor.tolist(),
        }

    @classmethod
    def from_json(cls, snapshot: Mapping[str, Any]) -> Self:
        """Restore what `to_json` returned."""
        spans = tuple(Span(**span) for span in snapshot["spans"])
        factor = snapshot["reference_factor"]
        return cls(
            spans=spans,
            chains=tuple(_chain_from_json(chain) for chain in snapshot["chains"]),
            rows=snapshot["rows"],
            unit=snapshot["unit"],
            reference_factor=np.ones(_n_columns(spans)) if factor is None else np.array(factor, np.float64),
        )

    @cached_property
    def _table(self) -> "_Table":
        measured = max(len(chain.phi) for chain in self.chains)
        scales = max(measured, (max(self.rows, 1) - 1).bit_length() + 1)
        tables = [_extended(chain, scales) for chain in self.chains]
        phi, nu = np.ones((scales, _n_columns(self.spans))), np.full((scales, _n_columns(self.spans)), np.inf)
        for span, chain in zip(self.spans, tables, strict=True):
            phi[:, span.columns], nu[:, span.columns] = chain.phi, chain.nu
        pool_nu = np.stack([chain.pool_nu for chain in tables], axis=1)
        reference = phi[-1] * self.reference_factor  # it holds the whole swing, which leaves its mean alone
        parts = 2.0 ** np.arange(scales) / max(self.rows, 1)
        for span, chain in zip(self.spans, self.chains, strict=True):
            if chain.swing is not None:
                phi[:, span.columns] = inflated(phi[:, span.columns], chain.swing, parts)
        return _Table(
            buckets=self.unit * 2 ** np.arange(scales, dtype=np.int64),
            phi=phi,
            nu=nu,
            pool_nu=pool_nu,
            reference=reference,
            settled=np.array([chain.settled for chain in self.chains]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """All columns side by side; row s is for windows of up to `buckets[s]` buckets."""

    buckets: npt.NDArray[np.int64]
    phi: Floats
    nu: Floats
    pool_nu: Floats
    reference: Floats  # phi of the reference, per column
    settled: npt.NDArray[np.bool_]  # per span


def estimate(
    series: npt.NDArray[np.int64],
    items: npt.ArrayLike,
    spans: Sequence[Span],
    *,
    unit: int = 1,
    reference_factor: npt.ArrayLike = 1.0,
    swings: bool = True,
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
        Raises the inflation of the reference; `season.Season.reference_factor` where a season was fitted.
    swings : bool
        Whether a swing over the whole baseline is looked for, which 2 to 5 in a hundred streams of
        independent items show by chance.
    """
    n = np.asarray(items, dtype=np.float64)
    chains = [
        estimate_chain(
            span.kind,
            series[:, span.columns],
            n[:, span.columns] if n.shape[1] > 1 else n,
            swings=swings,
        )
        for span in spans
    ]
    return Dispersion(
        spans=tuple(spans),
        chains=tuple(_rounded(chain) for chain in chains),
        rows=len(series),
        unit=unit,
        reference_factor=np.ones(series.shape[1]) * np.asarray(reference_factor, dtype=np.float64),
    )


def _n_columns(spans: Sequence[Span]) -> int:
    return max(span.stop for span in spans)


def _extended(chain: Chain, scales: int) -> Chain:
    """Return `chain` with `scales` rows: where it still grew, phi - 1 doubles with the length."""
    beyond = np.arange(1, scales - len(chain.phi) + 1)
    growth = 2.0**beyond if chain.growing else np.ones(len(beyond))
    phi = 1.0 + (chain.phi[-1] - 1.0) * growth[:, None]
    return Chain(
        np.concatenate([chain.phi, phi]),
        np.concatenate([chain.nu, np.broadcast_to(chain.nu[-1], phi.shape)]),
        np.concatenate([chain.pool_nu, np.full(len(beyond), chain.pool_nu[-1])]),
        chain.growing,
        chain.settled,
    )


def _rounded(chain: Chain) -> Chain:
    phi, nu, pool_nu = (significant(x) for x in (chain.phi, chain.nu, chain.pool_nu))
    swing = None if chain.swing is None else significant(chain.swing)
    return replace(chain, phi=phi, nu=nu, pool_nu=pool_nu, swing=swing)


def significant(values: Floats) -> Floats:
    """Return values rounded to what is worth storing of an estimate."""
    rounded = [float(f"{value:.{_DIGITS}g}") for value in values.ravel().tolist()]
    return np.array(rounded, dtype=np.float64).reshape(values.shape)


def _chain_to_json(chain: Chain) -> dict[str, Any]:
    return {
        "phi": chain.phi.tolist(),
        "nu": [_finite_or_none(row) for row in chain.nu.tolist()],
        "pool_nu": _finite_or_none(chain.pool_nu.tolist()),
        "growing": chain.growing,
        "settled": chain.settled,
        "swing": None if chain.swing is None else chain.swing.tolist(),
    }


def _chain_from_json(snapshot: Mapping[str, Any]) -> Chain:
    # None becomes nan, which stands for infinitely many: JSON has no infinity
    phi, nu, pool_nu = (np.array(snapshot[name], dtype=np.float64) for name in ("phi", "nu", "pool_nu"))
    nu, pool_nu = (np.where(np.isnan(x), np.inf, x) for x in (nu, pool_nu))
    swing = snapshot.get("swing")  # what an earlier version kept has none
    swing = None if swing is None else np.array(swing, dtype=np.float64)
    return Chain(phi, nu, pool_nu, snapshot["growing"], snapshot["settled"], swing)


def _finite_or_none(values: list[float]) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values]
