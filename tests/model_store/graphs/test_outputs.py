"""Tests of `model_store.graphs.outputs`."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from model_store.graphs.outputs import CLIP, LARGEST_CLIP, OutputKind, OutputSpec, Task, measured_clip

shapes = st.tuples(st.integers(1, 5), st.integers(2, 6))
dtypes = st.sampled_from([np.float32, np.float64])
logits = hnp.arrays(dtypes, shapes, elements=st.floats(-(2.0**100), 2.0**100, width=32))
ratios = st.sampled_from([0.0, 1.0]) | st.floats(0, 1, width=32)
probabilities = hnp.arrays(dtypes, shapes, elements=ratios)


def _decoded(kind: OutputKind, raw: Any, task: Task = "multiclass", clip: float = CLIP) -> np.ndarray:
    return OutputSpec("output", kind, clip).decoder(task)(raw)


@given(raw=logits)
@settings(max_examples=60, deadline=None)
def test_logits_become_a_log_softmax(raw: np.ndarray):
    """Rows sum to 1, the order within a row stays, and a constant added to a row changes nothing."""
    found = _decoded("logits", raw)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found.astype(np.float64)).sum(axis=1), 1, atol=1e-5)
    assert (np.diff(np.take_along_axis(found, raw.argsort(axis=1), axis=1), axis=1) >= 0).all()


@given(raw=probabilities, clip=st.sampled_from([CLIP, 1e-3, LARGEST_CLIP]))
@settings(max_examples=60, deadline=None)
def test_probabilities_of_classes_become_finite_shares(raw: np.ndarray, clip: float):
    """Exact zeros and ones have a finite logarithm, rows sum to 1, and no class overtakes another."""
    found = _decoded("probabilities", raw, clip=clip)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    np.testing.assert_allclose(np.exp(found.astype(np.float64)).sum(axis=1), 1, atol=1e-5)
    assert (np.diff(np.take_along_axis(found, raw.argsort(axis=1), axis=1), axis=1) >= 0).all()


@given(raw=probabilities, clip=st.sampled_from([CLIP, 1e-3]))
@settings(max_examples=60, deadline=None)
def test_labels_stand_on_their_own(raw: np.ndarray, clip: float):
    """A label's log-probability is its own within the clip on both sides, whatever the other labels have."""
    found = _decoded("probabilities", raw, "multilabel", clip)
    assert np.isfinite(found).all()
    assert (found < 0).all()
    np.testing.assert_allclose(np.exp(found), np.clip(raw, clip, 1 - clip), rtol=1e-5, atol=1e-7)
    for column in range(raw.shape[1]):
        alone = _decoded("probabilities", raw[:, [column]], "multilabel", clip)
        np.testing.assert_array_equal(alone[:, 0], found[:, column])


@given(raw=logits)
@settings(max_examples=60, deadline=None)
def test_logits_of_labels_go_through_a_sigmoid_each(raw: np.ndarray):
    """No logit is too large: log p and log(1 - p) are finite, and p + (1 - p) is 1."""
    yes, no = _decoded("logits", raw, "multilabel"), _decoded("logits", -raw, "multilabel")
    assert np.isfinite(yes).all()
    np.testing.assert_allclose(np.exp(yes) + np.exp(no), 1, atol=1e-6)


@given(raw=hnp.arrays(np.float32, st.integers(1, 6), elements=st.floats(-80, 80, width=32)))
@settings(max_examples=40, deadline=None)
def test_one_logit_says_what_two_do(raw: np.ndarray):
    """A single column, with or without its axis, is the second class's logit against 0."""
    both = _decoded("logits", np.stack([np.zeros_like(raw), raw], axis=1))
    np.testing.assert_allclose(_decoded("positive_logit", raw), both, atol=1e-5)
    np.testing.assert_array_equal(_decoded("positive_logit", raw[:, None]), _decoded("positive_logit", raw))


@given(raw=hnp.arrays(np.float32, st.integers(1, 6), elements=ratios))
@settings(max_examples=40, deadline=None)
def test_one_probability_says_what_two_do(raw: np.ndarray):
    """A single column, with or without its axis, is the second class's; the first has the rest."""
    both = _decoded("probabilities", np.stack([1 - raw, raw], axis=1))
    found = _decoded("positive_probability", raw)
    np.testing.assert_allclose(np.exp(found), np.exp(both), atol=1e-6)
    np.testing.assert_array_equal(_decoded("positive_probability", raw[:, None]), found)


@given(raw=hnp.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 4)), elements=ratios))
@settings(max_examples=40, deadline=None)
def test_pairs_of_each_label_say_what_one_matrix_does(raw: np.ndarray):
    """As one tensor or a list of them, the second of each pair is the label's probability."""
    pairs = np.stack([1 - raw.T, raw.T], axis=2)
    expected = _decoded("probabilities", raw, "multilabel")
    np.testing.assert_array_equal(_decoded("label_pairs", pairs, "multilabel"), expected)
    np.testing.assert_array_equal(_decoded("label_pairs", list(pairs), "multilabel"), expected)


def test_a_single_label_may_come_as_one_column():
    """A model of one label has one logit or probability an item, and no second class."""
    np.testing.assert_allclose(
        np.exp(_decoded("positive_probability", np.array([0.25]), "multilabel")), [[0.25]], rtol=1e-6
    )
    np.testing.assert_allclose(
        np.exp(_decoded("positive_logit", np.array([[0.0]]), "multilabel")), [[0.5]], rtol=1e-6
    )


@pytest.mark.parametrize(
    ("kind", "task", "k", "says"),
    [
        ("positive_logit", "multiclass", 3, "for two classes or one label, not for 3"),
        ("positive_probability", "multilabel", 2, "for two classes or one label, not for 2"),
        ("label_pairs", "binary", 2, "for multilabel models, this one is binary"),
    ],
)
def test_a_kind_that_does_not_fit_the_task_is_told(kind: OutputKind, task: Task, k: int, says: str):
    """One column cannot be three classes, and pairs are for labels."""
    assert says in str(OutputSpec("output", kind).problem(task, k))


@pytest.mark.parametrize(
    ("kind", "task", "k"),
    [
        ("logits", "multiclass", 3),
        ("probabilities", "multilabel", 1),
        ("positive_logit", "binary", 2),
        ("positive_probability", "multilabel", 1),
        ("label_pairs", "multilabel", 3),
    ],
)
def test_a_kind_that_fits_the_task_is_not(kind: OutputKind, task: Task, k: int):
    """What the test above refuses is allowed where it has a meaning."""
    assert OutputSpec("output", kind).problem(task, k) is None


@pytest.mark.parametrize(
    ("kind", "raw", "says"),
    [
        ("probabilities", np.array([[0.5, 1.2, 0.1]]), "from 0.1 to 1.2, which are no probabilities"),
        ("probabilities", np.array([[-2.5, 1.0, 0.1]]), "which are no probabilities; declare logits"),
        ("probabilities", np.array([[0.5, 0.5]]), r"shape (1, 2), expected (1, 3)"),
        ("logits", np.array([0.5, 0.5, 1.0]), r"shape (3,), expected (1, 3)"),
        ("positive_logit", np.array([[0.5, 0.5]]), r"shape (1, 2), expected (1,) or (1, 1)"),
        ("label_pairs", [np.ones((1, 2))] * 2, r"shape (2, 1, 2), expected (3, 1, 2)"),
    ],
    ids=["above 1", "below 0", "narrow", "flat", "wide", "pairs"],
)
def test_an_answer_that_its_kind_cannot_give_is_told(kind: OutputKind, raw: Any, says: str):
    """Scores declared as probabilities, and other shapes, are seen in a first answer."""
    assert says in str(OutputSpec("output", kind).problem_of(raw, 1, 3))


def test_an_answer_of_its_kind_has_no_problem():
    """Rounding may leave a probability a little outside; logits may be anything."""
    assert OutputSpec("output", "probabilities").problem_of(np.array([[1.0005, 0, 0]]), 1, 3) is None
    assert OutputSpec("output", "logits").problem_of(np.array([[90.0, -3, 0]]), 1, 3) is None


def test_the_measured_clip_is_half_of_the_least_vote():
    """A forest of 100 trees has zeros and nothing between them and 1 %: a zero counts as half a vote."""
    votes = np.array([[0.0, 0.01, 0.99], [0.2, 0.8, 0.0]], dtype=np.float32)
    assert measured_clip([votes]) == pytest.approx(0.005)
    assert measured_clip([votes[:1], votes[1:]]) == measured_clip([votes])


def test_without_a_zero_the_clip_is_out_of_the_way():
    """A boosted model means its 1e-6, so nothing is flattened."""
    assert measured_clip([np.array([[1e-6, 1 - 1e-6]])]) == CLIP


def test_the_measured_clip_stays_in_its_range():
    """Three neighbours and a broken graph still leave a class most of what it says."""
    assert measured_clip([np.array([[0.0, 1 / 3, 2 / 3]])]) == LARGEST_CLIP
    assert measured_clip([np.array([[0.0, 1.0]])]) == LARGEST_CLIP
    assert measured_clip([np.array([[0.0, 1e-30]])]) == CLIP
    assert measured_clip([]) == CLIP


@given(raw=probabilities)
@settings(max_examples=60, deadline=None)
def test_the_measured_clip_keeps_the_order(raw: np.ndarray):
    """Whatever is measured on the rows themselves, a 0 stays below all that the clip leaves."""
    clip = measured_clip([raw])
    assert CLIP <= clip <= LARGEST_CLIP
    found = _decoded("probabilities", raw, "multilabel", clip)
    visible = raw[(raw > clip) & (raw < 1 - clip)]
    if (raw == 0).any() and visible.size:
        assert found[raw == 0].max() < np.log(visible.min()) + 1e-6
