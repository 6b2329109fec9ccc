"""Tests of `model_store.reports.slices`."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.reports.slices import (
    MOST_BUCKETS,
    Answers,
    bucket_rule,
    bucket_starts,
    by_source,
    figures_of,
    over_time,
)


def _answers(n: int, *, seed: int = 0, k: int = 3) -> Answers:
    rng = np.random.default_rng(seed)
    positive = np.eye(k, dtype=bool)[rng.integers(0, k, n)]
    flags = rng.random((n, k)) < 0.5
    return Answers(
        tuple("abcdef"[:k]),
        positive=positive,
        flags=flags,
        caught=flags,
        naive=positive.copy(),
        called=flags,
        review=rng.random(n) < 0.2,
    )


@given(first=st.integers(0, 4_000_000_000), span=st.integers(0, 3_000_000_000))
@settings(max_examples=60, deadline=None)
def test_buckets_are_few_and_hold_every_moment(first: int, span: int):
    """At most 24 unless years are too short, ascending, the first at or before the first moment."""
    rule = bucket_rule(first, first + span)
    starts = [start.timestamp() for start in bucket_starts(first, first + span, rule)]
    assert starts == sorted(set(starts))
    assert starts[0] <= first
    assert starts[-1] <= first + span
    assert rule == "year" or len(starts) <= MOST_BUCKETS


@pytest.mark.parametrize(
    ("days", "rule"),
    [
        (0.01, "minute"),
        (0.5, "hour"),
        (14, "day"),
        (100, "week"),
        (400, "month"),
        (1500, "quarter"),
        (5000, "year"),
    ],
)
def test_the_unit_fits_the_span(days: float, rule: str):
    """From minutes to years."""
    start = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    assert bucket_rule(start, start + days * 86_400) == rule


def test_weeks_begin_on_monday_and_quarters_in_january():
    """In UTC."""
    wednesday = datetime(2026, 2, 18, 23, 59, tzinfo=UTC).timestamp()
    assert next(bucket_starts(wednesday, wednesday, "week")) == datetime(2026, 2, 16, tzinfo=UTC)
    assert next(bucket_starts(wednesday, wednesday, "quarter")) == datetime(2026, 1, 1, tzinfo=UTC)
    assert next(bucket_starts(wednesday, wednesday, "month")) == datetime(2026, 2, 1, tzinfo=UTC)


def test_slices_over_time_hold_every_row_once_and_no_empty_bucket():
    """Their names ascend."""
    times = (datetime(2026, 1, 1, tzinfo=UTC).timestamp() + np.array([0, 1, 40, 41, 90]) * 86_400.0).tolist()
    slices = over_time(_answers(5), times)
    assert [each.rows for each in slices] == [2, 2, 1]
    assert [each.name for each in slices] == [
        "week of 2025-12-29",
        "week of 2026-02-09",
        "week of 2026-03-30",
    ]


def test_sources_stand_from_the_largest_on_and_the_nameless_have_a_name():
    """Beyond 32 the smallest are one slice, so no row is lost."""
    sources = ["big"] * 50 + [""] * 20 + [f"s{i}" for i in range(40)]
    slices = by_source(_answers(110), sources)
    assert [each.name for each in slices[:2]] == ["big", "(none)"]
    assert (slices[-1].name, slices[-1].rows) == ("(10 smaller sources)", 10)
    assert sum(each.rows for each in slices) == 110


@given(seed=st.integers(0, 1_000))
@settings(max_examples=20, deadline=None)
def test_the_figures_of_a_slice_are_those_of_its_rows_alone(seed: int):
    """Hits and rows add up over slices to those of all rows."""
    answers = _answers(60, seed=seed)
    whole = figures_of(answers, "all")
    parts = by_source(answers, ["x", "y", "z"] * 20)
    for k, name in enumerate(answers.classes):
        hits = [each.recall.hits for part in parts for each in part.classes if each.name == name]
        assert sum(hits) == whole.classes[k].recall.hits


def test_a_slice_without_rows_of_any_class_has_no_macro_f1():
    """Several labels an item, and none here."""
    answers = _answers(4)
    none = Answers(
        answers.classes,
        positive=np.zeros((4, 3), dtype=bool),
        flags=answers.flags,
        caught=answers.flags,
        naive=answers.naive,
        called=answers.called,
        review=answers.review,
    )
    assert figures_of(none, "x").macro_f1 is None


def test_macro_f1_is_over_the_classes_that_have_rows():
    """A perfect answer is 1, though a class of the model is not there."""
    positive = np.array([[True, False, False], [False, True, False]])
    answers = Answers(
        ("a", "b", "c"),
        positive=positive,
        flags=positive,
        caught=positive,
        naive=positive,
        called=positive,
        review=np.array([False, True]),
        weights=np.array([3.0, 1.0]),
    )
    found = figures_of(answers, "x")
    assert (found.macro_f1, found.macro_f1_policy, found.review_share) == (1.0, 1.0, 0.25)
