"""A batch travels in three formats, the same bytes each time, and its labels find their way back."""

import csv
import hashlib
import io
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monitoring import handover
from monitoring.waves.batches import PARTIAL, Batch, BatchItem
from monitoring.waves.cells import unguard
from monitoring.waves.labels import of_batch
from monitoring.waves.returns import parse_labels

CLASSES = ("billing", '<fraud> & "theft"', "=odd")


def item(rank: int, **fields: Any) -> BatchItem:
    """Return an item of the watched slice, changed by `fields`."""
    common = BatchItem(
        rank=rank,
        key=f"k{rank}",
        item_id=f"k{rank}",
        source="email",
        text='Grüße,\n"two" lines; 🙂',
        slice="watched",
        stratum="certainty",
        inclusion_probability=1.0,
        dup_count=1,
        probabilities=(0.25, 0.7, 0.05),
        predicted=CLASSES[1],
        at=1_769_853_600.25,
    )
    return replace(common, **fields)


BATCH = Batch(
    id="b-1",
    alarm_id="a-1",
    model_key="tickets@3",
    created_at=1_769_853_700.0,
    state="open",
    manifest={"classes": list(CLASSES), "seed": "a-1", "schema": 2, "complete_sample": True},
    items=(
        item(1),
        item(2, slice="explore", stratum="exploration", inclusion_probability=0.004, dup_count=2),
        item(3, key="=2+5", item_id=None, text="=cmd|' /C calc'!A0", predicted="=odd", slice="uncertain"),
        item(4, predicted=None, probabilities=(0.4, 0.3, 0.3)),
        item(5, text=None),
    ),
)


@pytest.mark.parametrize("form", handover.FORMS)
def test_progress_and_repetition_change_no_byte(form: str):
    """A batch pulled twice, or after half of it was labelled, or through a database, is the same file."""
    labelled = tuple(replace(one, state="labelled", label="billing") for one in BATCH.items)
    stored = tuple(
        replace(one, probabilities=tuple(round(float(np.float32(p)), 6) for p in one.probabilities))
        for one in BATCH.items
    )
    body = handover.export(BATCH, form)
    assert body == handover.export(replace(BATCH, items=labelled, state="closed"), form)
    assert body == handover.export(replace(BATCH, items=stored), form)


def test_an_unknown_format_lists_the_known():
    """The error says what there is."""
    with pytest.raises(ValueError, match="'xlsx': expected one of jsonl, csv, parquet, label_studio"):
        handover.export(BATCH, "xlsx")


def test_json_lines_say_everything():
    """One item a line, without a header; time in UTC, probabilities by class."""
    lines = handover.export(BATCH, "jsonl").decode().splitlines()
    assert len(lines) == 5
    assert json.loads(lines[1]) == {
        "batch": "b-1",
        "rank": 2,
        "key": "k2",
        "id": "k2",
        "source": "email",
        "time": "2026-01-31T10:00:00.250Z",
        "text": 'Grüße,\n"two" lines; 🙂',
        "slice": "explore",
        "stratum": "exploration",
        "inclusion_probability": 0.004,
        "dup_count": 2,
        "weight": 500.0,
        "model": "tickets@3",
        "predicted": CLASSES[1],
        "export_version": 1,
        "probabilities": {"billing": 0.25, CLASSES[1]: 0.7, "=odd": 0.05},
    }


def test_a_line_with_a_label_added_is_a_label():
    """A data team may add `label` to the lines it pulled and send them back as they are."""
    lines = [json.loads(line) | {"label": "billing"} for line in handover.export(BATCH, "jsonl").splitlines()]
    parsed = parse_labels("\n".join(json.dumps(line) for line in lines).encode())
    assert [row.key for row in parsed.rows] == ["k1", "k2", "=2+5", "k4", "k5"]


def test_the_table_runs_no_formula_and_loses_no_text():
    """No cell begins with what a spreadsheet evaluates; taking the guards off gives the items back."""
    rows = list(csv.reader(io.StringIO(handover.export(BATCH, "csv").decode(), newline="")))
    assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    header, *cells = rows
    items = [dict(zip(header, map(unguard, row), strict=True)) for row in cells]
    assert [one["text"] for one in items] == [one.text or "" for one in BATCH.items]
    assert [one["key"] for one in items] == [one.key for one in BATCH.items]
    assert [float(items[0][f"p__{name}"]) for name in CLASSES] == [0.25, 0.7, 0.05]
    of_model = [[one["predicted"], *(one[f"p__{name}"] for name in CLASSES)] for one in items]
    drawn = [one["stratum"] == "exploration" for one in items]
    assert [not any(cells) for cells in of_model] == drawn
    assert {True, False} == set(drawn)
    assert {one["label"] for one in items} == {""}


def test_the_table_filled_in_comes_back_as_labels():
    """Label two rows in a spreadsheet, send the file: two labels, guards taken off, the rest still open."""
    rows = list(csv.reader(io.StringIO(handover.export(BATCH, "csv").decode(), newline="")))
    rows[1][rows[0].index("label")] = "billing"
    rows[3][rows[0].index("label")] = "'=odd"
    back = io.StringIO(newline="")
    csv.writer(back).writerows(rows)
    parsed = parse_labels(back.getvalue().encode())
    assert [(row.key, row.label) for row in parsed.rows] == [("k1", "billing"), ("=2+5", "=odd")]
    assert parsed.rejected == ()


def test_tasks_predict_on_no_item_that_was_drawn():
    """Its label must owe nothing to the model, though it was chosen by score too."""
    drawn = replace(BATCH, items=(item(1, stratum="exploration", inclusion_probability=0.004),))
    (task,) = json.loads(handover.export(drawn, "label_studio"))
    assert task["predictions"] == []


def test_every_form_says_whether_the_items_are_the_whole_sample():
    """Items chosen by score weigh nothing; where a draw is no item the stratum has another name."""
    for batch, name in (
        (BATCH, "exploration"),
        (replace(BATCH, manifest={**BATCH.manifest, "complete_sample": False}), PARTIAL),
    ):
        lines = [json.loads(line) for line in handover.export(batch, "jsonl").splitlines()]
        tasks = [task["data"] for task in json.loads(handover.export(batch, "label_studio"))]
        for rows in (lines, tasks, sheet(batch)):
            assert [row["stratum"] for row in rows] == ["certainty", name, *["certainty"] * 3]
            assert [float(row["weight"]) for row in rows] == [0, 500, 0, 0, 0]


def test_tasks_predict_where_nothing_is_to_be_proved():
    """Labelers are not led where the labels must be fair, nor where the model had no answer."""
    tasks = json.loads(handover.export(BATCH, "label_studio"))
    assert [len(task["predictions"]) for task in tasks] == [1, 0, 1, 0, 1]
    assert tasks[0]["predictions"][0] == {
        "model_version": "tickets@3",
        "score": 0.7,
        "result": [
            {
                "from_name": "label",
                "to_name": "text",
                "type": "choices",
                "score": 0.7,
                "value": {"choices": [CLASSES[1]]},
            }
        ],
    }
    assert tasks[1]["data"] == {
        "text": 'Grüße,\n"two" lines; 🙂',
        "item_id": "k2",
        "source": "email",
        "batch": "b-1",
        "rank": 2,
        "stratum": "exploration",
        "incl_prob": 0.004,
        "dup_count": 2,
        "weight": 500.0,
        "model_version": "tickets@3",
        "export_version": 1,
    }


def test_the_config_fits_the_tasks_and_hides_score_and_slice():
    """Names match the predictions, every class and none_of_these can be chosen, only the text is shown."""
    view = ET.fromstring(handover.labeling_config(BATCH))  # noqa: S314 - our own output
    text, choices = view.find("Text"), view.find("Choices")
    assert text is not None
    assert choices is not None
    assert text.attrib == {"name": "text", "value": "$text"}
    assert (choices.get("name"), choices.get("toName")) == ("label", "text")
    assert [choice.get("value") for choice in choices] == [*CLASSES, "none_of_these"]
    assert handover.labeling_config(BATCH).count(b"$") == 1


def test_label_studio_answers_find_their_items():
    """The tasks, annotated as Label Studio exports them, are labels of the batch's keys."""
    tasks = json.loads(handover.export(BATCH, "label_studio"))
    for number, task in enumerate(tasks):
        choice = {
            "from_name": "label",
            "to_name": "text",
            "type": "choices",
            "value": {"choices": ["billing"]},
        }
        task["annotations"] = [{"id": number, "completed_by": 1, "was_cancelled": False, "result": [choice]}]
    parsed = parse_labels(json.dumps(tasks).encode())
    assert [row.key for row in parsed.rows] == [one.key for one in BATCH.items]


def test_the_manifest_vouches_for_each_file():
    """Its digests are those of the exports, and it carries what the wave said."""
    manifest = json.loads(handover.manifest(BATCH))
    assert manifest["batch"] == "b-1"
    assert manifest["seed"] == "a-1"
    for form in handover.FORMS:
        body = handover.export(BATCH, form)
        assert manifest["files"][form] == {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    config = handover.labeling_config(BATCH)
    assert manifest["files"]["labeling_config"]["sha256"] == hashlib.sha256(config).hexdigest()


ROW = {"amount": -1.5, "key": "=A1", "note": "one\ntwo", "urgent": True}
TABLE = replace(
    BATCH,
    manifest={**BATCH.manifest, "task": "multiclass", "input_kind": "features"},
    items=(item(1, text=json.dumps(ROW)), item(2, text='{"amount": 2}'), item(3, text=None)),
)
SEVERAL = replace(
    BATCH,
    manifest={**BATCH.manifest, "task": "multilabel", "input_kind": "text"},
    items=(item(1, predicted=("billing", "=odd")), item(2, predicted=()), item(3, predicted=("=odd",))),
)


def sheet(batch: Batch) -> list[dict[str, str]]:
    """Return the rows of the CSV, guards taken off."""
    body = handover.export(batch, "csv").decode()
    return [
        {name: unguard(cell) for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(body, newline=""))
    ]


def test_lines_of_a_table_hold_its_features() -> None:
    """They stand where a text would, and null says that they are not kept."""
    lines = [json.loads(line) for line in handover.export(TABLE, "jsonl").splitlines()]
    assert [line["features"] for line in lines] == [ROW, {"amount": 2}, None]
    assert all("text" not in line for line in lines)


def test_a_sheet_of_a_table_has_a_column_a_feature() -> None:
    """Named as the model names them, so that a fit reads the sheet; a name in use already gets a prefix."""
    first, second, third = sheet(TABLE)
    assert [first[name] for name in ("amount", "note", "urgent")] == ["-1.5", "one\ntwo", "true"]
    assert (first["key"], first["feature__key"]) == ("k1", "=A1")
    assert [second[name] for name in ("amount", "note", "urgent")] == ["2", "", ""]
    assert {third[name] for name in ("amount", "note", "urgent", "feature__key")} == {""}
    assert "text" not in first


def test_a_task_of_a_table_shows_a_line_a_feature() -> None:
    """Names and values as a person reads them; a second line of a value is set in."""
    tasks = json.loads(handover.export(TABLE, "label_studio"))
    assert [task["data"]["text"] for task in tasks] == [
        "amount: -1.5\nkey: =A1\nnote: one\n  two\nurgent: true",
        "amount: 2",
        "",
    ]


def test_several_labels_are_predicted_in_every_form() -> None:
    """A list in JSON, a cell that comes back as the same labels, choices with the least sure one's score."""
    lines = [json.loads(line) for line in handover.export(SEVERAL, "jsonl").splitlines()]
    assert [line["predicted"] for line in lines] == [["billing", "=odd"], [], ["=odd"]]
    assert [row["predicted"] for row in sheet(SEVERAL)] == ["billing|=odd", "[]", "=odd"]
    tasks = json.loads(handover.export(SEVERAL, "label_studio"))
    assert [task["predictions"][0]["result"][0]["value"] for task in tasks if task["predictions"]] == [
        {"choices": ["billing", "=odd"]},
        {"choices": ["=odd"]},
    ]
    assert tasks[0]["predictions"][0]["score"] == 0.05


def test_the_config_asks_for_one_choice_or_for_several() -> None:
    """As many as the model may answer with; an item without any label has none_of_these."""
    for batch, choice in ((TABLE, "single"), (SEVERAL, "multiple")):
        choices = ET.fromstring(handover.labeling_config(batch)).find("Choices")  # noqa: S314 - our own
        assert choices is not None
        assert choices.get("choice") == choice
        assert [each.get("value") for each in choices] == [*CLASSES, "none_of_these"]


def test_a_sheet_with_several_labels_comes_back() -> None:
    """What the model predicted, copied into the label column, is read as the same labels."""
    rows = list(csv.reader(io.StringIO(handover.export(SEVERAL, "csv").decode(), newline="")))
    predicted, label = rows[0].index("predicted"), rows[0].index("label")
    for row in rows[1:]:
        row[label] = row[predicted]
    back = io.StringIO(newline="")
    csv.writer(back).writerows(rows)
    parsed = parse_labels(back.getvalue().encode())
    taken = [
        of_batch(row, keys={"k1", "k2", "k3"}, classes=CLASSES, multilabel=True).label for row in parsed.rows
    ]
    assert taken == [("=odd", "billing"), (), ("=odd",)]
