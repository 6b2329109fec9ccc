"""Marks of rows: the same for what is alike, other ones for what lies outside, and never a value itself."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.contents import content_of
from model_store.data.rowmarks import N_CUTS, Binning, values_of
from model_store.data.wordmarks import COLUMNS, MOST_KEPT, NO_MARK, PER_TEXT
from model_store.graphs.values import Column

COLUMNS_OF = (
    Column("age", "float", missing=True),
    Column("visits", "integer"),
    Column("channel", "text"),
    Column("urgent", "boolean"),
)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.none() | st.floats(-1e9, 1e9),
            "visits": st.integers(-(10**12), 10**12),
            "channel": st.none() | st.text(max_size=5),
            "urgent": st.booleans(),
        }
    ),
    max_size=8,
)


def known(n: int = 200, *, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows as the labelled ones are."""
    rng = np.random.default_rng(seed)
    return [
        {
            "age": float(rng.normal(40, 10)),
            "visits": int(rng.poisson(3)),
            "channel": str(rng.choice(["web", "shop"])),
            "urgent": bool(rng.random() < 0.2),
        }
        for _ in range(n)
    ]


@pytest.fixture
def binning() -> Binning:
    """Return bins of some rows."""
    return Binning.of(COLUMNS_OF, known())


def marks_of(binning: Binning, row: dict[str, Any]) -> set[int]:
    """Return the marks of one row."""
    return set(binning.marks([row])[0].tolist()) - {NO_MARK}


@settings(max_examples=60, deadline=None)
@given(rows=ROWS)
def test_a_row_has_a_mark_a_column_and_a_pair_each_once(rows: list[dict[str, Any]]) -> None:
    """Four columns and six pairs, fewer only where two hash alike; they all fit a matrix."""
    found = Binning.of(COLUMNS_OF, known()).marks(rows)
    assert found.shape == (len(rows), PER_TEXT)
    for row in found:
        there = row[row != NO_MARK]
        assert 8 <= len(there) == len(set(there.tolist())) <= 10
        assert (there < COLUMNS).all()


@settings(max_examples=60, deadline=None)
@given(rows=ROWS, others=ROWS)
def test_a_row_is_marked_alike_whatever_is_beside_it(
    rows: list[dict[str, Any]], others: list[dict[str, Any]]
) -> None:
    """Marks are a row's own, and those of its content are those of the row."""
    binning = Binning.of(COLUMNS_OF, known())
    written = [values_of(content_of(row)) for row in rows]
    np.testing.assert_array_equal(binning.marks(rows), binning.marks([*written, *others])[: len(rows)])


def test_cells_are_marked_like_values(binning: Binning) -> None:
    """A file says the same in letters."""
    row = {"age": 41.5, "visits": 3, "channel": "web", "urgent": True}
    cells = {"age": " 41.5", "visits": "3.0", "channel": "web", "urgent": "true"}
    assert marks_of(binning, row) == marks_of(binning, cells)
    gap = {"age": None, "visits": 3, "channel": None, "urgent": True}
    empty = {"age": "", "visits": "3", "channel": "  ", "urgent": "1"}
    assert marks_of(binning, gap) == marks_of(binning, empty) == marks_of(binning, {**gap, "age": "nan"})


def test_near_numbers_share_marks_and_outliers_do_not(binning: Binning) -> None:
    """A number is told by its bin; nearly nothing that was labelled lies beyond the ends, on either side."""
    row = known(1)[0]
    usual, near, above, far, below, gap = (
        marks_of(binning, {**row, "age": age}) for age in (40.0, 40.01, 500.0, 1e12, -500.0, None)
    )
    assert usual == near
    assert above == far
    for each in (above, below, gap):
        assert len(each - usual) >= 4  # of itself, and of its pairs with three others
    assert above != below


def test_a_whole_number_no_float_holds_is_a_missing_one(binning: Binning) -> None:
    """Nothing fails; no model takes it either."""
    row = known(1)[0]
    assert marks_of(binning, {**row, "visits": 10**400}) == marks_of(binning, {**row, "visits": None})


def test_numbers_near_the_largest_of_all_can_be_cut() -> None:
    """Between two of them there is no difference that a float holds; the cuts are finite all the same."""
    rows = [{"age": sign * 1.7e308} for sign in (-1, 1)]
    binning = Binning.of((Column("age", "float"),), rows)
    low, high = binning.marks(rows)
    assert np.isfinite(binning.cuts).all()
    assert (low != high).any()


def test_of_a_wide_table_the_first_columns_are_marked() -> None:
    """Sixty-four; the others change nothing."""
    columns = tuple(Column(f"c{i}", "float") for i in range(100))
    row = {column.name: float(i) for i, column in enumerate(columns)}
    binning = Binning.of(columns, [row])
    assert len(marks_of(binning, row)) > 55
    assert marks_of(binning, {**row, "c99": -5.0}) == marks_of(binning, row)
    assert marks_of(binning, {**row, "c0": -5.0}) != marks_of(binning, row)


def test_pairs_are_of_all_columns_alike() -> None:
    """Of thirty columns some pairs fit, and not those of the first columns alone."""
    columns = tuple(Column(f"c{i}", "text") for i in range(30))
    row = dict.fromkeys((column.name for column in columns), "a")
    binning = Binning.of(columns, [])
    changed = {
        name: len(marks_of(binning, {**row, name: "b"}) - marks_of(binning, row)) for name in ("c0", "c29")
    }
    assert all(1 < n < 10 for n in changed.values())


@pytest.mark.parametrize("n", [0, 5, MOST_KEPT + 1])
def test_some_rows_of_many_are_kept(binning: Binning, n: int) -> None:
    """At most 4,000."""
    assert len(binning.kept([known(1)[0]] * n)) == min(n, MOST_KEPT)


@pytest.mark.parametrize("content", ["", "[1]", "hello", "3"])
def test_what_is_no_row_has_no_values(content: str, binning: Binning) -> None:
    """Nothing is missing that was there: every column is."""
    assert values_of(content) == {}
    assert marks_of(binning, values_of(content))


@pytest.mark.parametrize(
    "cuts",
    [
        np.zeros((1, N_CUTS)),
        np.zeros((2, N_CUTS - 1)),
        np.full((2, N_CUTS), np.nan),
        np.tile(np.arange(N_CUTS)[::-1], (2, 1)),
    ],
    ids=["a column too few", "too few", "not finite", "descending"],
)
def test_cuts_of_something_else_are_refused(cuts: np.ndarray) -> None:
    """They would mark everything wrongly, and nobody would see."""
    with pytest.raises(ValueError, match="cuts"):
        Binning(COLUMNS_OF, cuts.astype(np.float64))
