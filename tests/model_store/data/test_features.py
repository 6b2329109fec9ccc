"""Tests of `model_store.data.features`."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_store.data.contents import content_of
from model_store.data.csvfile import RowsInvalid
from model_store.data.features import TableUnfit, feature_columns, features_of, inputs_of
from model_store.data.rows import Rows
from model_store.data.signatures import minhash
from model_store.graphs.columns import Column, ColumnKind
from tests.support.synthetic import synthetic_table

PATH = Path("rows.csv")


def _rows(**features: list[str]) -> Rows:
    return Rows(path=PATH, features={name: tuple(cells) for name, cells in features.items()})


def _kinds(**features: list[str]) -> list[tuple[str, bool]]:
    return [(column.kind, column.missing) for column in feature_columns(_rows(**features))]


@pytest.mark.parametrize(
    ("cells", "kind", "missing"),
    [
        (["1", "2.5", "-1e3"], "float", False),
        (["1", "", " "], "float", True),
        (["1", "NaN", "N/A", "null", "None", "NA"], "float", True),
        (["web", "mail", "web"], "text", False),
        (["web", "", "None"], "text", True),
        (["web", "NaN", "NA"], "text", False),
        (["01234", "99999", ""], "text", True),
        (["0", "0.5", "00"], "float", False),
        (["true", "False", "TRUE"], "boolean", False),
        (["true", "", "nan"], "boolean", True),
        (["true", "false", "1"], "text", False),
        (["0", "1", "1"], "float", False),
        (["12", "12a", "7b", "9"], "text", False),
    ],
)
def test_the_kind_of_a_column_is_what_its_cells_suggest(cells: list[str], kind: str, missing: bool):
    """Numbers, codes with a leading zero, truth values; what tools write for a missing number is missing."""
    assert _kinds(x=cells) == [(kind, missing)]


def test_columns_stand_in_the_order_of_the_file():
    """Each with its own kind, whether it takes missing values, and a typical one."""
    rows = synthetic_table({"billing": 60, "delivery": 60}, seed=1)
    columns = feature_columns(rows)
    assert [(c.name, c.kind, c.missing) for c in columns] == [
        ("amount", "float", False),
        ("age", "float", True),
        ("channel", "text", True),
        ("returning", "boolean", False),
    ]
    typical = {column.name: column.typical for column in columns}
    assert 10 < float(typical["amount"] or 0) < 200
    assert 30 < float(typical["age"] or 0) < 60
    assert (typical["channel"], typical["returning"]) == ("web", False)


def test_a_text_of_few_rows_is_never_the_typical_value():
    """It would stand in the bundle's manifest, and may be somebody's."""
    (column,) = feature_columns(_rows(x=["Ann from Leeds"] * 3 + ["Bob from Hull"] * 2))
    assert column == Column("x", "text", missing=False)
    (column,) = feature_columns(_rows(x=["web"] * 20 + ["mail"] * 5))
    assert column.typical == "web"


def test_a_slip_among_numbers_does_not_make_a_text_column():
    """One cell in twenty that is no number is a mistake, and is named by its row."""
    said = "rows.csv: row 17 has no number in 'age', where 19 rows do; correct them, leave the cell empty"
    with pytest.raises(RowsInvalid, match=said):
        feature_columns(_rows(age=["31"] * 16 + ["thirty"] + ["31"] * 3))


def test_a_declared_kind_wins():
    """Numbers that name categories, and slips that are none."""
    rows = _rows(shop=["1", "2", "NA"], zip=["1"] * 19 + ["x"])
    kinds = {"shop": "text", "zip": "text"}
    assert [(c.kind, c.missing) for c in feature_columns(rows, kinds)] == [("text", False), ("text", False)]
    with pytest.raises(TableUnfit, match=r"a kind is declared for 'shp'; the feature columns are shop, zip"):
        feature_columns(rows, {"shp": "text"})
    with pytest.raises(RowsInvalid, match="row 20 does not hold a whole number in 'zip'; correct the cell"):
        feature_columns(rows, {"zip": "integer"})


def test_a_column_without_any_value_is_refused_by_name():
    """Nothing can be learnt from it, and its kind cannot be known."""
    with pytest.raises(TableUnfit, match="column 'x' holds no value in any of the 3 rows; leave it out"):
        feature_columns(_rows(x=["", " ", "nan"]))


@pytest.mark.parametrize("cell", ["inf", "-Infinity", "1e999"])
def test_an_infinite_number_is_named_by_row(cell: str):
    """It is no value a model can weigh."""
    with pytest.raises(RowsInvalid, match="row 2 does not hold a finite number in 'x'; correct the cell"):
        feature_columns(_rows(x=["1", cell, "2"]))


def test_features_have_the_types_that_the_columns_say():
    """Whole numbers also where pandas wrote 3.0, and to the last digit; truth also as 1 and 0."""
    rows = _rows(a=["1.5", "nan"], b=["3.0", "9007199254740993"], c=["1", "FALSE"], d=["web", " x "])
    columns = [
        Column("d", "text"),
        Column("c", "boolean"),
        Column("b", "integer"),
        Column("a", "float", missing=True),
    ]
    assert features_of(rows, columns) == [
        {"d": "web", "c": True, "b": 3, "a": 1.5},
        {"d": " x ", "c": False, "b": 9_007_199_254_740_993, "a": None},
    ]
    assert [type(value) for value in features_of(rows, columns)[0].values()] == [str, bool, int, float]


@pytest.mark.parametrize(
    ("kind", "cell", "said"),
    [
        ("float", "much", "do not hold a finite number in 'x': 2, 3; correct the cell"),
        ("integer", "2.5", "do not hold a whole number in 'x': 2, 3; correct the cell"),
        ("integer", "inf", "do not hold a whole number in 'x': 2, 3; correct the cell"),
        ("boolean", "2", "do not hold true or false in 'x': 2, 3; correct the cell"),
        ("float", "", "lack a value in 'x', which may not be missing: 2, 3; fill it in"),
        ("text", "", "lack a value in 'x', which may not be missing: 2, 3; fill it in"),
    ],
)
def test_a_cell_that_a_model_does_not_take_is_named_by_row(kind: ColumnKind, cell: str, said: str):
    """The wrong type, or nothing where the model never saw nothing."""
    rows = _rows(x=["1", cell, cell])
    with pytest.raises(RowsInvalid) as caught:
        features_of(rows, [Column("x", kind)])
    assert str(caught.value).startswith(f"rows.csv: 2 rows {said}")


def test_columns_must_be_those_of_the_model():
    """One that is lacking and one the model never saw, each by name."""
    rows = _rows(x=["1"], y=["2"])
    with pytest.raises(TableUnfit, match="the model takes the column 'z', which the rows lack; name it too"):
        features_of(rows, [Column("x", "float"), Column("z", "float")])
    with pytest.raises(TableUnfit, match="the model takes no column 'y'; it takes x"):
        features_of(rows, [Column("x", "float")])


def test_texts_are_not_a_table():
    """And a model of tables cannot read them."""
    rows = Rows(("a text",))
    assert list(inputs_of(rows)) == ["a text"]
    for call in (lambda: feature_columns(rows), lambda: features_of(rows, [Column("x", "float")])):
        with pytest.raises(TableUnfit, match="the rows are texts, not a table; name the feature columns"):
            call()
    with pytest.raises(TableUnfit, match="the model takes the columns of a table, the rows are texts"):
        inputs_of(rows, [Column("x", "float")])


def test_the_inputs_of_a_table_are_its_features():
    """One call for whatever the rows are."""
    rows = _rows(x=["1"])
    assert list(inputs_of(rows, [Column("x", "float")])) == [{"x": 1.0}]


@given(
    numbers=st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8),
    word=st.text(st.characters(codec="utf-8"), min_size=1, max_size=10).filter(str.strip),
    flag=st.booleans(),
)
@settings(max_examples=100, deadline=None)
def test_a_row_of_a_file_and_the_same_row_as_it_is_served_are_exact_repeats(
    numbers: list[float | None], word: str, flag: bool
):
    """What a bundle has seen in a file is recognised in traffic, and the file in another spelling."""
    n = len(numbers)
    cells = ["" if x is None else repr(x) for x in numbers]
    rows = _rows(x=cells, w=[word] * n, f=[str(flag)] * n)
    columns = [Column("x", "float", missing=True), Column("w", "text"), Column("f", "boolean")]
    served = [content_of(item) for item in features_of(rows, columns)]
    assert (minhash(served, exact=True) == minhash(rows.contents(), exact=True)).all()
    assert [json.loads(each).get("x") for each in served] == numbers


def test_no_content_of_a_cell_is_in_an_error():
    """Errors go to logs; tables hold people."""
    rows = _rows(x=["1"] * 19 + ["secret"])
    for call in (lambda: feature_columns(rows), lambda: features_of(rows, [Column("x", "float")])):
        with pytest.raises(RowsInvalid) as caught:
            call()
        assert "secret" not in str(caught.value)


def test_a_number_of_thousands_of_digits_is_only_a_large_number():
    """Python refuses to make an integer of it, which must not end a read."""
    rows = _rows(x=["9" * 5_000])
    with pytest.raises(RowsInvalid, match="row 1 does not hold a whole number"):
        features_of(rows, [Column("x", "integer")])
    (item,) = features_of(_rows(x=["9" * 30]), [Column("x", "integer")])
    assert math.isclose(float(item["x"] or 0), 1e30)
