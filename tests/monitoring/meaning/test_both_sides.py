"""The parametric bootstrap of validation rows and live items."""

import numpy as np
import pytest

from model_store.shift_reference import ShiftReference, build_shift_reference
from monitoring.meaning.both_sides import MixtureFit
from monitoring.meaning.shift import mixture_priors
from tests.support.shifts import Answered, made_up, meters_of

OLD, NEW = [0.1, 0.3, 0.6], [0.3, 0.2, 0.5]


def fitted(rows: Answered, live: Answered, *, seed: int = 0, dispersion: float = 1.0) -> MixtureFit:
    """Fit the mixture of one set of rows to another."""
    reference = build_shift_reference(rows.probabilities, rows.labels, rows.classes)
    joint = meters_of(rows.probabilities, live.probabilities)["joint"]
    return MixtureFit.of(reference, joint, seed=seed, dispersion=dispersion)


@pytest.fixture(scope="module")
def fit() -> MixtureFit:
    """Return a fit to 2,000 items of another mix."""
    return fitted(made_up(3_000, OLD, seed=1), made_up(2_000, NEW, calibrated_at=OLD, seed=2))


def test_the_mixture_has_the_new_priors(fit: MixtureFit):
    """Within what 2,000 items tell."""
    assert fit.priors == pytest.approx(NEW, abs=0.05)


def test_the_same_seed_gives_the_same_draws():
    """And another seed others."""
    sides = made_up(500, OLD, seed=3), made_up(300, NEW, calibrated_at=OLD, seed=4)
    first, again, other = (fitted(*sides, seed=seed) for seed in (5, 5, 6))
    assert (first.draws == again.draws).all()
    assert (first.draws != other.draws).any()


def test_refits_of_the_noise_are_what_em_gives(fit: MixtureFit):
    """A Newton step and a few rounds are as good as EM to its end."""
    reference: ShiftReference = fit.reference
    cells = reference.cells(fit.components)
    shares = np.maximum(fit.priors @ cells + reference.cells(fit.noise), 0)
    whole = mixture_priors(shares, cells, np.tile(fit.priors, (len(shares), 1)))
    assert np.abs(fit.draws - whole).max() < 0.1 * fit.draws.std(axis=0).min()


def test_the_draws_scatter_as_fits_to_fresh_data_do():
    """Their standard deviation is right within a fifth, from validation rows and live items both."""
    fits = [
        fitted(made_up(1_000, OLD, seed=seed), made_up(800, NEW, calibrated_at=OLD, seed=10_000 + seed))
        for seed in range(150)
    ]
    scatter = np.std([each.priors for each in fits], axis=0)
    drawn = np.mean([each.draws.std(axis=0) for each in fits], axis=0)
    assert drawn == pytest.approx(scatter, rel=0.2)


def test_dispersed_items_are_worth_fewer():
    """With four times the variance, 2,000 items are worth 500 and scatter more."""
    sides = made_up(20_000, OLD, seed=7), made_up(2_000, NEW, calibrated_at=OLD, seed=8)
    plain, dispersed = fitted(*sides), fitted(*sides, dispersion=4.0)
    assert dispersed.items == 500
    assert dispersed.priors == pytest.approx(plain.priors)
    assert dispersed.draws.std(axis=0) == pytest.approx(2 * plain.draws.std(axis=0), rel=0.35)


def test_a_class_without_rows_has_no_share():
    """And nothing is divided by zero."""
    rows = made_up(300, [0.5, 0.5, 0.0], seed=9)
    fit = fitted(rows, made_up(200, [0.5, 0.5, 0.0], seed=10))
    assert fit.priors[2] == 0
    assert np.isfinite(fit.draws).all()


def test_one_item_is_enough_to_fit():
    """A fit to next to nothing is a fit without warnings."""
    fit = fitted(made_up(300, OLD, seed=11), made_up(1, OLD, seed=12))
    assert fit.items == 1
    assert fit.priors.sum() == pytest.approx(1)
