"""Tests of `model_store.joint_cells`."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.joint_cells import MOST_BINS, JointCells, confidence_cuts


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), k=st.integers(2, 6), n=st.integers(0, 50))
def test_cells_are_those_of_a_loop(seed: int, k: int, n: int):
    """Class by class, and in each as many cells up as there are cuts below the probability."""
    rng = np.random.default_rng(seed)
    cuts = tuple(tuple(np.sort(rng.random(rng.integers(0, 4), np.float32)).tolist()) for _ in range(k))
    cells = JointCells(cuts)
    probabilities = rng.dirichlet(np.ones(k), n).astype(np.float32)
    found = cells.of_probabilities(probabilities)
    first = np.cumsum([0, *(len(each) + 1 for each in cuts)])
    for row, cell in zip(probabilities, found, strict=True):
        top = int(row.argmax())
        assert cell == first[top] + sum(row[top] > np.float32(cut) for cut in cuts[top])
    assert cells.n == first[-1]
    assert ((found >= 0) & (found < cells.n)).all()


def test_a_probability_at_a_cut_is_below_it():
    """Cells are closed above, like the bins of every other meter."""
    cells = JointCells(((0.5,), ()))
    scores = np.array([0.5, np.nextafter(np.float32(0.5), np.float32(1)), 0.9], np.float32)
    assert cells.of(np.array([0, 0, 1]), scores).tolist() == [0, 1, 2]


def test_validation_falls_into_its_own_cells_evenly():
    """A class of many rows has quarters of them in its cells."""
    rng = np.random.default_rng(3)
    best = rng.uniform(0.5, 1, 800).astype(np.float32)
    probabilities = np.stack([best, 1 - best], axis=1)
    cuts = confidence_cuts(probabilities)
    held = np.bincount(JointCells(cuts).of_probabilities(probabilities), minlength=2 * MOST_BINS)
    assert abs(held[:MOST_BINS] - 200).max() <= 2
