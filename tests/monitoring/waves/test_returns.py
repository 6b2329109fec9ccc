"""Labels come back in four forms; every row is read or refused with a reason, and no row spoils another."""

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.errors import LabelsInvalid
from monitoring.waves.cells import guard
from monitoring.waves.labels import LabelRow, Rejection
from monitoring.waves.returns import parse_labels

CLASSES = ("billing", "fraud")


def body(*rows: object) -> bytes:
    """Return the JSON form."""
    return json.dumps({"labels": rows}).encode()


def task(key: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    """Return a task as Label Studio exports it."""
    return {
        "id": 7,
        "data": {"text": "…", "item_id": key},
        "annotations": list(annotations),
        "predictions": [],
    }


def annotation(number: int, *choices: str, **fields: Any) -> dict[str, Any]:
    """Return an annotation as Label Studio exports it."""
    value = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": list(choices)}}
    common = {"completed_by": 3, "was_cancelled": False, "updated_at": "2026-01-31T10:00:00Z"}
    return {"id": number, "result": [value] if choices else [], **common, **fields}


def test_the_json_form():
    """Key or id, with or without annotation id; a skipped row has no label."""
    parsed = parse_labels(
        body(
            {"key": "a", "label": "fraud", "annotation_id": "x1", "annotator": "ann"},
            {"id": "b", "label": "none_of_these", "annotation_id": 12},
            {"key": "c", "skipped": True, "annotation_id": "x3"},
        )
    )
    assert parsed.rows == (
        LabelRow("a", "fraud", "x1", "ann"),
        LabelRow("b", "none_of_these", "12"),
        LabelRow("c", None, "x3", skipped=True),
    )
    assert parsed.rejected == ()


def test_without_an_annotation_id_the_same_words_are_the_same_annotation():
    """Posting a row twice is recognisable; another label for the same item is another annotation."""
    first, second, other = (
        parse_labels(body({"key": "a", "label": label})).rows[0] for label in ("fraud", "fraud", "billing")
    )
    assert first == second
    assert first.annotation_id != other.annotation_id


def test_one_bad_row_spoils_nothing_and_says_where_and_why():
    """Each refusal has its position in what was posted, in the words of the field."""
    parsed = parse_labels(
        body(
            {"key": "a", "label": "fraud"},
            {"label": "fraud"},
            {"key": "b"},
            {"key": 7, "label": "fraud"},
            {"key": "c", "label": 1},
            "fraud",
            {"key": "d", "skipped": "yes"},
            {"key": "e", "label": "fraud", "skipped": True},
            {"key": "k" * 513, "label": "fraud"},
            {"key": "\ud800", "label": "fraud"},
            {"key": "z", "label": "billing"},
        )
    )
    assert [row.key for row in parsed.rows] == ["a", "z"]
    assert parsed.positions == (0, 10)
    assert parsed.rejected == (
        Rejection(1, "missing key: give `key`, or the `id` the item was sent with"),
        Rejection(2, 'missing label: give `label`, or `"skipped": true`'),
        Rejection(3, "key: expected text, got a number"),
        Rejection(4, "label: expected text, got a number"),
        Rejection(5, "expected an object, got text"),
        Rejection(6, "skipped: expected true or false, got text"),
        Rejection(7, "a skipped item has no label; send one of the two"),
        Rejection(8, "key: 513 characters; at most 512 are allowed"),
        Rejection(9, "key: holds a NUL or half of a surrogate pair, which no store can keep"),
    )


def test_json_lines_with_blank_and_broken_lines():
    """A blank line is nothing; a line cut off is a refused row, the others go in."""
    text = '{"key": "a", "label": "fraud"}\n\n{"key": "b", "label": "bil\n{"key": "c", "label": "billing"}\n'
    parsed = parse_labels(text.encode())
    assert [row.key for row in parsed.rows] == ["a", "c"]
    assert parsed.rejected == (Rejection(2, "not JSON"),)
    assert parse_labels(b'{"key": "a", "label": "fraud"}').rows[0].key == "a"


def test_the_label_studio_export():
    """A row an annotation, known by id and time of change; what was cancelled is not there."""
    export = [
        task(
            "a",
            annotation(11, "fraud"),
            annotation(12, "billing", completed_by={"id": 4, "email": "b@x.org"}),
        ),
        task("b", annotation(13, was_cancelled=True)),
        task("c"),
        task("d", annotation(14, result=[{"value": {"text": ["a note"]}}])),
        task("e", annotation(15, result=annotation(15, "fraud")["result"] * 2)),
        {"id": 9, "annotations": [annotation(16, "fraud")]},
    ]
    parsed = parse_labels(json.dumps(export).encode())
    assert parsed.rows == (
        LabelRow("a", "fraud", "11@2026-01-31T10:00:00Z", "3"),
        LabelRow("a", "billing", "12@2026-01-31T10:00:00Z", "b@x.org"),
    )
    assert [row for row, _ in parsed.rejected] == [3, 4, 5]
    assert "the choices of one question" in parsed.rejected[0].reason


def test_an_edited_annotation_is_a_new_one():
    """Label Studio keeps the id when a labeler changes their mind; the time of change tells the two apart."""
    before, after = (
        parse_labels(json.dumps([task("a", annotation(11, "fraud", updated_at=at))]).encode()).rows[0]
        for at in ("2026-01-31T10:00:00Z", "2026-01-31T11:00:00Z")
    )
    assert before.annotation_id != after.annotation_id
    assert before.is_dated
    assert after.is_dated
    bare = parse_labels(b'{"labels": [{"key": "a", "label": "fraud", "annotation_id": "11@10:00"}]}').rows[0]
    assert not bare.is_dated


def test_the_short_label_studio_export():
    """JSON-MIN has the data beside the label; the task's own number is not the item's id."""
    fields = {"id": 7, "item_id": "a", "text": "…", "label": "fraud", "annotation_id": 5, "annotator": 1}
    assert parse_labels(json.dumps([fields]).encode()).rows == (LabelRow("a", "fraud", "5", "1"),)


def test_a_table_comes_back_with_its_guards_and_gaps():
    """The apostrophe before a formula goes, an empty label is a row not labelled yet."""
    table = f"\ufeffrank,key,label\r\n1,{guard('=1+1')},fraud\r\n2,b,\r\n3,,fraud\r\n4,'tis,billing\r\n"
    parsed = parse_labels(table.encode())
    assert [(row.key, row.label) for row in parsed.rows] == [("=1+1", "fraud"), ("'tis", "billing")]
    assert [row for row, _ in parsed.rejected] == [2]


@pytest.mark.parametrize(
    ("posted", "reason"),
    [
        (b"", "body: empty"),
        (b"\xff\xfe", "body: not UTF-8 at byte 0"),
        (b'{"labels": 3}', "labels: expected a list"),
        (b'{"labels": [', "body: not JSON"),
        (b"[" * 100_000, "body: not JSON"),
        (b"17", "body: expected"),
        (b"hello", "body: neither JSON nor a table"),
        (b"\n<!DOCTYPE html><html lang=de><body>Sign in", "body: a web page (HTML)"),
        (b"<html><head><title>502 Bad Gateway</title>", "body: a web page (HTML)"),
        (b'key,label\n"a,fraud\n', "body: not CSV at line"),
        (
            b'key,label\n"a,fraud' + b"x" * 200_000,
            "body: not CSV at line 2: a cell over 131072 characters, or",
        ),
        (b"hello" * 100_000, "body: neither JSON nor a table"),
        (b'["hello", 17]', "body: expected"),
    ],
    ids=[
        *("empty", "encoding", "labels", "cut", "deep", "number", "words", "page", "gateway", "quote"),
        *("long cell", "long line", "list"),
    ],
)
def test_a_body_that_is_no_labels_at_all(posted: bytes, reason: str):
    """The whole posting is refused with what was expected, and nothing of it is stored."""
    with pytest.raises(LabelsInvalid) as refused:
        parse_labels(posted)
    assert str(refused.value).startswith(reason)


@settings(max_examples=150, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "labels",
                        "key",
                        "label",
                        "annotations",
                        "data",
                        "result",
                        "value",
                        "choices",
                        "skipped",
                        "x",
                    ]
                ),
                inner,
            )
        ),
        max_leaves=12,
    )
)
def test_no_json_crashes_the_parser(document: object):
    """Whatever JSON is posted, the answer is rows, reasons or LabelsInvalid."""
    try:
        parsed = parse_labels(json.dumps(document).encode())
    except LabelsInvalid:
        return
    assert len(parsed.rows) == len(parsed.positions)


def test_the_key_of_the_reply_is_taken_too() -> None:
    """What a client reads as `labels` may come back as `labels`; `label` goes first."""
    rows = parse_labels(
        body({"key": "a", "labels": ["fraud"]}, {"key": "a", "label": "x", "labels": []})
    ).rows
    assert [row.label for row in rows] == [("fraud",), "x"]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (["fraud", 3], "label: expected text, got a number"),
        (["fraud", ""], "label: expected names, got an empty one"),
        (["fraud"] * 1_025, "label: 1025 names; at most 1024 are allowed"),
        ({"text": "fraud"}, 'missing label: give `label`, or `"skipped": true`'),
    ],
    ids=["number", "empty", "many", "object"],
)
def test_lists_that_are_no_labels(value: object, reason: str) -> None:
    """A list is names and nothing else."""
    assert parse_labels(body({"key": "a", "label": value})).rejected == (Rejection(0, reason),)


def test_the_order_of_a_list_makes_no_other_annotation() -> None:
    """Posting the same set again is a repeat, however it is ordered."""
    rows = parse_labels(body(*({"key": "a", "label": list(p)} for p in permutations(CLASSES)))).rows
    assert len({row.annotation_id for row in rows}) == 1


def test_label_studio_answers_with_several_choices_or_none() -> None:
    """Choices of one question are a set; an annotation without any says that no label fits."""
    export = [task("a", annotation(1, "fraud", "billing")), task("b", annotation(2))]
    rows = parse_labels(json.dumps(export).encode()).rows
    assert [row.label for row in rows] == [("fraud", "billing"), ()]
