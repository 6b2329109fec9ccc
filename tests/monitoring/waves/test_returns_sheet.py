"""Tables of labels are read however a spreadsheet or a notebook saved them."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitoring.errors import LabelsInvalid
from monitoring.waves import returns_sheet
from monitoring.waves.cells import guard
from monitoring.waves.labels import Rejection
from monitoring.waves.returns import parse_labels


def parquet(**columns: list[Any]) -> bytes:
    """Return a Parquet file."""
    body = io.BytesIO()
    pq.write_table(pa.table(columns), body)
    return body.getvalue()


@pytest.mark.parametrize("sign", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_each_country_saves_its_own_csv(sign: str, end: str) -> None:
    """The header says by which sign the cells are parted."""
    lines = [["rank", '"key"', "label", "note"], ["1", "a", "fraud", '"x, y; z"'], ["2", "b", "", ""]]
    body = end.join(sign.join(line) for line in lines).encode()
    assert [(row.key, row.label) for row in parse_labels(body).rows] == [("a", "fraud")]


def test_label_studio_writes_several_choices_as_json() -> None:
    """A cell `{"choices": [...]}` is the list, other text in braces is itself."""
    body = b'item_id,label\nk1,"{""choices"":[""a"",""b""]}"\nk2,"{""choices"": cut"\n'
    assert [row.label for row in parse_labels(body).rows] == [("a", "b"), '{"choices": cut']


@pytest.mark.parametrize("sign", [",", "\t"], ids=["csv", "tsv"])
def test_label_studio_writes_keys_as_they_are(sign: str) -> None:
    """An apostrophe before a formula is the key's own there, and a guard in a table that was pulled."""
    keys = ["'=id", "=id", "'tis"]
    lines = [f"{number}{sign}{key}{sign}fraud" for number, key in enumerate(keys)]
    theirs = "\n".join([sign.join(("id", "item_id", "label")), *lines])
    assert [row.key for row in parse_labels(theirs.encode()).rows] == keys
    ours = "\n".join(["key,label", *(f"{guard(key)},fraud" for key in keys)])
    assert [row.key for row in parse_labels(ours.encode()).rows] == keys


def test_a_column_skipped_says_so_in_any_case() -> None:
    """TRUE, true and 1 skip; something else is that row's mistake."""
    body = b"key,label,skipped\na,,TRUE\nb,,1\nc,fraud,false\nd,,\ne,,perhaps\nf,x,perhaps\n"
    parsed = parse_labels(body)
    assert [(row.key, row.skipped) for row in parsed.rows] == [("a", True), ("b", True), ("c", False)]
    assert parsed.rejected == (
        Rejection(4, "skipped: expected true or false, got text"),
        Rejection(5, "skipped: expected true or false, got text"),
    )


def test_parquet_in_the_types_of_notebooks() -> None:
    """Text or lists, null for what is not labelled; other columns are not even read."""
    body = parquet(
        key=["a", "b", "c"], label=["fraud", None, ""], text=["x", "y", "z"], annotator=["kim"] * 3
    )
    assert [(row.key, row.label, row.annotator) for row in parse_labels(body).rows] == [("a", "fraud", "kim")]
    several = parquet(id=["a", "b"], labels=[["x", "y"], None])
    assert [(row.key, row.label) for row in parse_labels(several).rows] == [("a", ("x", "y"))]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"PAR1 and no more", "not a whole Parquet file"),
        (parquet(key=["a"], verdict=["x"]), "a Parquet file without columns `key` and `label`"),
    ],
    ids=["cut", "columns"],
)
def test_parquet_that_holds_no_labels(body: bytes, reason: str) -> None:
    """The reason says what is wrong with the file."""
    with pytest.raises(LabelsInvalid, match=f"^body: {reason}"):
        parse_labels(body)


def test_parquet_that_would_unpack_to_gigabytes_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few kilobytes may stand for any number of equal cells: their size is looked at first."""
    monkeypatch.setattr(returns_sheet, "_MOST_BYTES", 2**20)
    body = parquet(key=["a"], label=["x" * 2**21])
    assert len(body) < 2**20
    with pytest.raises(LabelsInvalid, match="at most 100000 rows and 1048576 bytes are read"):
        parse_labels(body)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"PK\x03\x04...", "a ZIP archive or an Excel workbook; unpack it"),
        (b"\x1f\x8b...", "compressed with gzip"),
        (b"\xd0\xcf\x11\xe0...", "an old Excel workbook"),
        (b"<!DOCTYPE html><html>", r"a web page \(HTML\)"),
    ],
    ids=["zip", "gzip", "xls", "html"],
)
def test_what_is_only_packed_or_saved_otherwise(body: bytes, reason: str) -> None:
    """A tool exports a ZIP, spreadsheets save workbooks, a proxy answers with its login page."""
    with pytest.raises(LabelsInvalid, match=f"^body: {reason}"):
        parse_labels(body)
