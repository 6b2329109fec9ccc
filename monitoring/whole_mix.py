"""Has the mix as a whole moved, though perhaps no category shows it alone?

Rare categories are pooled, rarest in the reference first, until a group holds five effective items; the
deviances of the groups, each at most that of clumps, are added up and turned into a normal score.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.special import log_ndtr

from monitoring.deviance import binomial_deviance, negative_binomial_deviance
from monitoring.spans import Floats

POOL_ITEMS: Final = 5.0  # Cochran's rule: at least 5 expected items a cell
_LEAST_EXPECTED: Final = 0.5  # floor of the expected items in corrections for small counts


@dataclass(frozen=True, slots=True)
class Mix:
    """A mix that is also tested as a whole.

    Attributes
    ----------
    start, stop : int
        Its columns, `stop` exclusive; at least three.
    budget : float
        Its share of the false-alarm budget, in (0, 1).
    """

    start: int
    stop: int
    budget: float


@dataclass(frozen=True, slots=True, eq=False)
class MixInflation:
    """Variance inflation of a mix: arrays that broadcast with its counts; see `dispersion.Inflation`.

    Attributes
    ----------
    phi : float64 array of shape (..., n_categories)
    reference : float64 array of shape (n_categories,) or (..., n_categories)
    pool_nu : float64 array of shape (...)
    """

    phi: Floats
    reference: Floats
    pool_nu: Floats


def whole_mix_evidence(
    counts: npt.ArrayLike,
    items: npt.ArrayLike,
    reference: npt.ArrayLike,
    reference_items: npt.ArrayLike,
    *,
    lengths: npt.ArrayLike,
    tolerance: npt.ArrayLike = 0.0,
    tolerance_abs: npt.ArrayLike = 0.0,
    inflation: MixInflation | None = None,
) -> Floats:
    """Return -ln p + ln L of the mix as a whole per window.

    Parameters
    ----------
    counts : array of shape (..., n_categories)
    items : array of shape (..., n_categories) or (..., 1)
        Items, or exposures where a season was fitted.
    reference, reference_items : arrays that broadcast with `counts`
        The reference's counts and items; columns are pooled in the order of the first run's counts.
    lengths : array of shape (...)
        Buckets per window.
    tolerance, tolerance_abs : arrays that broadcast with `counts`
        A group whose share moved within this ratio, or within this difference, adds nothing.
    inflation : MixInflation, optional

    Returns
    -------
    float64 array of shape (...)
        In nats; 0 where fewer than two groups are left.
    """
    a = np.asarray(counts, dtype=np.float64)
    n, r, m = (_rows(x, a.shape) for x in (items, reference, reference_items))
    there = (n > 0.0).all(axis=1) & (m > 0.0).all(axis=1)
    n, m = np.where(n > 0.0, n, 1.0), np.where(m > 0.0, m, 1.0)
    phi = phi_reference = np.ones((1, 1))
    pool_nu = None
    if inflation is not None:
        phi, phi_reference = _rows(inflation.phi, a.shape), _rows(inflation.reference, a.shape)
        pool_nu = np.broadcast_to(inflation.pool_nu, a.shape[:-1]).ravel()
    by_row = a.reshape(-1, a.shape[-1])
    share = (by_row / phi + r / phi_reference) / (n / phi + m / phi_reference)
    pooling = _pooling(share / (phi / n + phi_reference / m), order=np.argsort(r.mean(axis=0), kind="stable"))
    cells = _Cells(
        a=pooling.sum(by_row),
        n=pooling.mean(n, share),
        r=pooling.sum(r),
        m=pooling.mean(m, share),
        phi=pooling.mean(phi, share),
        phi_reference=pooling.mean(phi_reference, share),
        largest=(pooling.largest(phi), pooling.largest(phi_reference)),
    )
    tolerances = (pooling.mean(_rows(x, a.shape), share) for x in (tolerance, tolerance_abs))
    z = _normal_score(cells.within(*tolerances), pooling, pool_nu)
    found = there & (pooling.n_groups > 1)
    nlp = np.where(found, -log_ndtr(-np.where(found, z, 0.0)), 0.0).reshape(a.shape[:-1])
    return np.where(found.reshape(nlp.shape), nlp + np.log(lengths), 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Pooling:
    """Which group each category belongs to, row by row; groups are numbered from 0 in every row."""

    group: npt.NDArray[np.intp]  # (n_rows, n_categories)
    n_groups: npt.NDArray[np.intp]  # (n_rows,)

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.group), int(self.n_groups.max(initial=1))

    @property
    def cells(self) -> npt.NDArray[np.intp]:
        """Index of each category's group in a flat array of `shape`."""
        return (self.group + np.arange(len(self.group))[:, None] * self.shape[1]).ravel()

    @property
    def there(self) -> npt.NDArray[np.bool_]:
        """Which groups of `shape` exist."""
        return np.arange(self.shape[1]) < self.n_groups[:, None]

    def sum(self, values: Floats) -> Floats:
        weights = np.broadcast_to(values, self.group.shape).ravel()
        return np.bincount(self.cells, weights, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)

    def mean(self, values: Floats, share: Floats) -> Floats:
        """Return the mean weighted by share, of shape (n_rows or 1, 1) where all categories are alike."""
        if _alike(values):
            return values[:, :1]
        weight = share + 1e-12  # a group of categories without items has a mean, too
        there = self.there
        return np.where(there, self.sum(weight * values) / np.where(there, self.sum(weight), 1.0), 1.0)

    def largest(self, values: Floats) -> Floats:
        """Return the largest value of each group, as `mean` does."""
        if _alike(values):
            return values[:, :1]
        found = np.zeros(self.shape[0] * self.shape[1])
        np.maximum.at(found, self.cells, np.broadcast_to(values, self.group.shape).ravel())
        return found.reshape(self.shape)


def _alike(values: Floats) -> bool:
    return values.shape[1] == 1 or bool((values == values[:, :1]).all())


def _rows(values: npt.ArrayLike, shape: tuple[int, ...]) -> Floats:
    """Return `values` as rows: (n_rows, n_categories or 1), or one row where all are alike."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim <= 1:
        return array.reshape(1, -1)
    return np.broadcast_to(array, (*shape[:-1], array.shape[-1])).reshape(-1, array.shape[-1])


def _pooling(effective: Floats, *, order: npt.NDArray[np.intp]) -> _Pooling:
    """Pool categories of fewer than `POOL_ITEMS` effective items until each group holds as many.

    Along `order`, an item of category k is worth 1 / (POOL_ITEMS + the largest category so far): a group ends
    where the sum passes a whole number. What it lacks of 1 is then at most its first category's worth, which
    leaves at least `POOL_ITEMS` effective items. The last group, when not full, joins the one before it.
    """
    by_order = effective[:, order]
    common = by_order >= POOL_ITEMS
    rare = np.where(common, 0.0, by_order)
    worth = np.cumsum(rare / (POOL_ITEMS + np.maximum.accumulate(rare, axis=1)), axis=1)
    full = np.floor(worth[:, -1:]).astype(np.intp)
    before = np.zeros_like(worth)
    before[:, 1:] = worth[:, :-1]
    pooled = np.minimum(np.floor(before).astype(np.intp), np.maximum(full - 1, 0))
    alone = full + np.cumsum(common, axis=1) - 1
    group = np.empty(effective.shape, dtype=np.intp)
    group[:, order] = np.where(common, alone, pooled)
    return _Pooling(group, np.maximum(full[:, 0] + common.sum(axis=1), 1))


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Counts and items of groups, (n_rows, n_groups), and their mean and largest variance inflation."""

    a: Floats
    n: Floats
    r: Floats
    m: Floats
    phi: Floats
    phi_reference: Floats
    largest: tuple[Floats, Floats]

    def within(self, tolerance: Floats, tolerance_abs: Floats) -> "_Cells":
        """Return the groups with the larger of their counts lowered by the tolerance, at most to equality."""
        if not (tolerance.any() or tolerance_abs.any()):
            return self
        rises = self.a * self.m > self.r * self.n
        a = np.minimum(self.a / (1.0 + tolerance), self.a - tolerance_abs * self.n)
        r = np.minimum(self.r / (1.0 + tolerance), self.r - tolerance_abs * self.m)
        a = np.where(rises, np.maximum(a, self.r * self.n / self.m), self.a)
        r = np.where(rises, self.r, np.maximum(r, self.a * self.m / self.n))
        return replace(self, a=a, r=r)

    @property
    def share(self) -> Floats:
        n, m = self.n / self.phi, self.m / self.phi_reference
        share: Floats = (self.a / self.phi + self.r / self.phi_reference) / (n + m)
        return share

    @property
    def expected(self) -> Floats:
        """Effective items of the window, floored."""
        return np.maximum(self.share * self.n / self.phi, _LEAST_EXPECTED)

    def deviance(self) -> Floats:
        """Return the deviance of each group, corrected for small counts (after Bartlett 1937)."""
        n, m = self.n / self.phi, self.m / self.phi_reference
        found, _ = binomial_deviance(self.a / self.phi, n, self.r / self.phi_reference, m, continuity=0.0)
        phi, phi_reference = self.largest
        if (phi > 1.0).any():
            clumped = negative_binomial_deviance(
                self.a, self.n, self.r, self.m, phi=phi, phi_reference=phi_reference
            )
            found = np.minimum(found, clumped)
        in_reference = np.maximum(self.share * m, _LEAST_EXPECTED)
        return found / (1.0 + (1.0 / self.expected + 1.0 / in_reference) / 6.0)


def _normal_score(cells: _Cells, pooling: _Pooling, pool_nu: Floats | None) -> Floats:
    """Return the normal score of each row: Wilson and Hilferty 1931, or Paulson 1942 under dispersion."""
    there = pooling.there
    groups = pooling.n_groups
    df = np.maximum(groups - 1.0, 1.0)
    root = np.cbrt(np.where(there, (1.0 - cells.share) * cells.deviance(), 0.0).sum(axis=1) / df)
    small = np.where(there, 1.0 + 0.5 / cells.expected, 0.0).sum(axis=1) / groups
    b = 2.0 * small / (9.0 * df)
    v = np.zeros_like(b) if pool_nu is None else 2.0 / (9.0 * pool_nu)
    score: Floats = ((1.0 - v) * root - (1.0 - b)) / np.sqrt(b + root**2 * v)
    return score
