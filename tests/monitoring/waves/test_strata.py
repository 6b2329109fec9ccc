"""How draws are shared among sources and epochs: equal chances, whatever is held."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.waves.strata import Cell, Stratum, counts_since, shares, spread

CELLS = st.dictionaries(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 12)),
    st.tuples(st.integers(1, 500), st.integers(0, 40)),
    max_size=25,
)


def strata(cells: dict[Cell, tuple[int, int]], *, most: int = 30) -> dict[Cell, Stratum]:
    """Return strata of so many occurrences, of which the first few were drawn before."""
    found = {}
    for cell, (n, drawn) in sorted(cells.items()):
        rows = tuple(range(min(n, most)))
        found[cell] = Stratum(rows, n, frozenset(rows[:drawn]), most)
    return found


def drawn(given: dict[Cell, Stratum], total: int, seed: str = "s") -> Counter[Cell]:
    """Return how many are drawn of each cell."""
    return Counter(
        {
            cell: n
            for share in shares(given, total, seed=seed)
            for cell, n in spread(share, given, seed=seed).items()
        }
    )


@settings(max_examples=200, deadline=None)
@given(cells=CELLS, total=st.integers(0, 200), seed=st.text(max_size=4))
def test_every_cell_has_its_part_of_the_draws_up_to_one(
    cells: dict[Cell, tuple[int, int]], total: int, seed: str
) -> None:
    """Never more than may be drawn; the exact part, rounded; and a share has all its draws."""
    given = strata(cells)
    for share in shares(given, total, seed=seed):
        found = spread(share, given, seed=seed)
        assert sum(found.values()) == share.draws
        assert share.left == sum(given[cell].left for cell in share.cells)
        for cell, n in found.items():
            assert 0 <= n <= given[cell].able
            assert abs(n - share.chance * given[cell].left) < 1 + 1e-9
    # Together no more than asked, unless one each is more.
    sources = {source for source, _ in given}
    assert sum(drawn(given, total, seed).values()) <= max(total, len(sources))


@settings(max_examples=200, deadline=None)
@given(cells=CELLS, total=st.integers(0, 200))
def test_a_share_leaves_out_no_epoch_that_nobody_drew_from(
    cells: dict[Cell, tuple[int, int]], total: int
) -> None:
    """What is left out is only what an earlier batch is a sample of."""
    given = strata(cells)
    kept = {cell for share in shares(given, total, seed="s") for cell in share.cells}
    assert all(given[cell].before for cell in given if cell not in kept)


def test_a_day_holds_as_many_draws_as_anybody_labels() -> None:
    """144 epochs and two sources, thirty of each held: 2,000 are drawn with one chance."""
    given = strata({(source, epoch): (n, 0) for source, n in (("a", 70), ("b", 30)) for epoch in range(144)})
    (share,) = shares(given, 2_000, seed="s")
    assert share.draws == 2_000
    assert share.chance == 2_000 / 14_400
    assert Counter(source for (source, _), n in drawn(given, 2_000).items() for _ in range(n)) == {
        "a": 1_400,
        "b": 600,
    }


def test_where_one_epoch_had_most_of_the_traffic_there_are_fewer_draws() -> None:
    """Equal chances come first: of 900 in one epoch thirty are held, so of all 1,000 it is 33."""
    given = strata({("a", 0): (900, 0), ("a", 1): (50, 0), ("a", 2): (50, 0)})
    (share,) = shares(given, 300, seed="s")
    assert (share.draws, share.left) == (33, 1_000)


def test_an_epoch_that_earlier_batches_used_up_is_left_to_them() -> None:
    """One more draw than it has left would cost the others theirs."""
    given = strata({("a", 0): (900, 30), ("a", 1): (300, 0), ("a", 2): (300, 10)})
    (share,) = shares(given, 30, seed="s")
    assert sorted(share.cells) == [("a", 1), ("a", 2)]
    assert (share.draws, share.left) == (30, 590)


def test_a_source_too_small_for_a_draw_has_one_of_its_own() -> None:
    """The others keep one chance in common, so their labels weigh the same."""
    given = strata({("big", 0): (600, 0), ("big", 1): (300, 0), ("mid", 1): (100, 0), ("tiny", 1): (4, 0)})
    alone, common = shares(given, 15, seed="s")
    assert (alone.cells, alone.chance) == ((("tiny", 1),), 0.25)
    assert common.chance == pytest.approx(14 / 1_000)


def test_over_seeds_each_cell_is_drawn_in_proportion() -> None:
    """Rounding is fair: over 4,000 seeds the mean of each cell is its exact part, within 4 s.e."""
    sizes = {("a", epoch): (n, 0) for epoch, n in enumerate((3, 11, 29, 57, 100))}
    given = strata(sizes, most=200)
    found = np.array([[drawn(given, 9, str(seed))[cell] for cell in given] for seed in range(4_000)])
    exact = np.array([9 * n / 200 for n, _ in sizes.values()])
    fraction = exact % 1
    error = np.sqrt(fraction * (1 - fraction) / 4_000)
    assert (np.abs(found.mean(axis=0) - exact) <= 4 * error + 1e-9).all()


@pytest.mark.parametrize(
    ("since", "least", "left"),
    [
        (100.0, 10, {"a": {2: 9, 3: 4}, "b": {}}),
        (100.1, 4, {"a": {3: 4}, "b": {}}),
        (100.1, 5, None),
        (200.0, 0, None),
    ],
    ids=["as it begins", "within an epoch", "too few after", "none after"],
)
def test_what_is_drawn_is_of_epochs_after_the_traffic_moved(
    since: float, least: int, left: dict[str, dict[int, int]] | None
) -> None:
    """Of whole ones only; of all where those after it have too few occurrences."""
    counts = {"a": {1: 5, 2: 9, 3: 4}, "b": {1: 7}}
    assert counts_since(counts, since, seconds=50.0, least=least) == (counts if left is None else left)
