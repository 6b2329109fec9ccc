"""What ranks a candidate is the same number wherever it is worked out, and passes over nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.recording.ranking import Ranking, entropies, nearness, reaching

CLASSES = ("billing", "delivery", "fraud")


def test_a_probability_is_unusual_beside_the_share_of_its_class() -> None:
    """Computed by hand: 5 % of a class of 1 % says more than 90 % of one of 60 %."""
    ranking = Ranking.of(CLASSES, [0.6, 0.39, 0.01])
    rows = np.array([[0.9, 0.09, 0.01], [0.6, 0.35, 0.05]], np.float32)
    np.testing.assert_allclose(ranking.unusual(rows), [1.5, 5.0], rtol=1e-6)


def test_without_known_shares_the_largest_probability_is_the_most_unusual() -> None:
    """Then all classes are as usual as each other."""
    rows = np.array([[0.9, 0.06, 0.04], [0.3, 0.35, 0.35]], np.float32)
    np.testing.assert_allclose(Ranking.of(CLASSES).unusual(rows), [2.7, 1.05], rtol=1e-6)


def test_each_kind_has_its_score() -> None:
    """A class's own probability, the unusual of all, and for both uncertain kinds what is given."""
    ranking = Ranking.of(CLASSES, [0.5, 0.4, 0.1])
    rows = np.array([[0.2, 0.2, 0.6]], np.float32)
    given_ = np.array([0.7])
    found = {
        kind: float(ranking.scores(kind, rows, given_)[0])
        for kind in ("top", "top:delivery", "uncertain", "uncertain:fraud")
    }
    assert found == pytest.approx({"top": 6.0, "top:delivery": 0.2, "uncertain": 0.7, "uncertain:fraud": 0.7})


@pytest.mark.parametrize("usual", [[0.5, 0.5], [0.5, 0.5, 0.0], [0.5, 0.5, np.nan]])
def test_shares_that_are_no_shares_are_refused(usual: list[float]) -> None:
    """One too few, none at all, and no number."""
    with pytest.raises(ValueError, match="expected 3 positive numbers"):
        Ranking.of(CLASSES, usual)


def test_the_entropy_is_in_nats_and_zero_where_all_is_certain() -> None:
    """Computed by hand; a probability of zero adds nothing."""
    rows = np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]], np.float32)
    np.testing.assert_allclose(entropies(rows), [np.log(2), 0.0, np.log(3)], atol=1e-7)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**20), k=st.sampled_from([2, 3, 17, 150]), sharp=st.floats(0.02, 3))
def test_no_row_that_reaches_its_floor_is_passed_over(seed: int, k: int, sharp: float) -> None:
    """The bound that spares the entropies of confident items holds, and a row alone has the same number."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(k, sharp), 60).astype(np.float32)
    rows[0] = np.eye(k, dtype=np.float32)[0]
    rows[1] = np.float32(1 / k)
    entropy = entropies(rows)
    floors = rng.choice([*entropy, -np.inf, 0.0], 60)
    found = reaching(rows, rows.argmax(axis=1).astype(np.int32), floors)
    assert found == {i: entropy[i] for i in range(60) if entropy[i] >= floors[i]}
    assert [entropies(row[None])[0] for row in rows] == entropy.tolist()


def test_near_is_near_the_threshold_of_any_label() -> None:
    """In logits: 1 % at a threshold of 2 % is as near as 98 % at one of 99 %, and saturation stays finite."""
    thresholds = np.array([0.5, 0.02])
    rows = np.array([[0.99, 0.02], [0.5, 0.9], [0.99, 0.01], [1.0, 0.0]], np.float32)
    near = nearness(rows, thresholds)
    assert near[:2] == pytest.approx([0.0, 0.0], abs=1e-5)
    assert near[2] == pytest.approx(-np.log(99) + np.log(49), abs=1e-5)
    assert np.isfinite(near).all()
