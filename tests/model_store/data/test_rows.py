"""Tests of `model_store.data.rows`."""

import csv
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from model_store.data.rows import (
    MAX_CELL_BYTES,
    ColumnMissing,
    ColumnsUnclear,
    Rows,
    RowsInvalid,
    RowsUnreadable,
    read_rows,
)
from model_store.errors import RowsError


def _file(directory: Path, content: str | bytes, name: str = "rows.csv") -> Path:
    path = directory / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _message(path: Path, **columns: Any) -> str:
    with pytest.raises(RowsError) as caught:
        read_rows(path, **({"text": "text"} | columns))
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"{path}: ")
    return said.removeprefix(f"{path}: ")


def test_the_columns_asked_for_are_read(tmp_path: Path):
    """Others are left; labels that look like numbers stay strings."""
    path = _file(tmp_path, "id,text,label,from,more\n7,good,1,web,x\n8,bad,01,mail,y\n")
    rows = read_rows(path, text="text", label="label", source="from", id="id")
    assert rows == Rows(("good", "bad"), ("1", "01"), ("web", "mail"), None, ("7", "8"), path)
    assert len(rows) == 2


def test_gzip_is_recognised_by_its_content(tmp_path: Path):
    """Not by the name of the file."""
    path = _file(tmp_path, gzip.compress(b"text\nhello\n"), "rows.csv")
    assert read_rows(path, text="text").texts == ("hello",)


def test_quotes_line_breaks_and_a_byte_order_mark(tmp_path: Path):
    """What spreadsheets write is read, and blank lines are no rows."""
    path = _file(tmp_path, b'\xef\xbb\xbftext,label\r\n"two\r\nlines, ""quoted""",a\r\n\r\n\xc3\xbc,b\r\n')
    rows = read_rows(path, text="text", label="label")
    assert rows.texts == ('two\r\nlines, "quoted"', "ü")


def test_progress_ends_at_the_size_of_the_file(tmp_path: Path):
    """The last call says that everything was read."""
    path = _file(tmp_path, "text\n" + "word\n" * 12_000)
    calls: list[tuple[str, int, int]] = []
    read_rows(path, text="text", progress=lambda *call: calls.append(call))
    size = path.stat().st_size
    assert len(calls) == 3
    assert calls[-1] == ("read", size, size)
    assert all(0 < done <= total == size for _, done, total in calls)


def test_a_missing_file(tmp_path: Path):
    """The next action is to check the path."""
    assert _message(tmp_path / "none.csv") == "no such file; check the path"


def test_a_directory(tmp_path: Path):
    """A directory is not a file of rows."""
    assert "is a directory" in _message(tmp_path)


def test_a_missing_column_is_answered_with_the_columns(tmp_path: Path):
    """The message lists what the header has."""
    path = _file(tmp_path, "body,label\nx,a\n")
    assert _message(path) == "no column 'text'; the columns are body, label"
    with pytest.raises(ColumnMissing):
        read_rows(path, text="text")


def test_a_column_that_is_there_twice(tmp_path: Path):
    """Which one is meant cannot be known."""
    assert "column 'text' 2 times" in _message(_file(tmp_path, "text,text\na,b\n"))


@pytest.mark.parametrize(("content", "said"), [("", "the file is empty"), ("text\n", "a header and no rows")])
def test_an_empty_file(tmp_path: Path, content: str, said: str):
    """Nothing to train on is said at once."""
    assert said in _message(_file(tmp_path, content))


def test_bytes_that_are_not_utf8_are_named_by_row(tmp_path: Path):
    """Latin-1 in the second row."""
    path = _file(tmp_path, b"text\nfine\ncaf\xe9\n")
    assert _message(path) == "row 2 is not UTF-8 (byte 0xe9); save the file as UTF-8"


def test_a_header_that_is_not_utf8(tmp_path: Path):
    """UTF-16 from a spreadsheet fails in the header."""
    assert "the header is not UTF-8" in _message(_file(tmp_path, "text\nx\n".encode("utf-16")))


def test_empty_texts_are_named_by_row(tmp_path: Path):
    """The first five rows and how many more; white space is empty."""
    path = _file(tmp_path, "text,label\n" + "ok,a\n" + " ,a\n" * 7)
    assert (
        _message(path)
        == "7 rows have an empty 'text': 2, 3, 4, 5, 6 and 2 more; fill it in, or leave the row out"
    )
    with pytest.raises(RowsInvalid) as caught:
        read_rows(path, text="text")
    assert (caught.value.numbers, caught.value.count) == ((2, 3, 4, 5, 6), 7)


def test_one_empty_label_is_said_in_the_singular(tmp_path: Path):
    """One row, one line, and blank lines do not shift the number."""
    path = _file(tmp_path, "text,label\na,x\n\nb,\nc,y\n")
    assert _message(path, label="label") == "row 2 has an empty 'label'; fill it in, or leave the row out"


def test_an_empty_source_or_group_is_allowed(tmp_path: Path):
    """Not every row comes from somewhere."""
    rows = read_rows(_file(tmp_path, "text,s,g\nx,,\n"), text="text", source="s", group="g")
    assert (rows.sources, rows.groups) == (("",), ("",))


def test_repeated_ids_are_named(tmp_path: Path):
    """An id that two rows share identifies neither."""
    path = _file(tmp_path, "id,text\n1,a\n2,b\n1,c\n2,d\n")
    said = "2 rows repeat a value of 'id' that an earlier row has: 3, 4"
    assert _message(path, id="id") == f"{said}; keep one row per id, or name no id column"


@pytest.mark.parametrize("size", [MAX_CELL_BYTES + 1, 10 * MAX_CELL_BYTES], ids=["just over", "10 MiB"])
def test_a_cell_over_one_mebibyte(tmp_path: Path, size: int):
    """It is refused by row, however long it is."""
    path = _file(tmp_path, "text\nshort\n" + "a" * size + "\n")
    assert "row 2 has a cell over 1 MiB" in _message(path)


def test_a_cell_over_one_mebibyte_in_bytes(tmp_path: Path):
    """The limit is bytes: 400,000 characters of three bytes each are too many."""
    path = _file(tmp_path, "text\n" + "€" * 400_000 + "\n")
    assert "row 1 has a cell over 1 MiB" in _message(path)


def test_a_nul_character(tmp_path: Path):
    """It would end strings in other tools."""
    assert _message(_file(tmp_path, b"text\nok\na\0b\n")) == "row 2 has a NUL character in 'text'; remove it"


def test_a_row_with_another_number_of_cells(tmp_path: Path):
    """An unquoted comma shifts the columns."""
    path = _file(tmp_path, "text,label\nfine,a\none, two,a\n")
    assert _message(path).startswith("row 2 has 3 cells where the header has 2; quote cells")


def test_a_quote_that_is_not_closed(tmp_path: Path):
    """The row where the trouble begins is named."""
    assert "row 2 is not CSV" in _message(_file(tmp_path, 'text\nfine\n"open\nand on\n'))


def test_a_damaged_gzip_file(tmp_path: Path):
    """Cut short in a download."""
    whole = gzip.compress(("text\n" + "".join(f"row {i * 7919 % 1000}\n" for i in range(5_000))).encode())
    said = _message(_file(tmp_path, whole[: len(whole) // 2]))
    assert re.fullmatch(r"the gzip stream is damaged after row [1-9]\d*; copy the file again", said)
    said = _message(_file(tmp_path, whole[:14]))
    assert said == "the gzip stream is damaged before the first row; copy the file again"
    broken = bytearray(whole)
    broken[len(whole) // 2] ^= 0xFF
    assert "gzip stream is damaged" in _message(_file(tmp_path, bytes(broken)))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The operating system's reason is passed on."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = _file(tmp_path, "text\nx\n")
    monkeypatch.setattr(Path, "open", refuse)
    assert _message(path) == "cannot be read (Permission denied); check its permissions"


def test_no_text_of_a_row_is_in_an_error(tmp_path: Path):
    """Errors go to logs and terminals; rows may be private."""
    path = _file(tmp_path, "id,text,label\n1,secret words,\n1,secret words,\n")
    for columns in ({"label": "label"}, {"id": "id"}):
        assert "secret" not in _message(path, **columns)


def test_errors_are_of_one_tree():
    """A caller catches RowsError."""
    assert issubclass(RowsUnreadable, RowsError)
    assert issubclass(RowsInvalid, RowsError)
    assert issubclass(ColumnMissing, RowsError)


_CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_FILLED = _CELL.filter(str.strip)
_LABEL = st.text(st.characters(codec="utf-8", exclude_characters="|\0"), min_size=1, max_size=8).filter(
    lambda label: label == label.strip()
)


@given(
    rows=st.lists(
        st.tuples(_FILLED, st.frozensets(_LABEL, max_size=3), st.floats(1e-9, 1e9), _FILLED, _CELL),
        min_size=1,
        max_size=6,
        unique_by=lambda row: row[3],
    )
)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_role_comes_back_as_it_was_written(
    tmp_path: Path, rows: list[tuple[str, frozenset[str], float, str, str]]
):
    """Texts with anything in them, sets of labels, weights to the last bit, ids and feature cells."""
    path = tmp_path / "odd.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "labels", "weight", "id", "cell"])
        writer.writerows([t, "|".join(labels), repr(w), i, c] for t, labels, w, i, c in rows)
    asked = {"label": "labels", "multilabel": True, "weight": "weight", "id": "id", "source": "cell"}
    found = read_rows(path, text="text", **asked)
    texts, labels, weights, ids, cells = map(tuple, zip(*rows, strict=True))
    assert (found.texts, found.label_sets, found.weights, found.ids) == (texts, labels, weights, ids)
    assert (found.sources, found.labels) == (cells, None)
    table = read_rows(path, features=["cell", "text"], **asked)
    assert table.features == {"cell": cells, "text": texts}
    assert (table.texts, len(table)) == ((), len(rows))


def test_a_table_is_read_by_its_columns(tmp_path: Path):
    """In the order they are named; an empty cell is a value that is missing."""
    path = _file(tmp_path, "age,channel,label\n31,web,a\n,mail,b\n")
    rows = read_rows(path, features=("channel", "age"), label="label")
    assert rows.features == {"channel": ("web", "mail"), "age": ("31", "")}
    assert list(rows.features or ()) == ["channel", "age"]
    assert len(rows) == 2
    assert list(map(json.loads, rows.contents())) == [{"channel": "web", "age": "31"}, {"channel": "mail"}]


def test_the_contents_of_texts_are_the_texts(tmp_path: Path):
    """What signatures were made of before there were tables."""
    assert read_rows(_file(tmp_path, "text\nx\ny\n"), text="text").contents() == ("x", "y")


def test_several_label_columns_are_indicators(tmp_path: Path):
    """A row carries the names of the columns that say so; one that no row carries is a label too."""
    path = _file(tmp_path, "text,spam,rude,odd\nx,1,0,0\ny,true,1,0\nz,0,False,0\n")
    rows = read_rows(path, text="text", label=["spam", "rude", "odd"])
    assert rows.label_sets == ({"spam"}, {"spam", "rude"}, set())
    assert rows.label_columns == ("spam", "rude", "odd")
    assert rows.labels is None


def test_a_list_of_one_label_column_is_that_column(tmp_path: Path):
    """As a command line passes it on."""
    path = _file(tmp_path, "text,label\nx,a|b\ny,c\n")
    assert read_rows(path, text="text", label=["label"]).labels == ("a|b", "c")
    rows = read_rows(path, text="text", label=["label"], multilabel=True)
    assert (rows.labels, rows.label_sets, rows.label_columns) == (None, ({"a", "b"}, {"c"}), None)


def test_an_empty_cell_of_labels_holds_none(tmp_path: Path):
    """Which is an answer where an item may carry any number, and none where it carries one."""
    path = _file(tmp_path, "text,label\nx,\ny,a\n")
    assert read_rows(path, text="text", label="label", multilabel=True).label_sets == (set(), {"a"})
    assert "row 1 has an empty 'label'" in _message(path, label="label")


def test_a_weight_is_how_many_items_a_row_stands_for(tmp_path: Path):
    """As written, or one through the probability it was drawn with, times the draws it stands for."""
    path = _file(tmp_path, "text,w,p,n\nx,2.5,0.25,1\ny,0.5,1,3\n")
    assert read_rows(path, text="text", weight="w").weights == (2.5, 0.5)
    assert read_rows(path, text="text", inclusion="p").weights == (4.0, 1.0)
    assert read_rows(path, text="text", inclusion="p", copies="n").weights == (4.0, 3.0)
    assert read_rows(path, text="text").weights is None


def test_strata_and_times_are_read(tmp_path: Path):
    """Times in seconds since the epoch; an empty stratum is a mistake."""
    path = _file(tmp_path, "text,s,t\nx,explore,1970-01-02\ny,certainty,1970-01-01T00:01\n")
    rows = read_rows(path, text="text", stratum="s", time="t")
    assert rows.strata == ("explore", "certainty")
    assert rows.times == (86_400.0, 60.0)
    path = _file(tmp_path, "text,s\nx,a\ny,\n")
    assert _message(path, stratum="s").startswith("row 2 has an empty 's'; fill it in")


def test_two_roles_may_share_a_column(tmp_path: Path):
    """A thread that names the group may be the source too."""
    rows = read_rows(_file(tmp_path, "text,s\nx,a\n"), text="text", source="s", group="s")
    assert (rows.sources, rows.groups) == (("a",), ("a",))


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"text": None}, "a row is a text or a table's columns, neither is named; name one of them"),
        ({"features": ["a"]}, "a row is a text or a table's columns, both are named; name one of them"),
        ({"text": None, "features": ["a", "b", "a"]}, "feature column 'a' is named twice; name it once"),
        ({"label": ["a", "a"]}, "label column 'a' is named twice; name it once"),
        ({"label": "text"}, "column 'text' is both input and label: a model would copy it"),
        ({"text": None, "features": ["a", "b"], "label": ["c", "b"]}, "column 'b' is both input and label"),
        ({"label": ["a", "b"], "multilabel": True}, "cells like a|b stand in one label column, 2 are named"),
        ({"multilabel": True}, "cells like a|b stand in one label column, 0 are named"),
        ({"weight": "a", "inclusion": "b"}, "a weight 'a' and an inclusion probability 'b' are named"),
        ({"copies": "a"}, "the draws in 'a' count with an inclusion probability only; name its column"),
        ({"copies": "a", "weight": "b"}, "the draws in 'a' count with an inclusion probability only"),
    ],
)
def test_columns_that_contradict_each_other_are_refused(tmp_path: Path, columns: dict[str, Any], said: str):
    """Before the file is opened: it need not be there."""
    with pytest.raises(ColumnsUnclear) as caught:
        read_rows(tmp_path / "none.csv", **({"text": "text"} | columns))
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "columns",
    [
        {"features": ["text", "c"]},
        {"features": ["text"], "label": ["c"]},
        {"features": ["text"], "label": ["text2", "c"]},
        {"features": ["text"], "label": "c", "multilabel": True},
        *({"features": ["text"], role: "c"} for role in ("weight", "inclusion", "time", "stratum")),
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (b"x\0", "row 2 has a NUL character in 'c'; remove it"),
        (b"y" * (10 << 20), "row 2 has a cell over 1 MiB"),
        (b"caf\xe9", "row 2 is not UTF-8 (byte 0xe9); save the file as UTF-8"),
    ],
    ids=["nul", "10 MiB", "latin-1"],
)
def test_hostile_cells_are_named_by_row_in_every_role(
    tmp_path: Path, columns: dict[str, Any], cell: bytes, said: str
):
    """What a cell is for is asked only after it can be read at all."""
    path = _file(tmp_path, b"text,text2,c\nx,0,1\ny,1," + cell + b"\n")
    assert _message(path, **{"text": None, **columns}).startswith(said)


@pytest.mark.parametrize("role", ["label", "weight", "inclusion", "time", "stratum", "features"])
def test_a_header_that_has_the_column_twice_is_refused_in_every_role(tmp_path: Path, role: str):
    """Which of the two is meant cannot be known."""
    path = _file(tmp_path, "text,c,c\nx,1,1\n")
    columns = {"text": None, "features": ["text", "c"]} if role == "features" else {role: "c"}
    assert "the header has column 'c' 2 times; expected once" in _message(path, **columns)


def test_rows_made_by_hand_are_of_one_kind():
    """As tests and notebooks make them."""
    assert len(Rows(("a", "b"))) == 2
    assert len(Rows(features={"x": ("1", "2", "3")})) == 3
    assert len(Rows()) == 0
