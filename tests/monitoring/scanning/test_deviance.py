"""Deviances and scores: against exact tails, hand-computed values and other libraries."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import special, stats

from monitoring.scanning.deviance import (
    binomial_deviance,
    negative_binomial_deviance,
    normal_score,
    signed_root,
)

COUNTS = st.integers(0, 2_000)


def signed_root_nlp(*counts: int) -> float:
    """Return -ln of the one-sided p-value of the signed root, in its own direction."""
    return float(-special.log_ndtr(-abs(signed_root(*counts))))


def test_the_signed_root_is_the_deviance_by_hand():
    """80 of 1,000 against 800 of 20,000: four cells, half an item moved, worked out term by term."""
    h = 880 / 21_000
    cells = [(79.5, 1_000 * h), (920.5, 1_000 * (1 - h)), (800.5, 20_000 * h), (19_199.5, 20_000 * (1 - h))]
    deviance = 2 * sum(count * math.log(count / expected) for count, expected in cells)
    root = float(signed_root(80, 1_000, 800, 20_000, counted=False))
    assert root == pytest.approx(math.sqrt(deviance), abs=1e-9)


@settings(max_examples=80, deadline=None)
@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_exchanging_window_and_reference_exchanges_the_sign(a: int, b: int, r: int, s: int):
    """A rise of one is a fall of the other by the same amount."""
    n, m = a + b + 1, r + s + 1
    one, other = float(signed_root(a, n, r, m)), float(signed_root(r, m, a, n))
    assert one == pytest.approx(-other, abs=1e-7)


@settings(max_examples=80, deadline=None)
@given(COUNTS, COUNTS, COUNTS, COUNTS)
def test_more_items_of_a_class_are_never_less_of_a_rise(a: int, b: int, r: int, s: int):
    """The signed root does not decrease in the window's count."""
    n, m = a + b + 1, r + s + 1
    assert float(signed_root(a, n, r, m)) <= float(signed_root(a + 1, n, r, m)) + 1e-9


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_p_values_are_those_of_fishers_exact_test(seed: int):
    """-ln p is within .2 nats of the exact conditional test's far into both tails, whatever the counts."""
    rng = np.random.default_rng(seed)
    m, n = int(10 ** rng.uniform(2.5, 5.0)), int(10 ** rng.uniform(1.0, 4.0))
    share = 10 ** rng.uniform(-3.5, -0.1)
    r, deviation = rng.binomial(m, share), math.sqrt(n * share * (1.0 - share))
    a = int(np.clip(round(n * share + rng.uniform(-8.0, 8.0) * deviation), 0, n))
    score = float(signed_root(a, n, r, m))
    test = stats.hypergeom(n + m, a + r, n)
    exact = -(test.logsf(a - 1) if score > 0.0 else test.logcdf(a))
    assume(score != 0.0 and 3.0 < exact < 40.0)
    assert signed_root_nlp(a, n, r, m) == pytest.approx(exact, abs=0.2)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_fractions_of_an_item_are_no_more_of_a_surprise_than_whole_ones(seed: int):
    """Tolerances lower counts to fractions: one just above half an item too scores below a whole one."""
    rng = np.random.default_rng(seed)
    m, n = 10 ** rng.uniform(2.5, 7.0), 10 ** rng.uniform(0.5, 4.0)
    r = float(rng.integers(0, 20))
    one = (1.0 + n / m) * np.array([1.0])  # so that the gap is one item
    fractions = np.linspace(0.45, 0.99, 60) * one
    assume(r * n / m + one[0] < n)
    most = float(signed_root(r * n / m + one, n, r, m)[0])
    assert (signed_root(r * n / m + fractions, n, r, m) <= most + 0.02).all()


def test_without_the_correction_falls_surprise_too_much_and_rises_too_little():
    """None of 16.5 expected items, and 34 in place of 11: the plain root is off by .4 and .2 nats."""
    for a, n, r, m, off in [(0, 3_300, 500, 100_000, 0.37), (34, 1_800, 620, 100_000, -0.21)]:
        exact = -stats.hypergeom(n + m, a + r, n).logcdf(a) if off > 0.0 else None
        exact = exact or -stats.hypergeom(n + m, a + r, n).logsf(a - 1)
        plain = float(-special.log_ndtr(-abs(signed_root(a, n, r, m, counted=False))))
        assert plain - exact == pytest.approx(off, abs=0.02)
        assert signed_root_nlp(a, n, r, m) == pytest.approx(exact, abs=0.08)


def test_a_tail_that_underflows_in_probabilities_is_still_measured():
    """A bucket of ten million items gives a finite, enormous -ln p in both directions."""
    n = 10_000_000
    rise, fall = (signed_root_nlp(a, n, 800, 20_000) for a in (n // 2, 0))
    assert 10_000 < rise < 1e8
    assert 500 < fall < 1e8


@pytest.mark.parametrize(
    ("a", "n", "r", "m"),
    [
        pytest.param(0, 100, 0, 1_000, id="in neither"),
        pytest.param(100, 100, 1_000, 1_000, id="nothing else in either"),
        pytest.param(50, 1_000, 500, 10_000, id="equal shares"),
    ],
)
def test_equal_shares_are_no_evidence(a: int, n: int, r: int, m: int):
    """The root is 0 and the p-value one half, also where a logarithm of 0 would be taken."""
    assert float(signed_root(a, n, r, m)) == 0.0
    assert signed_root_nlp(a, n, r, m) == pytest.approx(math.log(2))


def clumped(a: float, n: float, r: float, m: float, *, phi: float, phi_reference: float = 1.0) -> float:
    """Return the negative binomial deviance of one cell."""
    a_, n_, r_, m_ = (np.array([float(x)]) for x in (a, n, r, m))
    phi_, phi_r = np.array([phi]), np.array([phi_reference])
    return float(negative_binomial_deviance(a_, n_, r_, m_, phi=phi_, phi_reference=phi_r)[0])


def test_the_negative_binomial_deviance_is_that_of_its_log_likelihood():
    """Twice the log likelihood ratio of the count's own mean against the expected one, at the same size."""
    a, n, r, m, phi = 30, 200, 1_000, 20_000, 4.0
    mean = n * (r + 0.5) / (m + 1)
    share = (a + r) / (n + m)
    size = mean / ((phi + phi * n / m) * (1.0 - share) - 1.0)
    likelihood = stats.nbinom(size, size / (size + a)).logpmf(a) - stats.nbinom(
        size, size / (size + mean)
    ).logpmf(a)
    assert clumped(a, n, r, m, phi=phi, phi_reference=phi) == pytest.approx(2.0 * likelihood, rel=1e-9)


def test_a_clumped_count_is_forgiven_more_than_a_binomial_of_fewer_items():
    """Far above its mean the negative binomial has the longer tail, which is why the smaller one is taken."""
    phi = 5.0
    binomial, _ = binomial_deviance(60 / phi, 200 / phi, 1_000 / phi, 20_000 / phi)
    assert clumped(60, 200, 1_000, 20_000, phi=phi, phi_reference=phi) < float(binomial)


def test_the_rarer_side_of_a_column_is_the_clumped_one():
    """A column that holds nearly everything is judged by what it does not hold."""
    one = clumped(30, 200, 1_000, 20_000, phi=4.0)
    assert clumped(170, 200, 19_000, 20_000, phi=4.0) == pytest.approx(one, rel=1e-9)


@pytest.mark.parametrize(
    ("cell", "phi"),
    [
        pytest.param((30, 200, 1_000, 20_000), 1.0, id="independent items"),
        pytest.param((100, 200, 10_000, 20_000), 1.5, id="variance below the mean"),
    ],
)
def test_where_no_negative_binomial_fits_it_decides_nothing(cell: tuple[int, ...], phi: float):
    """The deviance is infinite, so that the binomial one is the smaller."""
    assert clumped(*cell, phi=phi) == math.inf


def test_a_count_between_the_share_and_the_expected_mean_is_no_evidence():
    """Half an item more in the reference may turn the gap around: then nothing is left of it."""
    assert clumped(1, 15_000, 1, 20_000, phi=3.0) == 0.0


@pytest.mark.parametrize("nu", [3.0, 10.0, 50.0])
@pytest.mark.parametrize("z", [1.0, 3.0, 6.0])
def test_the_normal_score_is_that_of_students_t(nu: float, z: float):
    """Within 2 % of the exact transformation, deep into the tail."""
    exact = float(stats.norm.isf(stats.t.sf(z, nu)))
    assert float(normal_score(np.array(z), np.array(nu))) == pytest.approx(exact, rel=0.02)


def test_a_known_variance_leaves_the_score_as_it_is():
    """With infinitely many degrees of freedom nothing is corrected."""
    assert float(normal_score(np.array(4.2), np.array(np.inf))) == 4.2
