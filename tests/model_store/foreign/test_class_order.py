"""Tests of `model_store.foreign.class_order`: exchanged columns are found."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.foreign.class_order import Match, OrderRefused, check_order, match


def _scores(
    n: int, k: int, *, skill: float, seed: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Return log-probabilities of a model whose own class scores `skill` standard deviations higher."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % k)
    logits = rng.normal(size=(n, k)) + skill * np.eye(k)[labels]
    return _log_softmax(logits), np.eye(k, dtype=np.bool_)[labels]


def _log_softmax(logits: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return np.asarray(logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)), dtype=np.float32)


@given(k=st.integers(2, 8), seed=st.integers(0, 2**31), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_exchange_of_columns_is_found(k: int, seed: int, data: st.DataObject):
    """The column of each class is named, whatever was exchanged with what, and nothing where nothing was."""
    scores, truth = _scores(60 * k, k, skill=3.0, seed=seed)
    columns = np.array(data.draw(st.permutations(range(k))))
    exchanged = np.empty_like(scores)
    exchanged[:, columns] = scores
    found = match(exchanged, truth)
    assert found.order.tolist() == columns.tolist()
    assert found.as_read == (columns == np.arange(k)).all()


@given(seed=st.integers(0, 2**31), shift=st.lists(st.floats(-6, 6), min_size=4, max_size=4))
@settings(max_examples=40, deadline=None)
def test_class_weights_make_no_order_wrong(seed: int, shift: list[float]):
    """A column that is far too high or too low for all items, as after weighting, is still its class's."""
    scores, truth = _scores(240, 4, skill=2.0, seed=seed)
    weighted = _log_softmax(scores.astype(np.float64) + np.array(shift))
    assert match(weighted, truth).as_read


def test_a_model_that_guesses_is_not_accused_of_another_order():
    """Some order always fits best by chance; that is no evidence. Of other seeds 5 in 100,000 are accused."""
    every = [match(*_scores(200, 5, skill=0.0, seed=seed)) for seed in range(1_000)]
    assert all(found.as_read for found in every)
    assert max(found.skill for found in every) < 5


def test_two_classes_that_a_model_confuses_are_left_alone():
    """Not to tell them apart is poor, and not another order."""
    scores, truth = _scores(300, 3, skill=3.0, seed=0)
    scores[:, 2] = scores[:, 1] + np.random.default_rng(1).normal(scale=0.1, size=len(scores)).astype(
        np.float32
    )
    assert match(scores, truth).as_read


def test_a_class_of_few_rows_keeps_its_column():
    """Four rows that happen to fit another column prove nothing."""
    scores, truth = _scores(300, 3, skill=3.0, seed=0)
    rare = np.flatnonzero(truth[:, 2])
    keep = np.concatenate([np.flatnonzero(~truth[:, 2]), rare[:4]])
    exchanged = scores[keep][:, [0, 1, 2]].copy()
    exchanged[-4:] = scores[rare[:4]][:, [2, 1, 0]]
    assert match(exchanged, truth[keep]).as_read


def test_nothing_can_be_said_of_too_few_rows():
    """No order is refused, and no skill is seen."""
    scores, truth = _scores(8, 2, skill=3.0, seed=0)
    assert match(scores[:, ::-1], truth).skill == 0.0
    assert match(scores[:, ::-1], truth).as_read


def test_labels_that_go_together_are_matched_each_on_its_own():
    """Multi-label: an item may carry several, and the columns do not sum to one."""
    rng = np.random.default_rng(0)
    truth = rng.random((400, 3)) < [0.5, 0.2, 0.1]
    scores = np.where(truth, -0.2, -2.0) + rng.normal(scale=0.5, size=truth.shape)
    assert match(scores.astype(np.float32), truth).as_read
    assert match(scores[:, [1, 2, 0]].astype(np.float32), truth).order.tolist() == [2, 0, 1]


def test_a_wrong_order_is_refused_with_one_that_fits():
    """The message says what was assumed and why, what fits instead and where to declare it."""
    scores, truth = _scores(300, 3, skill=3.0, seed=0)
    with pytest.raises(OrderRefused) as refused:
        check_order(scores[:, [1, 2, 0]], truth, ("a", "b", "c"), basis="as declared", evidence="the labels")
    assert refused.value.better == ("b", "c", "a")
    assert str(refused.value) == (
        "the columns of the scores were taken for a, b, c (as declared), but the labels fit b, c, a: "
        "check the order of the classes in training, and declare it with --classes"
    )


def test_an_order_that_fits_passes_with_the_skill_it_shows():
    """More skill is more standard errors."""
    weak, strong = (
        check_order(*_scores(300, 3, skill=skill, seed=0), ("a", "b", "c"), basis="", evidence="")
        for skill in (0.5, 3.0)
    )
    assert isinstance(weak, Match)
    assert 3 < weak.skill < strong.skill
