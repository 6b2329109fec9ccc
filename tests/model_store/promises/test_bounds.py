"""The bounds are Clopper and Pearson's, and a recall threshold's claim holds on known populations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, norm

from model_store.promises.bounds import effective_size, lower_bound, p_value, recall_threshold, upper_bound
from model_store.promises.targets import n_min


@pytest.mark.parametrize(
    ("successes", "trials", "delta", "expected"),
    [
        (0, 10, 0.1, 0.0),
        (10, 10, 0.1, 0.1 ** (1 / 10)),
        (15, 15, 0.1, 0.1 ** (1 / 15)),
        (1, 1, 0.05, 0.05),
        (1, 2, 0.1, 1 - 0.9**0.5),  # P(X >= 1) = 1 - (1 - p)^2 = delta
    ],
    ids=["none", "all of ten", "all of fifteen", "one of one", "one of two"],
)
def test_clopper_pearson_by_hand(successes: int, trials: int, delta: float, expected: float):
    """The bound solves P(at least this many | p) = delta."""
    assert float(lower_bound(successes, trials, delta)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("misses", "least"), [(0, 15), (1, 25), (2, 34)], ids=["no miss", "one miss", "two misses"]
)
def test_how_many_positives_certify_a_recall(misses: int, least: int):
    """With 0, 1 and 2 misses a recall of .85 takes 15, 25 and 34 positives at delta .1."""
    scores = np.linspace(0.9, 0.1, least, dtype=np.float32)
    found = recall_threshold(scores, 0.85, delta=0.1)
    assert found is not None
    assert found.n - found.rank == misses
    fewer = recall_threshold(scores[:-1], 0.85, delta=0.1)
    assert fewer is None or fewer.n - fewer.rank < misses


@given(n=st.integers(15, 300), seed=st.integers(0, 1_000))
@settings(max_examples=50, deadline=None)
def test_the_recall_threshold_is_the_highest_that_certifies(n: int, seed: int):
    """Its own bound reaches the target, and that of the next higher score does not."""
    scores = np.random.default_rng(seed).permutation(n).astype(np.float32)
    found = recall_threshold(scores, 0.85, delta=0.1)
    assert found is not None
    assert int((scores >= found.threshold).sum()) == found.rank
    assert found.lower == pytest.approx(float(beta.ppf(0.1, found.rank, n - found.rank + 1)))
    assert found.lower >= 0.85 > float(lower_bound(found.rank - 1, n, 0.1))


@given(n=st.integers(15, 200), values=st.integers(1, 6), seed=st.integers(0, 1_000))
@settings(max_examples=50, deadline=None)
def test_ties_flag_at_least_as_many_as_the_rank(n: int, values: int, seed: int):
    """With tied scores the threshold is one of them and everything tied with it is flagged."""
    scores = np.random.default_rng(seed).integers(1, values + 1, n).astype(np.float32) / np.float32(10)
    found = recall_threshold(scores, 0.85, delta=0.1)
    assert found is not None
    assert found.threshold in scores
    assert int((scores >= found.threshold).sum()) >= found.rank
    assert int((scores > found.threshold).sum()) < found.rank


def test_the_recall_claim_holds_on_a_known_population():
    """Over 2,000 draws the claim fails in at most delta + 3 standard errors; a naive sweep in half."""
    rng = np.random.default_rng(7)
    draws, n, missed, naive_missed = 2_000, 120, 0, 0
    for _ in range(draws):
        scores = rng.normal(0, 1, n).astype(np.float32)
        found = recall_threshold(scores, 0.85, delta=0.1)
        assert found is not None
        missed += norm.sf(found.threshold) < 0.85
        naive_missed += norm.sf(np.sort(scores)[::-1][int(np.ceil(0.85 * n)) - 1]) < 0.85
    slack = 3 * (0.1 * 0.9 / draws) ** 0.5
    assert missed / draws <= 0.1 + slack
    assert missed / draws > 0.03  # not so careful as to be useless
    assert naive_missed / draws > 0.4


def test_the_recall_claim_holds_on_a_population_of_tied_scores():
    """Five values only: the worst case puts one value's upper tail just under the target."""
    rng = np.random.default_rng(8)
    values = np.array([0.9, 0.7, 0.5, 0.3, 0.1], dtype=np.float32)
    shares = np.array([0.5, 0.34, 0.06, 0.05, 0.05])
    population = dict(zip(values.tolist(), np.cumsum(shares), strict=True))
    draws, missed = 2_000, 0
    for _ in range(draws):
        found = recall_threshold(rng.choice(values, 150, p=shares), 0.85, delta=0.1)
        assert found is not None
        missed += population[float(found.threshold)] < 0.85
    assert 0 < missed / draws <= 0.1 + 3 * (0.1 * 0.9 / draws) ** 0.5


@pytest.mark.parametrize(("recall", "delta"), [(0.5, 0.25), (0.9, 0.9**7), (0.8, 0.8**3), (0.85, 0.1)])
def test_exactly_enough_positives_certify_with_the_lowest_score(recall: float, delta: float):
    """At n_min no positive may be missed, also where delta is a power of the recall to the last bit."""
    n = n_min(recall, delta)
    scores = np.linspace(0.9, 0.2, n, dtype=np.float32)
    found = recall_threshold(scores, recall, delta=delta)
    assert found is not None
    assert (found.rank, found.threshold) == (n, scores[-1])
    assert found.lower == pytest.approx(delta ** (1 / n))
    assert recall_threshold(scores[:-1], recall, delta=delta) is None


@given(n=st.integers(1, 200), data=st.data(), delta=st.sampled_from([0.01, 0.1, 0.5]))
@settings(deadline=None)
def test_the_upper_bound_is_the_lower_one_of_the_failures(n: int, data: st.DataObject, delta: float):
    """What is not a success is a failure; so the bounds mirror each other."""
    k = data.draw(st.integers(0, n))
    upper = float(upper_bound(k, n, delta))
    assert upper == pytest.approx(1 - float(lower_bound(n - k, n, delta)))
    assert upper >= k / n
    assert k == n or float(binom.cdf(k, n, upper)) == pytest.approx(delta)


@given(n=st.integers(1, 200), data=st.data(), ratio=st.floats(0.05, 0.95))
@settings(deadline=None)
def test_a_p_value_is_a_tail_of_the_binomial(n: int, data: st.DataObject, ratio: float):
    """And it is below delta exactly where the lower bound is above the ratio."""
    k = data.draw(st.integers(0, n))
    found = float(p_value(k, n, ratio))
    assert found == pytest.approx(float(binom.sf(k - 1, n, ratio)), abs=1e-12)
    bound = float(lower_bound(k, n, 0.1))
    assert abs(bound - ratio) < 1e-9 or (found < 0.1) == (bound > ratio)


def test_counts_of_an_effective_sample_size_may_be_fractions():
    """Between whole counts the bound lies between their bounds; below one success it is near nothing."""
    whole = lower_bound([8, 9], [10, 10], 0.1)
    assert whole[0] < float(lower_bound(8.5, 10, 0.1)) < whole[1]
    assert 0 < float(lower_bound(0.2, 10, 0.1)) < float(lower_bound(1, 10, 0.1))


def test_effective_sizes_by_hand():
    """Rows of no weight count for nothing, and so does nothing at all."""
    assert effective_size(np.array([1.0, 1.0, 0.0])) == 2
    assert effective_size(np.array([3.0, 1.0])) == pytest.approx(16 / 10)
    assert (effective_size(np.zeros(3)), effective_size(np.empty(0))) == (0, 0)
