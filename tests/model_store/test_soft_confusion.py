"""The mean probabilities of each class, and what they say about a mix."""

import numpy as np
import pytest

from model_store.soft_confusion import SoftConfusion
from tests.support.shifts import made_up


def test_the_means_are_those_of_each_class():
    """Row k holds the mean probabilities of the rows of class k."""
    p = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]], np.float32)
    soft = SoftConfusion.of(p, np.array([0, 0, 1]), 2)
    np.testing.assert_allclose(soft.means, [[0.7, 0.3], [0.1, 0.9]], rtol=1e-6)
    np.testing.assert_allclose(soft.means @ soft.inverse, np.eye(2), atol=1e-9)


def test_the_spread_is_the_variance_of_the_votes():
    """It is what a computation row by row gives."""
    answered = made_up(400, [0.2, 0.3, 0.5], seed=1)
    soft = SoftConfusion.of(answered.probabilities, answered.labels, 3)
    votes = answered.probabilities @ soft.inverse
    for k in range(3):
        assert soft.spread[k] == pytest.approx(votes[answered.labels == k].var(axis=0), rel=1e-4)


def test_a_class_without_rows_has_zeros():
    """It gets no share either: its row of the inverse's product is zero."""
    p = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]], np.float32)
    soft = SoftConfusion.of(p, np.array([0, 1]), 3)
    assert not soft.means[2].any()
    assert not soft.spread[2].any()
    assert np.isfinite(soft.inverse).all()
