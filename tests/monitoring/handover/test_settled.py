"""Settled labels as a file: what a fit reads of it, and what a spreadsheet must not run."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from model_store.data.rows import read_rows
from monitoring.handover.settled import COLUMNS, write_csv, write_jsonl
from monitoring.waves.batches import BatchItem
from monitoring.waves.labelled import LabelledItem

ITEM = BatchItem(
    rank=3,
    key="k1",
    item_id=None,
    source="email",
    text="=my account, again",
    slice="explore",
    stratum="exploration",
    inclusion_probability=0.25,
    dup_count=2,
    probabilities=(0.25, 0.75),
    predicted="spam",
    at=1_700_000_000.0,
    state="labelled",
    label="ham",
)


def labelled(**item: Any) -> LabelledItem:
    """Return a labelled item."""
    return LabelledItem(
        batch_id="b1",
        alarm_id=None,
        model_key="mail@1",
        created_at=1_700_000_100.0,
        mode="mixed",
        complete_sample=True,
        classes=("ham", "spam"),
        multilabel=False,
        input_kind="text",
        item=replace(ITEM, **item),
        annotators=2,
        agreed=False,
    )


def table(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    return list(csv.DictReader(io.StringIO(content.decode(), newline="")))


def test_a_line_says_all_of_an_item_and_nothing_of_the_model() -> None:
    """The columns in their order; a slice or a probability is not among them."""
    (line,) = write_jsonl([labelled()]).decode().splitlines()
    assert json.loads(line) == {
        "key": "k1",
        "id": None,
        "source": "email",
        "time": "2023-11-14T22:13:20.000Z",
        "text": "=my account, again",
        "label": "ham",
        "stratum": "exploration",
        "inclusion_probability": 0.25,
        "dup_count": 2,
        "weight": 8.0,
        "batch": "b1",
        "alarm": None,
        "model": "mail@1",
        "annotators": 2,
        "agreed": False,
    }
    assert tuple(json.loads(line)) == COLUMNS


def test_a_fit_reads_the_table(tmp_path: Path) -> None:
    """Text, label, source, weight, stratum and time are columns it knows; labels are as the model says."""
    path = tmp_path / "labels.csv"
    chosen = labelled(key="k2", stratum="certainty", inclusion_probability=1.0, label="=odd")
    path.write_bytes(write_csv([labelled(), chosen, replace(labelled(), complete_sample=False)]))
    found = read_rows(
        path, text="text", label="label", source="source", weight="weight", stratum="stratum", time="time"
    )
    assert found.labels == ("ham", "=odd", "ham")
    assert found.weights == (8.0, 0.0, 8.0)
    assert found.strata == ("exploration", "certainty", "exploration-partial")
    assert found.times == (1_700_000_000.0,) * 3
    assert found.texts[0] == "'=my account, again"  # which `seamark fit` takes the apostrophe off


def test_several_labels_and_none_of_them(tmp_path: Path) -> None:
    """A list on a line, `a|b` in a cell; no label is an answer that a cell can say."""
    items = [labelled(label=("ham", "spam")), labelled(label=())]
    lines = [json.loads(line)["label"] for line in write_jsonl(items).splitlines()]
    assert lines == [["ham", "spam"], []]
    path = tmp_path / "labels.csv"
    path.write_bytes(write_csv(items))
    assert [row["label"] for row in table(path.read_bytes())] == ["ham|spam", "[]"]
    rows = read_rows(path, text="text", label="label", multilabel=True)
    assert rows.label_sets == (frozenset({"ham", "spam"}), frozenset())


def test_rows_of_a_table_have_their_features() -> None:
    """An object on a line, a column each in a table, renamed where the table has such a column."""
    row = {"amount": -1.5, "label": "@x", "urgent": True, "zip": None}
    items = [
        replace(labelled(text=json.dumps(row)), input_kind="features"),
        replace(labelled(text=None), input_kind="features"),
    ]
    first, second = (json.loads(line) for line in write_jsonl(items).splitlines())
    assert (first["features"], second["features"]) == (row, {})
    assert "text" not in first
    cells, empty = table(write_csv(items))
    assert (cells["amount"], cells["feature__label"], cells["urgent"], cells["zip"]) == (
        "-1.5",
        "'@x",
        "true",
        "",
    )
    assert (cells["label"], empty["amount"], "text" in cells) == ("ham", "", False)


def test_without_texts_there_are_ids(tmp_path: Path) -> None:
    """Where none is kept the cell is empty, for the reader to join by key."""
    assert table(write_csv([labelled(text=None)]))[0]["text"] == ""
    assert write_csv([]).decode().strip() == ",".join(COLUMNS)
    assert write_jsonl([]) == b""
