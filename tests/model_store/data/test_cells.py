"""Tests of `model_store.data.cells`."""

import math
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data import cells
from model_store.data.csvfile import RowsInvalid

PATH = Path("rows.csv")

_LABEL = st.text(st.characters(codec="utf-8", exclude_characters="|\0"), min_size=1, max_size=12).filter(
    lambda label: label == label.strip()
)


@given(sets=st.lists(st.frozensets(_LABEL, max_size=4), min_size=1, max_size=6), spaced=st.booleans())
@settings(max_examples=80, deadline=None)
def test_sets_of_labels_come_back_as_they_were_written(sets: list[frozenset[str]], spaced: bool):
    """In whatever order, with or without space around the bar; an empty cell is the empty set."""
    bar = " | " if spaced else "|"
    assert cells.label_sets(PATH, "l", [bar.join(labels) for labels in sets]) == tuple(sets)


def test_what_labelers_answer_for_no_label_is_read_so():
    """A batch that comes back says it in words, since an empty cell there is not labelled yet."""
    assert cells.label_sets(PATH, "l", ["", "[]", " none_of_these ", "a"]) == (set(), set(), set(), {"a"})


@pytest.mark.parametrize("cell", ["a||b", "|a", "a|", "a| |b", "|"])
def test_an_empty_label_is_refused(cell: str):
    """It is a slip of whoever wrote the file, and which one cannot be known."""
    with pytest.raises(RowsInvalid, match=r"rows.csv: row 2 has an empty label beside a '\|' in 'l'; write"):
        cells.label_sets(PATH, "l", ["a", cell])


def test_a_label_twice_in_a_cell_is_refused():
    """Was another one meant?"""
    with pytest.raises(RowsInvalid, match="2 rows have a label twice in 'l': 1, 3; keep one of them"):
        cells.label_sets(PATH, "l", ["a|b|a", "a|b", "c| c"])


def test_indicators_are_read_in_any_case():
    """The rows carry the columns that say 1 or true."""
    found = cells.indicator_sets(PATH, {"a": ["1", "0", "TRUE"], "b": ["0", " false", "True"]})
    assert found == ({"a"}, set(), {"a", "b"})


@pytest.mark.parametrize("cell", ["", "2", "yes", "1.0", "nan", "-1"])
def test_another_indicator_is_refused_by_row_and_column(cell: str):
    """An empty cell too: nobody said that the label is not carried."""
    with pytest.raises(RowsInvalid, match=r"row 2 has neither 0, 1, true nor false in the label column 'b'"):
        cells.indicator_sets(PATH, {"a": ["1", "0"], "b": ["0", cell]})


@given(st.lists(st.floats(1e-9, 1e9), min_size=1, max_size=20))
def test_weights_are_exactly_what_was_written(weights: list[float]):
    """Also those under one: only their ratios count."""
    assert cells.weights(PATH, "w", list(map(repr, weights))) == tuple(weights)


@pytest.mark.parametrize(
    "cell", ["", " ", "nan", "inf", "-inf", "-1", "1e10", "1e-10", "many", "1,5", "1_0", "0x2"]
)
def test_a_weight_that_is_no_positive_number_is_refused(cell: str):
    """Empty, not finite, negative or beyond reason, each with its row number; 0 says chosen, not drawn."""
    assert cells.weights(PATH, "w", ["0"]) == (0.0,)
    with pytest.raises(
        RowsInvalid, match=r"row 3 has no weight of 0 or from 1e-09 to 1e\+09 in 'w'; write how many"
    ):
        cells.weights(PATH, "w", ["1", "2.5", cell])


@pytest.mark.parametrize("cell", ["", "nan", "0", "1.0001", "-0.5", "inf", "certain"])
def test_an_inclusion_probability_lies_over_zero_and_up_to_one(cell: str):
    """A row that could not be drawn is not there."""
    assert cells.inclusion_probabilities(PATH, "p", ["1", "1e-3"]) == (1.0, 0.001)
    with pytest.raises(RowsInvalid, match="row 1 has no probability over 0 and up to 1 in 'p'"):
        cells.inclusion_probabilities(PATH, "p", [cell])


@pytest.mark.parametrize("cell", ["", "0", "1.5", "nan", "inf", "-2"])
def test_draws_are_whole_numbers(cell: str):
    """From one on."""
    assert cells.draws(PATH, "n", ["1", "3"]) == (1.0, 3.0)
    with pytest.raises(RowsInvalid, match="row 1 has no whole number of draws from 1 in 'n'"):
        cells.draws(PATH, "n", [cell])


@given(
    moment=st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30)), None])),
    blank=st.booleans(),
)
@settings(max_examples=80, deadline=None)
def test_a_time_is_a_moment_and_without_a_zone_utc(moment: datetime, blank: bool):
    """With any offset, with T or a blank, to the microsecond."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    (found,) = cells.times(PATH, "t", [moment.isoformat(sep=" " if blank else "T")])
    assert found == aware.timestamp()


def test_a_day_is_its_midnight_and_z_is_utc():
    """Also as a file that Seamark wrote has it."""
    cell_times = ["2026-01-31", "2026-01-31T10:00:00Z", "2026-01-31T10:00:00.250+01:00"]
    day = datetime(2026, 1, 31, tzinfo=UTC).timestamp()
    assert cells.times(PATH, "t", cell_times) == (day, day + 36_000.0, day + 32_400.25)


@pytest.mark.parametrize("cell", ["", "31.01.2026", "1769853600", "yesterday", "2026-02-30", "nan"])
def test_a_time_that_cannot_be_parsed_is_named_by_row(cell: str):
    """And the message says what is expected."""
    with pytest.raises(RowsInvalid, match="row 2 has no ISO 8601 time in 't'; write it like 2026-01-31T10"):
        cells.times(PATH, "t", ["2026-01-31", cell])


@pytest.mark.parametrize(
    ("cell", "value"),
    [("1", 1.0), (" -2.5e3\t", -2_500.0), ("007", 7.0), ("", math.nan), ("1_000", math.nan)],
)
def test_a_number_is_what_a_file_has_for_one(cell: str, value: float):
    """And not what only Python's source has."""
    assert cells.number(cell) == value or (math.isnan(value) and math.isnan(cells.number(cell)))


def test_no_content_of_a_cell_is_in_an_error():
    """Errors go to logs and terminals; a column named by mistake may hold anything."""
    for read in (cells.weights, cells.inclusion_probabilities, cells.draws, cells.times):
        with pytest.raises(RowsInvalid) as caught:
            read(PATH, "column", ["secret words"])
        assert "secret" not in str(caught.value)
    with pytest.raises(RowsInvalid) as caught:
        cells.indicator_sets(PATH, {"column": ["secret words"]})
    assert "secret" not in str(caught.value)
    with pytest.raises(RowsInvalid) as caught:
        cells.label_sets(PATH, "column", ["secret|secret", "secret||"])
    assert "secret" not in str(caught.value)
