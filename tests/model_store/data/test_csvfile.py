"""Tests of `model_store.data.csvfile`."""

import csv
import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.data.csvfile import (
    MAX_CELL_BYTES,
    ColumnMissing,
    RowsInvalid,
    RowsUnreadable,
    read_cells,
    read_header,
    refuse,
    where,
)
from model_store.errors import RowsError

# Everything a cell can hold: no NUL, which is refused, and no half of a surrogate pair, which is not UTF-8.
_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
_ODD = st.sampled_from(
    ["", " ", '"', '""', ",", "a,b", "\r", "\n", "\r\n", "'=1+1", "\ufeff", "é\u0301", "🦜", ";", "\t"]
)


def _file(directory: Path, content: str | bytes) -> Path:
    path = directory / "rows.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@given(
    rows=st.lists(st.tuples(_TEXT | _ODD, _TEXT | _ODD, _TEXT | _ODD), min_size=1, max_size=8),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    zipped=st.booleans(),
)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_csv_writes_is_read_back(
    tmp_path: Path, rows: list[tuple[str, str, str]], quoting: int, zipped: bool
):
    """Quotes, commas, line ends of every kind, marks and emoji come back as they were, in every column."""
    path = tmp_path / "odd.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, quoting=quoting)
        writer.writerow(["a", "b", "c"])
        writer.writerows(rows)
    if zipped:
        path.write_bytes(gzip.compress(path.read_bytes()))
    found = read_cells(path, ["c", "a", "b"])
    assert list(found) == ["c", "a", "b"]
    assert list(zip(found["a"], found["b"], found["c"], strict=True)) == rows


def test_a_column_that_was_not_asked_for_may_be_there_twice(tmp_path: Path):
    """What is not read cannot be confused."""
    path = _file(tmp_path, "a,more,more\n1,x,y\n")
    assert read_cells(path, ["a"]) == {"a": ["1"]}
    with pytest.raises(RowsUnreadable, match="column 'more' 2 times; expected once"):
        read_cells(path, ["a", "more"])


@pytest.mark.parametrize("column", ["a", "b"])
def test_a_nul_is_named_with_its_row_in_whatever_column(tmp_path: Path, column: str):
    """Also in one that holds numbers or labels."""
    path = _file(tmp_path, b"a,b\nfine,fine\nx\0,x\0\n")
    with pytest.raises(RowsInvalid, match=f"row 2 has a NUL character in {column!r}; remove it"):
        read_cells(path, [column])


@pytest.mark.parametrize("size", [MAX_CELL_BYTES + 1, 10 << 20], ids=["just over", "10 MiB"])
def test_a_cell_that_is_too_long_is_refused_in_any_column(tmp_path: Path, size: int):
    """Also in a column nobody asked for: it is held in memory before csv can drop it."""
    path = _file(tmp_path, "a,b\n1,x\n2," + "y" * size + "\n")
    with pytest.raises(RowsInvalid, match="row 2 has a cell over 1 MiB"):
        read_cells(path, ["a"])


def test_a_byte_that_is_not_utf8_is_named_with_its_row_behind_a_cell_of_several_lines(tmp_path: Path):
    """Rows are counted, not lines."""
    path = _file(tmp_path, b'a\n"one\ntwo\nthree"\ncaf\xe9\n')
    with pytest.raises(RowsInvalid, match="row 2 is not UTF-8"):
        read_cells(path, ["a"])


def test_a_header_with_anything_in_it_keeps_the_error_on_one_line(tmp_path: Path):
    """Line breaks are escaped, long names cut, and of a thousand columns thirty named."""
    path = _file(tmp_path, '"two\nlines",' + "n" * 500 + "," + ",".join(f"c{i}" for i in range(1_000)) + "\n")
    with pytest.raises(ColumnMissing) as caught:
        read_cells(path, ["text"])
    said = str(caught.value)
    assert "\n" not in said
    assert r"'two\nlines', nnn" in said
    assert said.endswith("c27 and 972 more")
    assert len(said) < 400 + len(str(path))


def test_the_field_limit_of_the_process_is_as_it_was(tmp_path: Path):
    """Other readers of the process have their own."""
    before = csv.field_size_limit(12_345)
    try:
        read_cells(_file(tmp_path, "a\n1\n"), ["a"])
        with pytest.raises(RowsError):
            read_cells(_file(tmp_path, "a\n" + "x" * 2_000_000 + "\n"), ["a"])
        assert csv.field_size_limit() == 12_345
    finally:
        csv.field_size_limit(before)


def test_a_refusal_counts_rows_and_speaks_in_the_singular_of_one():
    """At most five numbers; without a file the message begins with the rows."""
    with pytest.raises(RowsInvalid) as caught:
        refuse(None, "are too long", list(range(1, 8)), remedy="shorten them")
    assert str(caught.value) == "7 rows are too long: 1, 2, 3, 4, 5 and 2 more; shorten them"
    assert (caught.value.numbers, caught.value.count) == ((1, 2, 3, 4, 5), 7)
    with pytest.raises(RowsInvalid, match=r"^row 3 is too long; shorten it$"):
        refuse(None, "are too long", [3], remedy="shorten it")
    refuse(None, "are too long", [], remedy="shorten it")


def test_where_counts_from_one():
    """Row numbers are those of a person who looks into the file."""
    assert where(["a", "", "b", ""], lambda cell: not cell) == [2, 4]


@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gzip"])
def test_the_header_is_read_without_a_row(tmp_path: Path, zipped: bool):
    """Names come as the file has them; a row that could not be read does not matter."""
    content = b'\xef\xbb\xbfage,"a,b",age\n\xff,1\n'
    path = tmp_path / "table.csv"
    path.write_bytes(gzip.compress(content) if zipped else content)
    assert read_header(path) == ("age", "a,b", "age")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "the file is empty", id="empty"),
        pytest.param(b"a,\xff\n", "the header is not UTF-8", id="not UTF-8"),
        pytest.param(b'a,"b\n', "the header cannot be read", id="open quote"),
        pytest.param(gzip.compress(b"a,b\n")[:12], "the header cannot be read", id="cut gzip"),
    ],
)
def test_a_header_that_cannot_be_read_is_told(tmp_path: Path, content: bytes, said: str):
    """The error names the file and what is wrong with it."""
    with pytest.raises(RowsUnreadable, match=said):
        read_header(_file(tmp_path, content))
    with pytest.raises(RowsUnreadable, match="no such file"):
        read_header(tmp_path / "absent.csv")
