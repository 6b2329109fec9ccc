"""Tests of `model_store.promises.shrinkage`."""

import numpy as np
import pytest

from model_store.promises.guarantees import fit_thresholds
from model_store.promises.targets import Target
from tests.support.rare_class import TWO


def test_too_few_positives_claim_nothing_and_say_how_many_more():
    """Ten positives where fifteen are the least: no bound, a shrunk threshold, five further needed."""
    rng = np.random.default_rng(9)
    p = rng.dirichlet(np.ones(3), 500).astype(np.float32)
    labels = np.concatenate([np.zeros(10, dtype=np.int64), rng.integers(1, 3, 490)])
    found = fit_thresholds(p, labels, ("a", "b", "c"), [Target("a", recall=0.85)])
    assert found[0].status == "insufficient_data"
    assert found[0].n_needed == 5
    assert (found[0].recall.lower, found[0].precision.lower) == (0, 0)
    assert [t.status for t in found[1:]] == ["certified", "certified"]


def test_a_shrunk_threshold_lies_between_its_own_and_its_siblings():
    """With n positives of its own a class weighs n against 20 for the others, in logits."""
    own, other = 0.3, 0.7
    scores_a, scores_b = np.full(10, own), np.full(100, other)
    p = np.zeros((110, 2), dtype=np.float32)
    p[:10, 0], p[10:, 1] = scores_a, scores_b
    p[:10, 1], p[10:, 0] = 1 - own, 1 - other
    labels = np.repeat([0, 1], [10, 100])
    found = fit_thresholds(p, labels, TWO, [Target("rare", recall=0.8)])[0]
    z = (10 * np.log(own / (1 - own)) + 20 * np.log(other / (1 - other))) / 30
    assert found.threshold == pytest.approx(1 / (1 + np.exp(-z)), abs=1e-6)


def test_a_class_without_any_positive_gets_the_threshold_of_its_siblings():
    """Nothing of its own to weigh; the estimate is None, not a number."""
    p = np.full((50, 2), 0.5, dtype=np.float32)
    found = fit_thresholds(p, np.ones(50, dtype=np.int64), TWO)[0]
    assert found.status == "insufficient_data"
    assert found.threshold == pytest.approx(0.5)
    assert found.recall.estimate is None
    assert found.n_needed == 11
