"""Labels are read as they came back: from a sheet, from JSON lines, or as a labeling tool exports them."""

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from model_store.errors import RowsError
from monitoring.errors import PlanRefused
from monitoring.plan.labelled import Labelled, merged, read_labelled
from monitoring.recording.candidate import item_key
from monitoring.waves.labels import NONE_OF_THESE

FRAUD, OK, NOBODY = frozenset({"fraud"}), frozenset({"ok"}), frozenset[str]()


def written(path: Path, content: str) -> Path:
    """Return the path of a file with this content."""
    path.write_text(content)
    return path


def read(path: Path, pool: Mapping[str, str] | None = None) -> Labelled:
    """Return what is read where the pool has the usual columns."""
    return read_labelled(path, text="text", label="label", source=None, id_=None, pool=pool)


def test_a_batch_file_comes_back_without_its_guard(tmp_path: Path) -> None:
    """Its own columns count whatever those of the pool are called; an empty label is none."""
    path = written(
        tmp_path / "b.csv", "key,id,source,text,label\n'-1,'-1,app,'=x,fraud\nk,k,app,y,\nj,j,app,z,a|b\n"
    )
    found = read_labelled(path, text="message", label="label", source="channel", id_="nr")
    assert (found.keys, found.texts) == (("-1", "k", "j"), ("=x", "y", "z"))
    assert found.labels == (frozenset({"fraud"}), frozenset(), frozenset({"a", "b"}))
    assert (found.count, found.positives("fraud")) == (2, 1)


def test_any_file_with_the_pool_s_columns_will_do(tmp_path: Path) -> None:
    """Keys are its ids, else of source and text."""
    path = written(tmp_path / "l.csv", "nr,channel,message,what\n7,app,hello,ok\n")
    with_ids = read_labelled(path, text="message", label="what", source="channel", id_="nr")
    without = read_labelled(path, text="message", label="what", source="channel", id_=None)
    assert (with_ids.keys, without.keys) == (("7",), (item_key("app", "hello"),))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("key,text\nk,x\n", "no column 'label'; the columns are key, text"),
        ("key,text,label\nk,x,a\nk,x,b\n", "row 2 repeats the key of an earlier row"),
        ("text,label\n", "a header and no rows"),
    ],
    ids=["column", "twice", "empty"],
)
def test_labels_that_cannot_be_read_are_one_line(tmp_path: Path, content: str, said: str) -> None:
    """With the file's name."""
    with pytest.raises(RowsError, match=said):
        read_labelled(written(tmp_path / "l.csv", content), text="text", label="label", source=None, id_=None)


LABEL_STUDIO: Callable[[str, str], Mapping[str, Any]] = lambda key, label: {  # noqa: E731
    "data": {"item_id": key, "text": "x"},
    "annotations": [
        {
            "id": f"{key}-1",
            "completed_by": 1,
            "result": [
                {"type": "choices", "from_name": "label", "to_name": "text", "value": {"choices": [label]}}
            ],
        }
    ],
}


@pytest.mark.parametrize(
    "content",
    [
        '{"key": "a", "label": "fraud"}\n{"key": "b", "text": "x", "export_version": 1}\n'
        '{"key": "c", "label": "ok"}\n',
        '{"labels": [{"key": "a", "label": "fraud"}, {"key": "c", "label": "ok"}]}',
        json.dumps([LABEL_STUDIO("a", "fraud"), LABEL_STUDIO("c", "ok")]),
        "annotation_id,item_id,label\n1,a,fraud\n2,c,ok\n",
        "annotation_id\titem_id\tlabel\n1\ta\tfraud\n2\tc\tok\n",
        "key;text;label\na;x;fraud\nb;y;\nc;z;ok\n",
        '{"text": "x", "key": "a", "answer": "accept", "accept": ["fraud"], "options": []}\n'
        '{"text": "x", "key": "c", "answer": "accept", "accept": ["ok"], "options": []}\n',
        '{"text": "x", "form": "doccano", "key": "a", "label": ["fraud"]}\n'
        '{"text": "x", "form": "doccano", "key": "c", "label": ["ok"]}\n',
        '[{"id": "a", "text": "x", "label.responses": ["fraud"], "label.responses.users": ["u"],'
        ' "label.responses.status": ["submitted"]}, {"id": "c", "text": "x", "label.responses": ["ok"],'
        ' "label.responses.users": ["u"], "label.responses.status": ["submitted"]}]',
    ],
    ids=["lines", "object", "label studio", "its csv", "tsv", "semicolons", "prodigy", "doccano", "argilla"],
)
def test_every_form_of_a_batch_comes_back_as_the_same_labels(tmp_path: Path, content: str) -> None:
    """The file says by its content what it is; texts are those of the pool, where it has the key."""
    found = read(written(tmp_path / "labels.txt", content), {"a": "of the pool"})
    assert dict(zip(found.keys, found.labels, strict=True)) == {"a": FRAUD, "c": OK}
    assert (found.texts, found.known_texts) == (("of the pool", ""), ("of the pool",))


def test_parquet_comes_back(tmp_path: Path) -> None:
    """As the sheet was written, with its labels filled in, and is known for a plan's."""
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "batch.parquet"
    columns = {"key": ["a", "b"], "id": ["", ""], "source": ["app", "app"], "label": ["fraud", None]}
    pq.write_table(pa.table(columns), path)
    found = read(path)
    assert (found.keys, found.labels, found.by_plan) == (("a",), (FRAUD,), {"a"})


def test_of_several_labelers_the_majority_decides(tmp_path: Path) -> None:
    """A skip says nothing, and an item that all skip has no label yet."""
    lines = [
        {"key": "a", "label": "fraud", "annotator": "ann"},
        {"key": "a", "label": "ok", "annotator": "bo"},
        {"key": "a", "label": "fraud", "annotator": "cy"},
        {"key": "b", "skipped": True, "annotator": "ann"},
    ]
    found = read(written(tmp_path / "l.jsonl", "".join(json.dumps(line) + "\n" for line in lines)))
    assert dict(zip(found.keys, found.labels, strict=True)) == {"a": FRAUD, "b": NOBODY}


@pytest.mark.parametrize("content", ["key,text,label\nk,x,[]\n", '{"key": "k", "label": []}\n'])
def test_an_item_of_no_class_is_labelled(tmp_path: Path, content: str) -> None:
    """With none of these: it counts among the labels of its slice."""
    found = read(written(tmp_path / "l.txt", content))
    assert (found.labels, found.count) == ((frozenset({NONE_OF_THESE}),), 1)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"key": "a", "label": 3}\n', r"row 1: label: expected text, got a number"),
        ('{"label": "ok"}\n{"label": "ok"}\n', r"row 1: missing key: .* \(and 1 more of 2 rows\)"),
        ("{", "not JSON; expected"),
        (json.dumps([{"data": {"item_id": "a", "text": "x"}}]), "a task for Label Studio, without"),
        ("\n<!DOCTYPE html><title>Sign in, kim</title>", r"a web page \(HTML\)[^,]*, perhaps [^<]*$"),
        ("<HTML>", r"a web page \(HTML\)"),
        ("PK\x03\x04", "a ZIP archive or an Excel workbook"),
    ],
    ids=["label", "keys", "broken", "tasks", "page", "loud page", "workbook"],
)
def test_an_export_that_cannot_be_read_is_one_line(tmp_path: Path, content: str, said: str) -> None:
    """With the file's name and the row."""
    path = written(tmp_path / "l.json", content)
    with pytest.raises(PlanRefused, match=said) as refused:
        read(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert "\n" not in str(refused.value)


def test_rows_of_a_table_are_known_by_their_key(tmp_path: Path) -> None:
    """Or by the id of the pool; without either nobody knows which they are."""
    pool = {"a": '{"amount": 1.5}'}
    path = written(tmp_path / "l.csv", "key,amount,label\na,1.5,fraud\n")
    by_key = read_labelled(path, text=None, label="label", source=None, id_=None, pool=pool)
    assert (by_key.keys, by_key.texts, by_key.labels) == (("a",), ('{"amount": 1.5}',), (FRAUD,))
    path = written(tmp_path / "l.csv", "nr,amount,label\na,1.5,fraud\n")
    by_id = read_labelled(path, text=None, label="label", source=None, id_="nr", pool=pool)
    assert (by_id.keys, by_id.texts, by_id.labels) == (by_key.keys, by_key.texts, by_key.labels)
    with pytest.raises(PlanRefused, match="no column `key`, nor one that --id names"):
        read_labelled(path, text=None, label="label", source=None, id_=None, pool=pool)


def test_a_packed_export_is_to_be_unpacked(tmp_path: Path) -> None:
    """Only sheets are read packed; nothing of what is inside is told."""
    path = tmp_path / "l.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"key": "a", "label": "ok"}\n'))
    with pytest.raises(PlanRefused) as refused:
        read(path)
    assert str(refused.value) == f"{path}: compressed with gzip; unpack it"
    path.write_bytes(gzip.compress(b"key,text,label\na,x,ok\n"))
    assert read(path).labels == (OK,)


@pytest.mark.parametrize(
    ("content", "id_", "of_a_plan"),
    [
        ("key,id,source,text,label\nk,7,app,x,a\n", None, True),
        ("key,id,source,text,label\nk,k,app,x,a\n", "key", True),
        ("key;id;source;text;label\nk;7;app;x;a\n", None, True),
        ("key,label,text\nk,a,x\n", None, True),
        ("key,label,text\nmine,a,x\n", None, False),
        ("key,label,text\nk,a,x\n", "key", False),
        ("text,label\nx,a\n", None, False),
        ("nr,channel,text,label\nk,app,x,a\n", "nr", False),
        ("key,id,source,text,label,batch\nk,7,app,x,a,a8837ac39c8157a2\n", None, False),
        ("key,id,source,text,label,annotator,lease\nk,7,app,x,a,kim,5f\n", None, False),
        ("annotation_id,item_id,label,batch\n1,k,a,plan-1-0123456789ab\n", None, True),
        ('{"key": "k", "label": "a", "batch": "plan-2-0123456789ab"}\n', None, True),
        ('{"key": "k", "label": "a"}\n', None, False),
        ('{"key": "k", "text": "x", "label": ["a"], "meta": {"batch": "plan-1-01"}}\n', None, True),
    ],
    ids=[
        *("sheet", "whose ids are keys", "by a spreadsheet", "without columns", "other keys", "keys as ids"),
        *("texts", "ids", "of a service", "leased", "label studio", "lines", "other lines", "doccano"),
    ],
)
def test_a_file_shows_that_a_plan_handed_its_items_out(
    tmp_path: Path, content: str, id_: str | None, of_a_plan: bool
) -> None:
    """By the batch it names, or the columns of a plan's sheet; labels of one's own do not."""
    path = written(tmp_path / "l.txt", content)
    found = read_labelled(path, text="text", label="label", source=None, id_=id_, pool={"k": "x"})
    assert found.by_plan == (set(found.keys) if of_a_plan else set())


def test_several_files_are_one_and_the_last_label_counts() -> None:
    """An item that a later file leaves without a label keeps the one it has."""
    one = Labelled(("a", "b"), ("x", ""), (FRAUD, OK))
    two = Labelled(("b", "a", "c"), ("y", "", "z"), (FRAUD, NOBODY, NOBODY))
    assert merged([one, two]) == Labelled(("a", "b", "c"), ("x", "y", "z"), (FRAUD, FRAUD, NOBODY))
    assert merged([]) == Labelled()
