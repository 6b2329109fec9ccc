"""Both sides: how would a fitted mix of classes look again, with other validation rows and other live items?

A parametric bootstrap: validation rows of each class are drawn anew from its histogram, live items from the
fitted mixture. Only the difference of the two matters, so a draw is that difference over the joint bins, and
the mixture is fitted to the reference's own histograms with the difference added to its shares. To first
order that is fitting each draw to its own histograms, at a hundredth of the cost.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from model_store.calibrating.calibration import Float64s
from model_store.shift_reference import Integers, ShiftReference
from monitoring.meaning.shift import mixture_priors

DRAWS: Final = 100
_UNREACHED: Final = 1e-12  # a share of a cell that no class of any weight reaches
_REFITS: Final = 8  # EM after a Newton step; more do not move the intervals
_LEAST_START: Final = 1e-6  # EM never leaves 0


@dataclass(frozen=True, slots=True, eq=False)
class MixtureFit:
    """The mixture that is likeliest for live items, and how it scatters.

    Parameters
    ----------
    reference : ShiftReference
    components : float64 array of shape (n_classes, n_bins)
        Distribution of each class over the joint bins; zeros for a class without rows.
    shares : float64 array of shape (n_bins,)
        Of live items.
    items : int
        How many independent items they are worth.
    priors : float64 array of shape (n_classes,)
        Weights of the mixture.
    noise : float64 array of shape (n_draws, n_bins)
        Live shares minus those of the mixture, as they come out by chance.
    draws : float64 array of shape (n_draws, n_classes)
        The weights fitted to each.
    newton : float64 array of shape (n_cells, n_classes)
        What shares of the cells add to the weights, to first order.
    """

    reference: ShiftReference
    components: Float64s
    shares: Float64s
    items: int
    priors: Float64s
    noise: Float64s
    draws: Float64s
    newton: Float64s

    @classmethod
    def of(
        cls,
        reference: ShiftReference,
        joint: Integers,
        *,
        seed: int,
        dispersion: float = 1.0,
        draws: int = DRAWS,
    ) -> Self:
        """Fit the mixture to counts of joint bins, at least one item, and draw both sides again."""
        counts, total = reference.counts, int(joint.sum())
        items = max(round(total / dispersion), 1)
        components = reference.histograms / np.maximum(counts, 1)[:, np.newaxis]
        cells, shares = reference.cells(components), joint / total
        priors = mixture_priors(reference.cells(shares), cells, reference.priors)
        generator = np.random.default_rng(seed)
        live = _live(priors @ components, items, generator, draws)
        noise = live - _validation(components, priors, counts, generator, draws)
        newton = _newton(cells, priors)
        again = _refit(cells, priors, newton, reference.cells(noise))
        return cls(reference, components, shares, items, priors, noise, again, newton)


def _live(mixed: Float64s, items: int, generator: np.random.Generator, draws: int) -> Float64s:
    """Return shares of the bins among live items, shape (n_draws, n_bins)."""
    shares: Float64s = generator.multinomial(items, mixed / mixed.sum(), size=draws) / items
    return shares


def _validation(
    components: Float64s, priors: Float64s, counts: Integers, generator: np.random.Generator, draws: int
) -> Float64s:
    """Return the mixture of the classes' histograms, shape (n_draws, n_bins), over other validation rows."""
    mixture = np.zeros((draws, components.shape[1]))
    for k in np.flatnonzero((priors > _LEAST_START) & (counts > 0)):
        bins = np.flatnonzero(components[k])
        drawn = generator.multinomial(counts[k], components[k, bins], size=draws)
        mixture[:, bins] += priors[k] / counts[k] * drawn
    return mixture


def _newton(cells: Float64s, priors: Float64s) -> Float64s:
    """Return the map of Fisher's scoring from shares of the cells to weights, shape (n_cells, n_classes)."""
    mixed = priors @ cells
    weighted = np.divide(cells, mixed, out=np.zeros_like(cells), where=mixed > _UNREACHED)
    step: Float64s = weighted.T @ np.linalg.pinv(weighted @ cells.T, hermitian=True)
    return step


def _refit(cells: Float64s, priors: Float64s, newton: Float64s, noise: Float64s) -> Float64s:
    """Return weights of shape (n_draws, n_classes) for the mixture's own shares with noise added."""
    start = np.maximum(priors + noise @ newton, _LEAST_START)
    start /= start.sum(axis=1, keepdims=True)
    return mixture_priors(np.maximum(priors @ cells + noise, 0.0), cells, start, iterations=_REFITS)
