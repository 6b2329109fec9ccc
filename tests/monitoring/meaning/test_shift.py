"""New priors without labels: by EM on items, by EM on bins, and from summed probabilities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.soft_confusion import SoftConfusion
from monitoring.meaning.shift import Estimate, bbse_priors, disagreement, mixture_priors
from tests.support.shifts import em_priors, made_up

OLD, NEW = np.array([0.05, 0.25, 0.7]), np.array([0.3, 0.1, 0.6])


def test_em_finds_the_priors_of_calibrated_items():
    """Calibrated at the old priors, items of the new ones say so."""
    live = made_up(40_000, NEW, calibrated_at=OLD, seed=1)
    assert em_priors(live.probabilities, OLD) == pytest.approx(NEW, abs=0.01)


def test_em_leaves_the_priors_where_nothing_moved():
    """Calibrated items of the old priors give the old priors."""
    live = made_up(40_000, OLD, seed=2)
    assert em_priors(live.probabilities, OLD) == pytest.approx(OLD, abs=0.01)


def test_a_class_that_was_never_there_stays_away():
    """Without a validation row nothing says how it looks."""
    assert em_priors(np.array([[0.5, 0.5, 0.0]], np.float32), np.array([0.5, 0.5, 0.0]))[2] == 0


def test_the_mixture_is_the_likeliest():
    """No other weights give the counts a larger likelihood."""
    components = np.array([[0.6, 0.3, 0.1], [0.1, 0.2, 0.7]])
    shares = np.array([0.3, 0.25, 0.45])
    weights = np.linspace(0, 1, 100_001)[:, None]
    likelihood = np.log(weights * components[0] + (1 - weights) * components[1]) @ shares
    best = weights[likelihood.argmax(), 0]
    assert mixture_priors(shares, components, np.array([0.5, 0.5]))[0] == pytest.approx(best, abs=1e-4)


def test_mixtures_fitted_at_once_are_those_fitted_one_by_one():
    """A leading axis changes nothing."""
    generator = np.random.default_rng(3)
    components = generator.dirichlet(np.ones(6), size=3)
    shares = generator.dirichlet(np.ones(6), size=4)
    start = np.full((4, 3), 1 / 3)
    together = mixture_priors(shares, components, start, iterations=50, tolerance=0.0)
    for each, alone in zip(together, shares, strict=True):
        assert each == pytest.approx(
            mixture_priors(alone, components, start[0], iterations=50, tolerance=0.0)
        )


def test_bins_that_no_class_reaches_are_left_out():
    """An item where none was seen changes no share."""
    components = np.array([[0.5, 0.5, 0.0], [0.1, 0.9, 0.0]])
    start = np.array([0.5, 0.5])
    with_it = mixture_priors(np.array([0.24, 0.56, 0.2]), components, start)
    assert with_it == pytest.approx(mixture_priors(np.array([0.3, 0.7, 0.0]), components, start), abs=1e-5)


@given(mix=st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3))
def test_bbse_inverts_the_soft_confusion(mix: list[float]):
    """Mean probabilities of a mixture give back its weights."""
    rows = made_up(600, OLD, seed=4)
    soft = SoftConfusion.of(rows.probabilities, rows.labels, 3)
    weights = np.array(mix) / sum(mix)
    found = bbse_priors(weights @ soft.means, soft, np.bincount(rows.labels), items=1_000)
    assert found.priors == pytest.approx(weights, abs=1e-6)


def test_bbse_stays_on_the_simplex():
    """A mass that no mix explains gives the nearest mix, without negative shares."""
    rows = made_up(600, OLD, seed=5)
    soft = SoftConfusion.of(rows.probabilities, rows.labels, 3)
    found = bbse_priors(np.array([0.0, 0.0, 1.0]), soft, np.bincount(rows.labels), items=1_000)
    assert (found.priors >= 0).all()
    assert found.priors.sum() == pytest.approx(1, abs=1e-5)


def test_the_errors_of_bbse_are_how_it_scatters():
    """Over fresh validation rows and fresh live items, within a fifth."""
    found = []
    for seed in range(200):
        rows = made_up(1_500, OLD, seed=1_000 + seed)
        live = made_up(800, NEW, calibrated_at=OLD, seed=seed)
        soft = SoftConfusion.of(rows.probabilities, rows.labels, 3)
        mass = live.probabilities.mean(axis=0, dtype=np.float64)
        found.append(bbse_priors(mass, soft, np.bincount(rows.labels, minlength=3), items=800))
    scatter = np.std([each.priors for each in found], axis=0)
    assert np.mean([each.errors for each in found], axis=0) == pytest.approx(scatter, rel=0.2)


def test_estimates_differ_beyond_their_errors_or_do_not():
    """Only the classes that do are named."""
    errors = np.full(3, 0.01)
    one = Estimate(np.array([0.2, 0.3, 0.5]), errors)
    assert disagreement(one, Estimate(np.array([0.21, 0.29, 0.5]), errors)) == []
    assert disagreement(one, Estimate(np.array([0.3, 0.2, 0.5]), errors)) == [0, 1]
