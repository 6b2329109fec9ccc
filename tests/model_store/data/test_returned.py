"""Tests of `model_store.data.returned`."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_store.data.returned import Returned
from model_store.data.rows import Rows


def back(strata: str, **given: Any) -> Returned:
    """Return rows of one batch: c(ertainty), e(xploration) or p(artial), one letter each."""
    n = len(strata)
    names = {"c": "certainty", "e": "exploration", "p": "exploration-partial"}
    rows = Rows(
        texts=tuple(f"text {i}" for i in range(n)),
        labels=given.get("labels", ("x",) * n),
        ids=tuple(f"k{i}" for i in range(n)),
        weights=given.get("weights", tuple(0.0 if s == "c" else 5.0 for s in strata)),
        strata=tuple(names[s] for s in strata),
    )
    yes = np.ones(n, np.bool_)
    return Returned(
        rows, given.get("batches", ("b",) * n), given.get("whole", yes), given.get("present", yes)
    )


def test_chosen_rows_train_and_explored_ones_are_evidence() -> None:
    """No row is both, and a partial draw estimates without proving."""
    found = back("ccepe")
    assert found.training.tolist() == [0, 1]
    assert found.explored.tolist() == [2, 3, 4]
    assert found.proving.tolist() == [2, 4]


def test_what_was_drawn_before_the_traffic_moved_trains() -> None:
    """It is a sample of other traffic, so it cannot be evidence."""
    found = back("cee", present=np.array([False, False, True]))
    assert found.training.tolist() == [0, 1]
    assert found.explored.tolist() == found.proving.tolist() == [2]


def test_what_was_drawn_twice_trains_once() -> None:
    """With the later label, whatever came of the first."""
    found = back("eec", present=np.zeros(3, np.bool_))
    rows = replace(found.rows, texts=("same words", "same words", "text"), labels=("x", "y", "x"))
    assert replace(found, rows=rows).training.tolist() == [1, 2]


def test_a_draw_with_gaps_proves_nothing() -> None:
    """Its rows estimate all the same."""
    found = back("ee", whole=np.array([False, False]))
    assert (found.explored.tolist(), found.proving.tolist()) == ([0, 1], [])


def test_none_of_these_never_trains() -> None:
    """As evidence it stays: it is where a false alarm shows."""
    found = back("cce", labels=("none_of_these", "x", "none_of_these"))
    assert (found.training.tolist(), found.explored.tolist()) == ([1], [2])
    assert found.unnamed.tolist() == [True, False, True]


def test_weights_have_mean_one_in_each_batch() -> None:
    """Between batches the number of draws counts, not how large the traffic was."""
    found = back("eeee", weights=(10.0, 30.0, 7.0, 7.0), batches=("a", "a", "b", "b"))
    weights = found.weights_of(found.explored)
    assert weights is not None
    assert weights.tolist() == [0.5, 1.5, 1.0, 1.0]
    assert back("ee").weights_of(np.array([0, 1])) is None
    assert found.weights_of(np.zeros(0, np.intp)) is None


def test_unequal_chances_are_evened_out_by_leaving_rows_out() -> None:
    """A source that was drawn four times as often keeps a quarter; the other keeps all."""
    n = 4_000
    found = back("e" * 2 * n, weights=(10.0,) * n + (40.0,) * n)
    kept = found.proving
    assert (kept >= n).sum() == n
    assert (kept < n).sum() == pytest.approx(n / 4, abs=4 * np.sqrt(n * 0.25 * 0.75))


def test_equal_chances_lose_nothing() -> None:
    """Also where a file rounded them."""
    found = back("eee", weights=(1 / 0.0299999, 1 / 0.03, 1 / 0.0300000))
    assert len(found.proving) == 3


@given(st.lists(st.sampled_from("cep"), max_size=30), st.integers(0, 2**30))
def test_no_row_both_trains_and_proves(strata: list[str], bits: int) -> None:
    """Whatever is whole or present; and what proves is explored."""
    n = len(strata)
    flags = np.array([bool(bits >> i & 1) for i in range(n)], np.bool_)
    found = back("".join(strata), present=flags, whole=~flags if bits % 2 else flags)
    assert not set(found.training.tolist()) & set(found.explored.tolist())
    assert set(found.proving.tolist()) <= set(found.explored.tolist())
    assert not any(strata[i] == "c" for i in found.explored)
