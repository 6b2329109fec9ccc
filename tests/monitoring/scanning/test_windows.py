"""The exponential histogram: exact, bounded, and the same however the counts arrived."""

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.scanning.windows import Windows, WindowSet, category_counts, drift_categories

BUCKETS = st.lists(st.lists(st.integers(0, 30), min_size=3, max_size=3), min_size=1, max_size=120)


def filled(buckets: Sequence[npt.ArrayLike], *, cap: int = 4, max_buckets: int | None = None) -> Windows:
    """Return windows that took in `buckets`, ten seconds each."""
    windows = Windows(3, cap=cap, max_buckets=max_buckets)
    for number, counts in enumerate(buckets):
        windows.add(counts, start=10.0 * number)
    return windows


def same(one: WindowSet, other: WindowSet) -> bool:
    """Return whether two sets of windows are equal to the last bit."""
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in WindowSet.__slots__)


@settings(max_examples=60, deadline=None)
@given(BUCKETS, st.integers(2, 5))
def test_every_window_is_the_exact_sum_of_the_newest_buckets(buckets: list[list[int]], cap: int):
    """Window counts and starts are those of the newest buckets with items, to the unit."""
    windows = filled(buckets, cap=cap).suffixes()
    kept = [(number, counts) for number, counts in enumerate(buckets) if any(counts)]
    for length, counts, start in zip(windows.lengths, windows.counts, windows.starts, strict=True):
        newest = kept[-length:]
        assert counts.tolist() == np.sum([c for _, c in newest], axis=0).tolist()
        assert start == 10.0 * newest[0][0]
    assert (windows.lengths[-1] if len(windows.lengths) else 0) == len(kept)


@settings(max_examples=60, deadline=None)
@given(BUCKETS, st.integers(2, 5))
def test_lengths_are_powers_of_two_at_most_cap_of_each_the_newest_the_shortest(
    buckets: list[list[int]], cap: int
):
    """The structure that bounds memory and leaves no gap between window lengths."""
    lengths = [entry["length"] for entry in filled(buckets, cap=cap).to_json()["entries"]]
    assert lengths == sorted(lengths, reverse=True)
    assert all(length & (length - 1) == 0 for length in lengths)
    assert all(lengths.count(length) <= cap for length in lengths)
    assert all(lengths.count(2**j) >= cap - 1 for j in range(max(lengths, default=1).bit_length() - 1))


def test_memory_grows_with_the_logarithm_of_time():
    """Sixty windows after 1,000 buckets and about as many more for each further factor of 1,000."""
    windows = Windows(1)
    sizes = {}
    for number in range(1, 100_001):
        windows.add([1], start=float(number))
        if number in (1_000, 100_000):
            sizes[number] = len(windows.suffixes().lengths)
    assert sizes[1_000] <= 60
    assert sizes[100_000] <= 110


@pytest.mark.parametrize("buckets", [1, 2, 3, 4, 40, 41, 42, 43])
def test_every_second_window_has_the_shortest_and_the_longest(buckets: int):
    """What they hold is what the whole set has of them."""
    windows = filled([[k, 1, 0] for k in range(1, buckets + 1)])
    every, some = windows.suffixes(), windows.suffixes(step=2)
    assert (some.lengths[0], some.lengths[-1]) == (every.lengths[0], every.lengths[-1])
    assert len(some.lengths) == len(every.lengths) // 2 + 1
    at = np.searchsorted(every.lengths, some.lengths)
    assert (every.lengths[at] == some.lengths).all()
    assert (every.counts[at] == some.counts).all()
    assert (every.starts[at] == some.starts).all()


@settings(max_examples=40, deadline=None)
@given(BUCKETS)
def test_a_json_round_trip_restores_everything_and_goes_on_alike(buckets: list[list[int]]):
    """A restored snapshot is equal, and stays equal after more buckets."""
    windows = filled(buckets)
    restored = Windows.from_json(json.loads(json.dumps(windows.to_json())))
    assert same(windows.suffixes(), restored.suffixes())
    for number in range(9):
        for each in (windows, restored):
            each.add([number, 1, 0], start=5_000.0 + number)
    assert same(windows.suffixes(), restored.suffixes())
    assert windows.to_json() == restored.to_json()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=1, max_size=4), min_size=1
    )
)
def test_counts_of_several_workers_add_up_to_those_of_one(buckets: list[list[list[int]]]):
    """However a bucket's items were spread over workers, the merged bucket gives the same windows."""
    merged = filled([np.sum(workers, axis=0) for workers in buckets])
    shuffled = filled([np.sum(workers[::-1], axis=0) for workers in buckets])
    assert same(merged.suffixes(), shuffled.suffixes())
    assert merged.items == sum(sum(map(sum, workers)) for workers in buckets)


def test_waves_beside_the_counts_are_summed_like_them():
    """Each window has the waves of its buckets, merged or not, before and after a round trip."""
    windows, total = Windows(1, n_waves=2), np.zeros(2)
    for number in range(200):
        waves = np.array([0.5, -0.25]) * number
        total += waves
        windows.add([1], start=float(number), waves=waves)
    restored = Windows.from_json(json.loads(json.dumps(windows.to_json())))
    for each in (windows, restored):
        held = each.suffixes().waves
        assert held is not None
        assert np.allclose(held[-1], total)
    assert windows.to_json() == restored.to_json()


def test_the_longest_window_holds_everything_and_an_empty_copy_nothing():
    """The last of all windows, and windows of the same kind to begin anew with."""
    windows = filled([[1, 2, 3]] * 9, cap=3, max_buckets=50)
    longest, empty = windows.longest(), windows.empty()
    assert (longest.lengths.tolist(), longest.counts.tolist()) == ([9], [[9, 18, 27]])
    assert (empty.buckets, empty.cap, empty.max_buckets, empty.width) == (0, 3, 50, 3)


def test_a_bucket_without_items_changes_nothing():
    """Silence neither lengthens a window nor drops one."""
    windows = filled([[1, 2, 3], [4, 5, 6]])
    before = windows.to_json()
    windows.add([0, 0, 0], start=99.0)
    assert windows.to_json() == before


def test_the_oldest_entries_leave_when_the_limit_is_passed():
    """No window is longer than the limit, and most of the limit is kept in use."""
    windows = filled([[1, 0, 0]] * 500, max_buckets=100)
    assert 50 < windows.buckets <= 100
    assert windows.items == windows.buckets


def test_time_that_goes_backwards_moves_only_the_estimate_of_the_start():
    """A bucket dated before its predecessor counts like any other; a window starts at its earliest time."""
    windows = Windows(2)
    for start in (100.0, 110.0, 20.0, 120.0):
        windows.add([1, 1], start=start)
    assert windows.suffixes().starts.tolist() == [120.0, 20.0, 20.0, 20.0]


def test_before_the_first_bucket_there_are_no_windows():
    """An empty histogram has empty arrays of the right width."""
    windows = Windows(4).suffixes()
    assert windows.counts.shape == (0, 4)
    assert len(windows.lengths) == len(windows.counts) == len(windows.starts) == 0


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        pytest.param([1, 2], "shape", id="too few"),
        pytest.param([[1, 2, 3]], "shape", id="a matrix"),
        pytest.param([1, -2, 3], "negative", id="negative"),
        pytest.param([1.0, 2.0, 3.0], "integers", id="floats"),
    ],
)
def test_counts_of_another_shape_or_kind_are_refused(counts: list[int], message: str):
    """The error says what was wrong, and nothing was taken in."""
    windows = Windows(3)
    with pytest.raises(ValueError, match=message):
        windows.add(counts, start=0.0)
    assert windows.buckets == 0


@pytest.mark.parametrize("arguments", [{"width": 0}, {"width": 2, "cap": 1}])
def test_impossible_windows_are_refused(arguments: dict[str, int]):
    """No categories, or a cap under which nothing could be merged, is an error at construction."""
    with pytest.raises(ValueError, match="at least"):
        Windows(**arguments)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 50)] * 3), min_size=2, max_size=6))
def test_category_counts_keep_every_item(rows: list[tuple[int, ...]]):
    """Accepted and ambiguous items stay with their class, the rest is one category; none is lost."""
    counts = np.array(rows)
    categories = category_counts(counts)
    assert categories.sum() == counts.sum()
    assert categories[:-1].tolist() == (counts[:, 0] + counts[:, 1]).tolist()
    assert len(categories) == len(drift_categories(tuple(map(str, range(len(rows))))))
