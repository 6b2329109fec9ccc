"""Tests of `model_store.promises.recall`."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import norm

from model_store.promises.class_rows import ClassRows
from model_store.promises.recall import recall_floor, recall_only
from model_store.promises.targets import Target


def rows(
    scores: npt.NDArray[np.float32], weights: npt.NDArray[np.float64] | None = None, *, highest: float = 1.0
) -> ClassRows:
    """Return positives only: a recall looks at nothing else."""
    return ClassRows(
        name="a",
        scores=scores,
        positive=np.ones(len(scores), np.bool_),
        target=Target("a", recall=0.85),
        delta=0.1,
        proves=weights is None,
        weights=weights,
        highest=highest,
    )


@given(seed=st.integers(0, 500), n=st.integers(40, 200))
@settings(max_examples=30, deadline=None)
def test_weights_that_hardly_differ_give_the_exact_threshold(seed: int, n: int):
    """The weighted form is the exact one where the weights tell nothing apart."""
    scores = np.random.default_rng(seed).permutation(n).astype(np.float32) / np.float32(n)
    nearly = np.ones(n)
    nearly[0] += 1e-12
    exact, weighted = recall_floor(rows(scores), 0.85, 0.1), recall_floor(rows(scores, nearly), 0.85, 0.1)
    assert weighted.threshold == exact.threshold
    assert weighted.lower == pytest.approx(exact.lower)


def test_weights_undo_how_rows_were_chosen():
    """Rows picked by their score miss the traffic's recall nearly always; weighted, about as often as said.

    Eight of ten positives below the median were left out, as a labeling round of likely items does.
    """
    draws, wrong, unweighted_wrong = 400, 0, 0
    for seed in range(draws):
        rng = np.random.default_rng(seed)
        x = rng.normal(0, 1, 400)
        chosen = rng.random(400) < np.where(x < 0, 0.2, 1.0)
        x = x[chosen]
        scores, weights = expit(x).astype(np.float32), np.where(x < 0, 5.0, 1.0)
        for weighted in (True, False):
            floor = recall_floor(rows(scores, weights if weighted else None), 0.85, 0.1)
            misses = norm.sf(np.log(floor.threshold / (1 - floor.threshold))) < 0.85
            wrong += weighted and misses
            unweighted_wrong += not weighted and misses
    assert wrong / draws < 0.2  # an estimate: no proof stands behind .1
    assert unweighted_wrong / draws > 0.9


def test_a_lower_threshold_keeps_the_bound_and_says_its_own_estimate():
    """Where the class may not be refused above one half, recall is more than was asked."""
    scores = np.linspace(0.55, 0.95, 100, dtype=np.float32)
    free, capped = recall_only(rows(scores), 0.85), recall_only(rows(scores, highest=0.5), 0.85)
    assert (free.status, capped.status) == ("certified", "certified")
    assert capped.threshold == 0.5
    assert capped.recall.estimate == 1.0
    assert capped.recall.lower == free.recall.lower >= 0.85


def test_unequal_weights_leave_an_estimate():
    """Nothing is certified, and the bound is that of fewer effective rows."""
    scores = np.linspace(0.1, 0.9, 100, dtype=np.float32)
    weights = np.where(np.arange(100) % 2 == 0, 1.0, 4.0)
    found = recall_only(rows(scores, weights), 0.85)
    assert found.status == "empirical"
    assert found.threshold < recall_only(rows(scores), 0.85).threshold
    assert found.recall.lower >= 0.85
