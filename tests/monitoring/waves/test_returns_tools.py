"""What the labeling tools export, version by version, is read as what their users answered."""

import json
from typing import Any

import pytest

from monitoring.errors import LabelsInvalid
from monitoring.waves.labels import LabelRow, Rejection
from monitoring.waves.returns import parse_labels

# As each program wrote them: Argilla 2.8 and doccano 1.8.4 recorded, Prodigy 1.15 as its manual shows it.
ARGILLA_NESTED = {
    "id": "k1",
    "fields": {"text": "x"},
    "metadata": {"batch": "b-1"},
    "suggestions": {"label": {"value": "fraud", "score": 0.9, "agent": "m@1"}},
    "responses": {"label": [{"value": "billing", "user_id": "2e0d0340"}]},
    "vectors": {},
    "status": "completed",
    "_server_id": None,
}
ARGILLA_FLAT = {
    "id": "k1",
    "status": "completed",
    "_server_id": None,
    "text": "x",
    "label.responses": ["billing"],
    "label.responses.users": ["2e0d0340"],
    "label.responses.status": ["submitted"],
}
PRODIGY = {
    "text": "x",
    "options": [{"id": "billing", "text": "billing"}],
    "key": "k1",
    "_input_hash": -91551573,
    "_task_hash": -1162253049,
    "_view_id": "choice",
    "accept": ["billing"],
    "answer": "accept",
    "_timestamp": 1707211049,
    "_annotator_id": "wave-kim",
    "_session_id": "wave-kim",
}
DOCCANO = {"id": 1, "text": "x", "form": "doccano", "key": "k1", "label": ["billing"], "Comments": []}


def read(*posted: Any) -> tuple[list[tuple[str, Any, str | None]], list[str]]:
    """Return item, label and annotator of each row, and the reasons of the others."""
    parsed = parse_labels(json.dumps(list(posted)).encode())
    return [(r.key, r.label, r.annotator) for r in parsed.rows], [reason for _, reason in parsed.rejected]


@pytest.mark.parametrize(
    ("posted", "annotator"),
    [
        (ARGILLA_NESTED, "2e0d0340"),
        ({name: ARGILLA_NESTED[name] for name in ARGILLA_NESTED if name != "status"}, "2e0d0340"),
        (ARGILLA_FLAT, "2e0d0340"),
        (PRODIGY, "wave-kim"),
        ({**PRODIGY, "_annotator_id": "2024-02-06_10-17-19"}, None),
        ({**PRODIGY, "_annotator_id": "wave-2024-02-06_10-17-19"}, None),
        ({"text": "x", "key": "k1", "label": "billing", "answer": "accept"}, None),
        (DOCCANO, None),
        ({"id": 1, "data": "x", "form": "doccano", "key": "k1", "label": ["billing"]}, None),
        (
            {"id": 1, "text": "x", "meta": {"key": "k1"}, "annotation_approver": None, "labels": ["billing"]},
            None,
        ),
        ({"doc_id": 1, "text": "x", "key": "k1", "labels": ["billing"], "username": "ann"}, "ann"),
    ],
    ids=[
        "argilla",
        "argilla 2.0",
        "argilla flat",
        "prodigy",
        "prodigy unnamed",
        "prodigy unnamed in a dataset",
        "prodigy binary",
        "doccano 1.8",
        "doccano 1.4",
        "doccano 1.3",
        "doccano 2018",
    ],
)
def test_each_version_tells_the_same(posted: dict[str, Any], annotator: str | None) -> None:
    """Item, class and who said it, wherever the tool of that time puts them."""
    assert read(posted) == ([("k1", "billing", annotator)], [])


def test_argilla_says_who_submitted_discarded_and_only_drafted() -> None:
    """One row a person; a draft is not an answer yet, and a record nobody answered says nothing."""
    flat = {
        **ARGILLA_FLAT,
        "label.responses": ["billing", "fraud", None, "spam"],
        "label.responses.users": ["a", "b", "c", "d"],
        "label.responses.status": ["submitted", "submitted", "discarded", "draft"],
    }
    nobody = {**ARGILLA_FLAT, **dict.fromkeys(("label.responses", "label.responses.users"), None)}
    nobody["label.responses.status"] = None
    rows = parse_labels(json.dumps([flat, nobody]).encode()).rows
    assert [(r.annotator, r.label, r.skipped) for r in rows] == [
        ("a", "billing", False),
        ("b", "fraud", False),
        ("c", None, True),
    ]


def test_argilla_pending_in_the_form_without_states_is_not_taken() -> None:
    """Its responses may be drafts, and nothing says so."""
    assert read({**ARGILLA_NESTED, "status": "pending"}) == ([], [])


def test_prodigy_answers_twice_and_ignores() -> None:
    """The same task answered by two people is two annotations, each known again; ignored is skipped."""
    posted = [
        PRODIGY,
        {**PRODIGY, "_annotator_id": "wave-lea"},
        {**PRODIGY, "answer": "ignore", "accept": []},
    ]
    first, second, third = parse_labels(json.dumps(posted).encode()).rows
    assert first.annotation_id == "-1162253049/wave-kim@1707211049"
    assert second.annotation_id != first.annotation_id
    assert third == LabelRow("k1", None, first.annotation_id, "wave-kim", skipped=True)
    assert read({**PRODIGY, "accept": []}) == ([("k1", (), "wave-kim")], [])


@pytest.mark.parametrize(
    ("posted", "reason"),
    [
        ({"id": 1, "data": {}, "completions": []}, "an export of Label Studio before 1.0"),
        ({"data": {"item_id": "k1"}, "predictions": []}, "a task for Label Studio, without `annotations`"),
        (
            {"fields": {"text": "x"}, "responses": [{"values": {}}], "external_id": "k1"},
            "a record of Argilla 1",
        ),
        ({"inputs": {"text": "x"}, "annotation": "billing", "id": "k1"}, "a record of Argilla 1"),
        ({"text": "x", "options": [], "key": "k1"}, "a task for Prodigy, without `answer`"),
        (
            {"id": 1, "text": "x", "annotations": [{"label": 7, "user": 1}], "meta": {}},
            "labels as numbers, as doccano before 1.3",
        ),
        ({**DOCCANO, "label": [[0, 3, "billing"]]}, "labels of spans"),
        (
            {"key": "k1", "label": "billing", "export_version": 2},
            "exported by a newer Seamark (export_version 2",
        ),
        (
            {"key": "k1", "label": "billing", "export_version": "10"},
            "exported by a newer Seamark (export_version",
        ),
    ],
    ids=[
        "label studio 0",
        "label studio task",
        "argilla 1",
        "rubrix",
        "prodigy task",
        "doccano 1.2",
        "doccano spans",
        "ours, newer",
        "ours, newer, from a sheet",
    ],
)
def test_a_file_of_the_wrong_kind_is_refused_by_name(posted: dict[str, Any], reason: str) -> None:
    """All of it is, with what it is and what to send; one such row among good ones is that row's matter."""
    with pytest.raises(LabelsInvalid) as refused:
        read(posted, posted)
    assert str(refused.value).startswith(f"body: {reason}")
    rows, reasons = read({"key": "a", "label": "billing"}, posted)
    assert [key for key, *_ in rows] == ["a"]
    assert reasons[0].startswith(reason)


@pytest.mark.parametrize(
    ("posted", "reason"),
    [
        ({**ARGILLA_FLAT, "label.responses.users": []}, "expected as many `label.responses.users`"),
        ({**ARGILLA_NESTED, "responses": "billing"}, "expected the responses of a record by question"),
        ({"text": "x", "key": "k1", "label": "billing", "answer": "reject"}, "a rejected `label` says only"),
        ({**PRODIGY, "answer": "maybe"}, "answer: expected accept, reject or ignore"),
        ({**PRODIGY, "key": None}, "missing key"),
        ({**DOCCANO, "label": [1]}, "label: expected text, got a number"),
    ],
    ids=["lengths", "responses", "binary", "answer", "key", "number"],
)
def test_a_row_that_cannot_be_read_says_why(posted: dict[str, Any], reason: str) -> None:
    """In the words of the tool's own fields."""
    (rejected,) = read({"key": "a", "label": "billing"}, posted)[1]
    assert rejected.startswith(reason)


def test_the_last_annotation_of_a_task_is_the_last_row() -> None:
    """Label Studio lists annotations in no order; the one changed last is the labeler's last word."""

    def annotation(number: int, choice: str, at: str) -> dict[str, Any]:
        result = [{"type": "choices", "value": {"choices": [choice]}}]
        return {"id": number, "completed_by": 1, "was_cancelled": False, "result": result, "updated_at": at}

    task = {
        "id": 1,
        "data": {"item_id": "k1"},
        "meta": {},
        "annotations": [annotation(2, "fraud", "2026-02-01"), annotation(1, "billing", "2026-01-01")],
    }
    assert [label for _, label, _ in read(task)[0]] == ["billing", "fraud"]


def test_a_single_line_with_several_labels_is_a_row() -> None:
    """A file of one line is JSON as a whole, and its `labels` are names, not rows."""
    parsed = parse_labels(b'{"key": "k1", "labels": ["billing", "fraud"]}\n')
    assert [(row.key, row.label) for row in parsed.rows] == [("k1", ("billing", "fraud"))]


@pytest.mark.parametrize("handed_out", [{"export_version": 1}, {"lease": "l1", "annotator": "kim"}])
@pytest.mark.parametrize("said", [{}, {"label": ""}, {"label": None}, {"labels": None, "skipped": False}])
def test_a_line_as_it_was_handed_out_is_not_labelled_yet(
    handed_out: dict[str, Any], said: dict[str, Any]
) -> None:
    """Pulled or leased; none of these and a skip do say something, and a row of one's own must."""
    line = {"key": "a", "text": "x", **handed_out}
    assert read(line | said, line | {"label": "billing"})[0] == [
        ("a", "billing", handed_out.get("annotator"))
    ]
    assert read(line | said)[1] == []
    assert [label for _, label, _ in read(line | {"label": []}, line | {"skipped": True})[0]] == [(), None]
    assert read(line | {"label": 0})[1] == ["label: expected text, got a number"]
    assert read({"key": "a"} | said)[1] == ['missing label: give `label`, or `"skipped": true`']


def test_who_labelled_a_file_signs_its_rows() -> None:
    """Rows that name somebody keep the name; the others are of whom the sender says."""
    body = b'[{"key": "a", "label": "x", "annotator": "lea"}, {"key": "b", "label": "x"}]'
    assert [row.annotator for row in parse_labels(body, annotator="kim").rows] == ["lea", "kim"]


def test_rows_of_another_batch_among_ours() -> None:
    """They are refused one by one, with where they belong."""
    body = b'[{"key": "a", "label": "x", "batch": "b1"}, {"key": "b", "label": "x", "batch": "b0"}]'
    parsed = parse_labels(body, batch="b1")
    assert [row.key for row in parsed.rows] == ["a"]
    assert parsed.rejected == (Rejection(1, "labels of batch 'b0', not of 'b1'; send them there"),)
