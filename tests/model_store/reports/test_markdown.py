"""Tests of `model_store.reports.markdown`."""

from hypothesis import given
from hypothesis import strategies as st

from model_store.reports.markdown import cell, number, sections, table


@given(st.text())
def test_no_text_ends_its_cell_or_starts_html(text: str):
    """Every bar is escaped, there is no line break and no tag."""
    escaped = cell(text)
    assert "\n" not in escaped
    assert "<" not in escaped
    assert "|" not in escaped.replace("\\\\", "").replace("\\|", "")


def test_a_table_without_rows_is_its_head():
    """Two lines."""
    assert table(["a", "b"], []) == "| a | b |\n|---|---|"


def test_what_was_not_measured_is_a_dash():
    """None and NaN alike."""
    assert (number(None), number(float("nan")), number(0.5, 1)) == ("-", "-", "0.5")


def test_empty_sections_leave_no_gap():
    """A card ends with one line break."""
    assert sections("a", "", "b") == "a\n\nb\n"
