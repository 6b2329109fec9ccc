"""Streams side by side: what is counted, what is tested, and that the counts add up."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.scanning.streams import Layout, Stream, class_stream, streams_of

MIX = class_stream(("a", "b", "c"))
FLAGS = Stream("classes", "flags", ("x", "y"))
CUTS = Stream("scores", "cuts", ("top probability <= 0.5", "top probability <= 0.9"))
ROWS = st.lists(st.lists(st.integers(0, 10**7), min_size=6, max_size=6), min_size=1, max_size=5)


def test_a_mix_is_tested_by_its_categories_and_cuts_by_what_is_below_them():
    """Three categories of ten items, and three bins of seven scores seen as two cuts."""
    tested = Layout((MIX, CUTS)).tested(np.array([[5, 3, 2, 4, 2, 1]]))
    assert tested.counts.tolist() == [[5, 3, 2, 4, 6]]
    assert tested.items.tolist() == [[10, 10, 10, 7, 7]]


def test_flags_are_each_counted_among_all_items():
    """Of ten items three carry x, eight carry y, and some carry both."""
    layout = Layout((FLAGS,))
    tested = layout.tested(np.array([[3, 8, 10]]))
    assert (tested.counts.tolist(), tested.items.tolist()) == ([[3, 8]], [[10, 10]])
    assert layout.items(np.array([[3, 8, 10]])).tolist() == [10]


@settings(max_examples=40, deadline=None)
@given(ROWS)
def test_what_is_tested_adds_up_whoever_counted_it(rows: list[list[int]]):
    """Columns of a sum of rows are the sum of the columns: workers and buckets merge exactly."""
    layout = Layout((MIX, CUTS))
    apart, together = layout.tested(np.array(rows)), layout.tested(np.array([np.sum(rows, axis=0)]))
    assert apart.counts.sum(axis=0).tolist() == together.counts[0].tolist()
    assert apart.items.sum(axis=0).tolist() == together.items[0].tolist()


def test_a_stream_that_is_not_given_counts_nothing():
    """Old flushes know no scores; a bare row is that of the classes."""
    layout = Layout((MIX, CUTS))
    assert layout.flatten({"scores": [1, 2, 3]}).tolist() == [0, 0, 0, 1, 2, 3]
    assert layout.flatten([4, 5, 6]).tolist() == [4, 5, 6, 0, 0, 0]


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        pytest.param({"inputs:age": [1]}, "inputs:age", id="an unknown stream"),
        pytest.param({"scores": [1, 2]}, "shape", id="another length"),
        pytest.param({"classes": [1, -2, 3]}, "negative", id="negative"),
        pytest.param([1.0, 2.0, 3.0], "integers", id="floats"),
    ],
)
def test_rows_that_do_not_fit_are_refused(given_: object, message: str):
    """The error says what was wrong."""
    with pytest.raises(ValueError, match=message):
        Layout((MIX, CUTS)).flatten(given_)  # type: ignore[arg-type]


def test_a_mix_without_a_category_is_a_mix_of_the_others():
    """Items of what is left out are gone from the total; flags keep theirs, they exclude nothing."""
    row = np.array([5, 3, 2, 4, 2, 1])
    assert Layout((MIX, CUTS)).without(row, {"b"}).tolist() == [5, 0, 2, 4, 2, 1]
    assert Layout((FLAGS,)).without(np.array([3, 8, 10]), {"y"}).tolist() == [3, 8, 10]


def test_streams_follow_from_what_is_measured():
    """Classes first, then scores, then inputs; meters of no stream are no stream."""
    measures = {
        "length": {"kind": "cuts", "stream": "inputs:length", "columns": ["characters <= 80"]},
        "score": {"kind": "cuts", "stream": "scores", "columns": ["top probability <= 0.9"]},
        "unknown": {"kind": "cuts", "stream": "inputs:unknown", "columns": []},
        "joint": {"kind": "cells", "stream": None, "columns": ["a, bin 1 of 1"]},
    }
    streams = streams_of(("a", "b"), measures=measures)
    assert [stream.name for stream in streams] == ["classes", "scores", "inputs:length"]
    assert [stream.share for stream in streams] == pytest.approx([0.60, 0.25, 0.15])
    assert streams[0].columns == ("a", "b", "no_class_passes")
    without = streams_of(("a", "b"), measures=measures, shares={"classes": 1.0, "scores": 0.0, "inputs": 1.0})
    assert [(stream.name, stream.share) for stream in without] == [("classes", 0.5), ("inputs:length", 0.5)]


def test_labels_of_which_any_number_may_be_set_are_flags():
    """A multi-label model has a binary stream for each label, and one for no label at all."""
    (stream,) = streams_of(("x", "y"), task="multilabel")
    assert (stream.kind, stream.columns, stream.width) == ("flags", ("x", "y", "no_class_passes"), 4)


@pytest.mark.parametrize(
    ("columns", "share"),
    [
        pytest.param(("one",), 1.0, id="one"),
        pytest.param(("a", "a"), 1.0, id="twice"),
        pytest.param(("a", "b"), 0.0, id="no share"),
    ],
)
def test_impossible_streams_are_refused(columns: tuple[str, ...], share: float):
    """One category has no share to move, two of one name could not be told apart, and 0 is not watched."""
    with pytest.raises(ValueError, match="expected"):
        class_stream(columns, share=share)


def test_streams_of_one_name_are_refused():
    """They could not be told apart."""
    with pytest.raises(ValueError, match="different names"):
        Layout((MIX, FLAGS))


def test_a_stream_survives_json():
    """A snapshot names its streams."""
    assert Stream.from_json(CUTS.to_json()) == CUTS
