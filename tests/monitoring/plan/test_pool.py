"""One row of each near-duplicate group is offered, and none whose group was handed out before."""

from pathlib import Path

import pytest

from model_store.data.signatures import minhash
from model_store.errors import RowsError
from model_store.graphs.columns import Column
from monitoring.plan.pool import ONE_SOURCE, Taken, fresh, read_pool
from monitoring.recording.candidate import item_key

ROWS = """id,channel,text
a,app,my card was stolen yesterday evening in town
b,app,My card  was stolen yesterday evening in town
c,mail,the parcel never came and nobody answers
d,mail,how do I change the address of my account
"""


def written(tmp_path: Path, content: str = ROWS) -> Path:
    """Return the path of a pool."""
    path = tmp_path / "pool.csv"
    path.write_text(content)
    return path


def test_near_duplicates_are_one_item_that_stands_for_all(tmp_path: Path) -> None:
    """The first row of the file represents them."""
    pool = read_pool(written(tmp_path), text="text", source="channel", id_="id")
    found = fresh(pool, Taken())
    assert (found.rows.tolist(), found.copies.tolist()) == ([0, 2, 3], [2, 1, 1])
    assert (found.taken, found.repeated, pool.keys) == (0, 1, ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    "taken",
    [Taken(frozenset({"b"})), Taken(texts=("MY card was stolen yesterday evening in town",))],
    ids=["key", "text"],
)
def test_a_group_is_out_whole_when_one_of_it_was_handed_out(tmp_path: Path, taken: Taken) -> None:
    """By the key of any of its rows, or by a text like it."""
    pool = read_pool(written(tmp_path), text="text", source="channel", id_="id")
    found = fresh(pool, taken)
    assert (found.rows.tolist(), found.taken) == ([2, 3], 2)


def test_without_ids_and_sources_keys_are_of_the_text(tmp_path: Path) -> None:
    """All rows are of one source then."""
    pool = read_pool(written(tmp_path), text="text")
    assert set(pool.sources) == {ONE_SOURCE}
    assert pool.keys[2] == item_key(ONE_SOURCE, pool.texts[2])
    assert pool.ids is None


COLUMNS = (Column("amount", "float", missing=True), Column("topic", "text"))
TABLE = "id,topic,amount,note\na,late,1.5,x\nb,late,1.50,y\nc,late,1.6,z\nd,late,,x\n"


def test_of_a_table_equal_rows_are_one_item(tmp_path: Path) -> None:
    """Of the columns that the model takes, whatever else the file has; a near number is another item."""
    pool = read_pool(written(tmp_path, TABLE), columns=COLUMNS, id_="id")
    assert (pool.input_kind, pool.texts[0]) == ("features", '{"amount": 1.5, "topic": "late"}')
    assert pool.texts[3] == '{"topic": "late"}'
    found = fresh(pool, Taken())
    assert (found.rows.tolist(), found.copies.tolist()) == ([0, 2, 3], [2, 1, 1])
    left = fresh(pool, Taken(texts=(pool.texts[1],), seen=minhash([pool.texts[3]], exact=True)))
    assert (left.rows.tolist(), left.taken) == ([2], 3)


def test_a_value_of_another_type_is_named(tmp_path: Path) -> None:
    """With its row and column."""
    with pytest.raises(RowsError, match=r"row 1 .*'amount'"):
        read_pool(written(tmp_path, TABLE.replace("1.5,x", "much,x")), columns=COLUMNS, id_="id")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("id,channel,text\n", "a header and no rows"),
        ("id,channel\na,app\n", "no column 'text'; the columns are id, channel"),
        (ROWS + "a,app,again\n", "row 5 repeats a value of 'id'"),
        (ROWS + "e,,again\n", "row 5 has an empty 'channel'"),
        (ROWS + "e,app,\n", "row 5 has an empty 'text'"),
    ],
    ids=["empty", "column", "id twice", "no source", "no text"],
)
def test_a_bad_file_is_named_with_its_row(tmp_path: Path, content: str, said: str) -> None:
    """And with what to do."""
    path = written(tmp_path, content)
    with pytest.raises(RowsError) as refused:
        read_pool(path, text="text", source="channel", id_="id")
    assert str(refused.value).startswith(str(path))
    assert said in str(refused.value)
