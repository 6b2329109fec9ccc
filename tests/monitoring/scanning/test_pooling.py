"""Rare categories are pooled until each group holds enough, and nothing gets lost."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.scanning.pooling import POOL_ITEMS, Cells, Pooled, grouped

NONE = np.zeros((1, 1))
ONE = np.ones((1, 1))


def cells(counts: np.ndarray, reference: np.ndarray, *, phi: np.ndarray | None = None) -> Cells:
    """Return the cells of windows of a mix, the reference's items being its counts' sum."""
    a, r = counts.astype(float), reference[None].astype(float)
    inflation = ONE if phi is None else phi
    n, m = a.sum(axis=1, keepdims=True), r.sum(axis=1, keepdims=True)
    return Cells(a, n, r, m, inflation, ONE, inflation, ONE, NONE, NONE, np.ones((1, 1), dtype=np.bool_))


def effective(groups: Cells) -> np.ndarray:
    """Return the effective items of each group."""
    return groups.share / (groups.phi / groups.n + groups.phi_reference / groups.m)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 60), st.sampled_from([0.1, 0.5, 3.0]))
def test_every_group_holds_enough_and_nothing_is_lost(seed: int, n_categories: int, evenness: float):
    """Whatever the mix and the size of the window, unless all of it is too little for two groups."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(n_categories, evenness))
    counts = np.stack([rng.multinomial(n, shares) for n in (20, 60, 200, 3_000)])
    groups = grouped(cells(counts, rng.multinomial(5_000, shares)))
    assert (groups.a.sum(axis=1) == counts.sum(axis=1)).all()
    several = groups.there.sum(axis=1, keepdims=True) > 1
    assert (effective(groups)[groups.there & several] >= POOL_ITEMS - 1e-9).all()


def test_common_categories_stay_alone():
    """Only the rare ones are put together, rarest in the reference first."""
    groups = grouped(cells(np.array([[400, 300, 2, 3, 1, 2]]), np.array([4_000, 3_000, 20, 30, 10, 20])))
    assert sorted(groups.a[groups.there].tolist()) == [8.0, 300.0, 400.0]


def test_a_category_that_is_new_in_the_window_is_looked_at_alone():
    """It is rare in the reference, but not here."""
    groups = grouped(cells(np.array([[400, 300, 80, 2, 9]]), np.array([4_000, 3_000, 0, 20, 30])))
    assert 80.0 in groups.a[groups.there].tolist()


def test_a_group_varies_on_average_as_its_categories_and_at_most_as_the_worst():
    """The mean is by share, the largest is that of any category."""
    phi = np.array([[1.0, 1.0, 2.0, 6.0]])
    groups = grouped(cells(np.array([[500, 400, 9, 27]]), np.array([5_000, 4_000, 90, 270]), phi=phi))
    rare = groups.a[0].tolist().index(36.0)
    assert groups.phi[0, rare] > 3.0
    assert groups.largest[0, rare] == 6.0


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(3, 60),
    st.sampled_from([0.1, 0.5, 3.0]),
    st.booleans(),
)
def test_groups_side_by_side_are_those_of_each_row(
    seed: int, n_categories: int, evenness: float, clumped: bool
):
    """Together with the categories that stay alone: their counts, their shares and how much they vary."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.full(n_categories, evenness))
    counts = np.stack([rng.multinomial(n, shares) for n in (4, 20, 60, 200, 3_000, 100_000)])
    phi = rng.uniform(1.0, 3.0, counts.shape) if clumped else None
    every = cells(counts, rng.multinomial(5_000, shares), phi=phi)
    groups, pools = grouped(every), Pooled.of(every)
    assert pools is not None
    alone = np.ones(counts.size, dtype=bool)
    alone[pools.members] = False
    for row in range(len(counts)):
        there, own = groups.there[row], pools.rows == row
        single = np.flatnonzero(alone.reshape(counts.shape)[row])
        assert pools.count[row] == there.sum() == own.sum() + len(single)
        for name in ("a", "r", "phi"):
            by_group, side_by_side, by_category = (
                np.broadcast_to(getattr(x, name), x.a.shape) for x in (groups, pools.groups, every)
            )
            kept = by_category[row if len(by_category) > 1 else 0][single]
            found = np.concatenate([side_by_side[0][own], kept])
            assert np.sort(found) == pytest.approx(np.sort(by_group[row][there]), rel=1e-9)


def test_a_row_is_grouped_alike_from_what_is_known_of_it():
    """Nothing depends on who asked first which categories belong together."""
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.full(30, 0.5))
    every = cells(np.stack([rng.multinomial(n, shares) for n in (20, 200)]), rng.multinomial(5_000, shares))
    pools = Pooled.of(every)
    assert pools is not None
    assert (grouped(every, pools.by_worth).a == grouped(every).a).all()


def test_where_no_category_is_rare_there_are_no_groups():
    """Long windows need no pooling."""
    shares = np.array([0.9, 0.08, 0.02])
    assert Pooled.of(cells(1_000 * 50 * shares[None], shares * 100_000)) is None
    assert Pooled.of(cells(50 * shares[None], shares * 100_000)) is not None
