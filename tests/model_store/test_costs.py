"""Tests of `model_store.costs`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.bundles.canonical import canonical_json
from model_store.costs import Costs, CostsError, binary_threshold, read_costs

CLASSES = ("ham", "spam")
WELL = "true,ham,spam,review\nham,0,20,1\nspam,5,0,1\n"


def _file(tmp_path: Path, content: str) -> Path:
    path = tmp_path / "costs.csv"
    path.write_text(content, encoding="utf-8")
    return path


def _drawn(k: int, rng: np.random.Generator, *, review: float | None = None) -> Costs:
    matrix = rng.uniform(0, 10, (k, k))
    np.fill_diagonal(matrix, 0)
    return Costs(tuple(f"c{i}" for i in range(k)), matrix, review)


def test_a_file_of_costs_is_a_table_by_true_class_and_answer(tmp_path: Path):
    """Row: true class; column: the answer; what a review costs stands beside them."""
    costs = read_costs(_file(tmp_path, WELL), CLASSES)
    assert costs.matrix.tolist() == [[0, 20], [5, 0]]
    assert costs.review == 1
    assert costs.classes == CLASSES


def test_rows_and_columns_may_stand_in_any_order(tmp_path: Path):
    """They are found by name, spaces around it aside; without a review column nobody reviews."""
    costs = read_costs(_file(tmp_path, "x, spam, ham\nspam, 0, 5\nham, 20, 0\n"), CLASSES)
    assert costs.matrix.tolist() == [[0, 20], [5, 0]]
    assert costs.review is None


def test_a_class_called_review_is_a_class(tmp_path: Path):
    """Its column holds what that answer costs."""
    costs = read_costs(_file(tmp_path, "true,review,ham\nreview,0,3\nham,4,0\n"), ("ham", "review"))
    assert costs.matrix.tolist() == [[0, 4], [3, 0]]
    assert costs.review is None


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(
            "true,ham\nham,0\nspam,5\n", "no column for 'spam'; expected one for every", id="column"
        ),
        pytest.param("true,ham,spam\nham,0,20\n", "no row for 'spam'", id="row"),
        pytest.param(
            "true,ham,spam,eggs\nham,0,20,1\nspam,5,0,1\n",
            "a column for unknown 'eggs'; expected 'ham', 'spam'",
            id="unknown column",
        ),
        pytest.param(
            "true,ham,spam\nham,0,20\nspam,5,0\neggs,1,1\n", "a row for unknown 'eggs'", id="unknown row"
        ),
        pytest.param("true,ham,spam\nham,0,20\nham,5,0\n", "two rows for 'ham'", id="twice"),
        pytest.param(
            "true,ham,spam\nham,0,dear\nspam,5,0\n", "row 'ham', column 'spam' is 'dear'", id="word"
        ),
        pytest.param("true,ham,spam\nham,0,\nspam,5,0\n", "row 'ham', column 'spam' is ''", id="empty cell"),
        pytest.param("true,ham,spam\nham,0,-2\nspam,5,0\n", "calling 'ham' 'spam' costs -2", id="negative"),
        pytest.param("true,ham,spam\nham,0,nan\nspam,5,0\n", "calling 'ham' 'spam' costs nan", id="nan"),
        pytest.param("true,ham,spam\nham,0,inf\nspam,5,0\n", "costs inf", id="infinite"),
        pytest.param("true,ham,spam\nham,0,0\nspam,0,0\n", "all 0", id="zero"),
        pytest.param("true,ham,spam,review\nham,0,1,-1\nspam,1,0,-1\n", "a review costs -1", id="review"),
        pytest.param("true,ham,spam,review\nham,0,1,1\nspam,1,0,2\n", "holds 1 and 2", id="two reviews"),
        pytest.param("true,ham,spam\nham,0,1,3\nspam,1,0\n", "4 cells where the header has 3", id="ragged"),
        pytest.param("", "empty", id="empty"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(content: str, said: str, tmp_path: Path):
    """The error names the file, the place and what is expected."""
    path = _file(tmp_path, content)
    with pytest.raises(Exception, match=said) as raised:
        read_costs(path, CLASSES)
    assert str(raised.value).startswith(str(path))
    assert "\n" not in str(raised.value)


def test_a_matrix_of_another_shape_is_refused():
    """The error says both shapes."""
    with pytest.raises(CostsError, match="costs are 2 x 3; expected 2 x 2"):
        Costs(CLASSES, np.ones((2, 3)))


@given(k=st.integers(2, 6), n=st.integers(1, 8), seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_the_bayes_decision_is_the_formula_written_out(k: int, n: int, seed: int):
    """argmin_j sum_k p_k C[k, j], and what it costs."""
    rng = np.random.default_rng(seed)
    costs, p = _drawn(k, rng), rng.dirichlet(np.ones(k), n).astype(np.float32)
    label, cost = costs.bayes(p)
    for i in range(n):
        by_hand = [sum(float(p[i, true]) * costs.matrix[true, j] for true in range(k)) for j in range(k)]
        assert by_hand[label[i]] == pytest.approx(min(by_hand), rel=1e-6)
        assert cost[i] == pytest.approx(min(by_hand), rel=1e-6)
    assert (label.dtype, cost.dtype) == (np.int32, np.float32)


@given(k=st.integers(2, 40), n=st.integers(2, 40), seed=st.integers(0, 10_000))
@settings(max_examples=60, deadline=None)
def test_an_expected_cost_does_not_depend_on_the_rows_beside_it(k: int, n: int, seed: int):
    """One item alone gets the very bytes it gets in a batch."""
    rng = np.random.default_rng(seed)
    costs, p = _drawn(k, rng), rng.dirichlet(np.ones(k), n).astype(np.float32)
    alone = np.concatenate([costs.expected(p[i : i + 1]) for i in range(n)])
    assert alone.tobytes() == costs.expected(p).tobytes()


def test_ties_go_to_the_rarer_class():
    """Where two answers cost the same."""
    costs = Costs(CLASSES, np.array([[0.0, 1.0], [1.0, 0.0]]))
    even = np.array([[0.5, 0.5]], dtype=np.float32)
    assert costs.bayes(even, np.array([1, 0]))[0].tolist() == [1]
    assert costs.bayes(even, np.array([0, 1]))[0].tolist() == [0]


@given(false_positive=st.floats(0.01, 100), false_negative=st.floats(0.01, 100), p=st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_with_two_classes_the_bayes_decision_is_one_threshold(
    false_positive: float, false_negative: float, p: float
):
    """c_FP / (c_FP + c_FN): above it the second class is the cheaper answer, below it the first."""
    costs = Costs(CLASSES, np.array([[0.0, false_positive], [false_negative, 0.0]]))
    threshold = binary_threshold(costs)
    assert threshold == pytest.approx(false_positive / (false_positive + false_negative))
    if abs(p - threshold) > 1e-5:
        assert costs.bayes(np.array([[1 - p, p]]))[0].tolist() == [int(p > threshold)]


@given(p=st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_right_answers_may_cost_something_too(p: float):
    """Only what a mistake costs more than the right answer counts."""
    costs = Costs(CLASSES, np.array([[1.0, 4.0], [7.0, 2.0]]))
    assert binary_threshold(costs) == 3 / 8
    if abs(p - 3 / 8) > 1e-5:
        assert costs.bayes(np.array([[1 - p, p]]))[0].tolist() == [int(p > 3 / 8)]


def test_no_threshold_follows_where_mistakes_are_cheaper_or_classes_are_many():
    """The error says which."""
    with pytest.raises(CostsError, match="less than the right one"):
        binary_threshold(Costs(CLASSES, np.array([[5.0, 1.0], [1.0, 0.0]])))
    with pytest.raises(CostsError, match="costs of 3 classes"):
        binary_threshold(_drawn(3, np.random.default_rng(0)))


def test_json_round_trip_keeps_every_bit():
    """The classes stand beside it in the policy."""
    costs = _drawn(3, np.random.default_rng(1), review=0.1)
    content = canonical_json(costs.to_json())
    again = Costs.from_json(json.loads(content), costs.classes)
    assert canonical_json(again.to_json()) == content
    assert (again.matrix == costs.matrix).all()


@pytest.mark.parametrize(
    "data",
    [
        None,
        {"matrix": [[0, 1], [1, 0]]},
        {"matrix": [[0, 1], [1]], "review": None},
        {"matrix": [["0", "1"], ["1", "0"]], "review": None},
        {"matrix": [[0, -1], [1, 0]], "review": None},
        {"matrix": [[0, 1], [1, 0]], "review": "much"},
    ],
)
def test_a_malformed_entry_is_refused_by_name(data: Any):
    """It says that the costs of the policy are meant."""
    with pytest.raises(ValueError, match="costs"):
        Costs.from_json(data, CLASSES)
