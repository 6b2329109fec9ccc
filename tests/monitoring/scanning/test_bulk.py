"""What most of a baseline's rows say, without the few that are not believed."""

import numpy as np
import pytest

from monitoring.scanning.bulk import (
    blocks,
    bulk_chain,
    bulk_inflation,
    by_span,
    shares_of,
    surprise,
    surprise_bound,
)
from monitoring.scanning.spans import Span


def test_blocks_are_sums_of_rows_each_half_over_the_one_before():
    """Single rows are themselves; longer blocks overlap by half."""
    rows = np.arange(6)[:, None]
    assert blocks(rows, 1)[:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert blocks(rows, 4)[:, 0].tolist() == [6, 14]


def test_the_bulk_of_independent_rows_varies_as_independent_items_do():
    """Its inflation is 1, and a few rows of nothing but one class do not change that."""
    rng = np.random.default_rng(1)
    counts = rng.multinomial(50, [0.7, 0.2, 0.1], size=1_000)
    counts[::200] = [0, 50, 0]
    items = np.full(counts.shape, 50.0)
    shares = np.array([0.7, 0.2, 0.1])
    assert bulk_inflation(counts.astype(float), items, shares) == pytest.approx(1.0, abs=0.1)


def test_the_inflation_of_rows_in_which_everything_comes_four_times_is_four():
    """Copies multiply the variance."""
    counts = 4.0 * np.random.default_rng(2).multinomial(50, [0.7, 0.2, 0.1], size=1_000)
    found = bulk_inflation(counts, np.full(counts.shape, 200.0), np.array([0.7, 0.2, 0.1]))
    assert found == pytest.approx(4.0, rel=0.1)


def test_columns_too_rare_to_tell_take_what_longer_blocks_say():
    """A chain begins with the first measured value and never falls."""
    rng = np.random.default_rng(3)
    counts = 4 * rng.binomial(5, 0.04, size=(800, 1))
    items, shares = np.full(counts.shape, 20), np.array([0.04])
    assert bulk_inflation(counts.astype(float), items.astype(float), shares) is None
    chain = bulk_chain(counts, items, shares, [1, 2, 4])
    assert chain[0] == chain[1] > 2.5  # 4, less what is trimmed
    assert chain == sorted(chain)


def test_shares_are_never_nothing_nor_everything():
    """Odds of them are finite."""
    shares = shares_of(np.array([[0, 9], [0, 11]]), np.array([[9, 9], [11, 11]]))
    assert (shares > 0.0).all()
    assert (shares < 1.0).all()


def test_surprise_grows_with_the_gap_and_shrinks_with_the_inflation():
    """Twenty of twenty items of a class of 4 % are impossible, unless items come in clumps of twenty."""
    counts, items, shares = np.array([[1.0], [5.0], [20.0]]), np.full((3, 1), 20.0), np.array([0.04])
    plain = surprise(counts, items, shares, inflation=1.0, n_columns=1)[:, 0]
    clumped = surprise(counts, items, shares, inflation=20.0, n_columns=1)[:, 0]
    assert plain[2] > 50.0 > plain[1] > plain[0]
    assert clumped[2] < 10.0


def test_values_of_spans_go_to_their_columns():
    """A value a span becomes a value a column."""
    spans = (Span("mix", 0, 2), Span("cuts", 2, 3))
    assert by_span(spans, [1.0, 2.0]).tolist() == [1.0, 1.0, 2.0]


@pytest.mark.parametrize("inflation", [1.0, 4.0], ids=["independent", "repeats"])
def test_no_surprise_is_above_its_bound(inflation: float):
    """From nothing to a bucket full of a column, of few items and of many, rare or common."""
    items, part, shares = np.meshgrid([1, 7, 50, 10_000], np.linspace(0, 1, 41), [1e-4, 0.02, 0.5, 0.97])
    counts, items, shares = (x.ravel().astype(float) for x in (np.floor(part * items), items, shares))
    exact = surprise(counts, items, shares, inflation=inflation, n_columns=20)
    bound = surprise_bound(counts, items, shares, n_columns=20)
    told = exact > 0.0
    assert (exact[told] <= bound[told]).all()
    assert exact.max() > 100.0
