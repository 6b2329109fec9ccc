"""A sheet has the item and an empty label, and comes back as it was; nothing of it would run as a formula."""

import csv
import io
import json

import pytest

from monitoring.plan.sheets import write_csv, write_jsonl, write_parquet
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.cells import unguard

TEXTS = ("=1+1 is a formula", 'an "ü", quoted')
ROWS = ('{"amount": -1.5, "topic": "=late"}', '{"topic": "login", "urgent": true}')


def batch(contents: tuple[str, str], input_kind: str = "text") -> Batch:
    """Return a batch of two items, the first of them without an id."""
    items = tuple(
        BatchItem(
            rank=at + 1,
            key=key,
            item_id=item_id,
            source="app",
            text=content,
            slice="watched",
            stratum="certainty",
            inclusion_probability=1.0,
            dup_count=1,
            probabilities=(),
            predicted=None,
            at=0.0,
        )
        for at, (key, item_id, content) in enumerate(zip(("k", "-b"), (None, "-b"), contents, strict=True))
    )
    return Batch("b1", None, "rules 1", 0.0, "open", {"classes": ["fraud"], "input_kind": input_kind}, items)


def cells(content: bytes) -> list[dict[str, str]]:
    """Return the rows of a CSV."""
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_formula_is_guarded_and_nothing_else_changes() -> None:
    """In CSV; JSON lines need no guard, and have no label before there is one."""
    rows = cells(write_csv(batch(TEXTS)))
    assert [tuple(row.values()) for row in rows] == [
        ("k", "", "app", "'=1+1 is a formula", ""),
        ("'-b", "'-b", "app", 'an "ü", quoted', ""),
    ]
    plain = [{name: unguard(cell) for name, cell in row.items() if name != "label"} for row in rows]
    lines = [json.loads(line) for line in write_jsonl(batch(TEXTS)).decode().splitlines()]
    assert lines == [each | {"batch": "b1", "export_version": 1} for each in plain]


def test_a_row_of_a_table_has_a_column_a_feature() -> None:
    """Numbers are no formulas, a missing value is an empty cell, and JSON lines have what is there."""
    rows = cells(write_csv(batch(ROWS, "features")))
    assert list(rows[0]) == ["key", "id", "source", "amount", "topic", "urgent", "label"]
    assert [(row["amount"], row["topic"], row["urgent"]) for row in rows] == [
        ("-1.5", "'=late", ""),
        ("", "login", "true"),
    ]
    lines = [json.loads(line) for line in write_jsonl(batch(ROWS, "features")).decode().splitlines()]
    assert [line["features"] for line in lines] == list(map(json.loads, ROWS))
    assert not any("text" in line or "label" in line for line in lines)


def test_parquet_keeps_types() -> None:
    """Nothing is guarded there."""
    pq = pytest.importorskip("pyarrow.parquet")
    texts = pq.read_table(io.BytesIO(write_parquet(batch(TEXTS)))).to_pydict()
    assert (texts["text"], texts["key"], texts["label"]) == (list(TEXTS), ["k", "-b"], [None, None])
    rows = pq.read_table(io.BytesIO(write_parquet(batch(ROWS, "features")))).to_pydict()
    assert (rows["amount"], rows["topic"], rows["urgent"]) == ([-1.5, None], ["=late", "login"], [None, True])
