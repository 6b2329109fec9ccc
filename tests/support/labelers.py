"""Labelers at their tools: a pulled file goes in, and what the tool exports once they answered comes out.

Each export has the shape that the tool itself wrote: Label Studio 1.23, Argilla 2.8, doccano 1.8, and of
Prodigy, which is not to be had without a licence, what `prodigy db-out` of 1.11 and later writes.
"""

import csv
import io
import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from monitoring.waves.cells import unguard

# None skips the item; an item that is not named is not labelled yet.
Answers = Mapping[str, str | tuple[str, ...] | None]


def lines_of(body: bytes) -> list[dict[str, Any]]:
    """Return the objects of JSON lines."""
    return [json.loads(line) for line in body.decode().splitlines()]


def to_lines(rows: list[dict[str, Any]]) -> bytes:
    """Return objects as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def names_of(answer: str | tuple[str, ...]) -> list[str]:
    """Return one label or several as a list."""
    return [answer] if isinstance(answer, str) else list(answer)


def editor(body: bytes, answers: Answers) -> bytes:
    """Somebody adds `label` or `skipped` to each pulled line."""
    rows = lines_of(body)
    for row in rows:
        if row["key"] in answers:
            answer = answers[row["key"]]
            row.update({"skipped": True} if answer is None else {"label": answer})
    return to_lines(rows)


def spreadsheet(body: bytes, answers: Answers) -> bytes:
    """Fill in the column `label`, and of what is skipped a column `skipped`; save with semicolons."""
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, [*rows[0], "skipped"], delimiter=";")
    writer.writeheader()
    for row in rows:
        key = unguard(row["key"])
        if key in answers:
            answer = answers[key]
            cell = {"skipped": "TRUE"} if answer is None else {"label": "|".join(names_of(answer)) or "[]"}
            row.update(cell)
        writer.writerow(row)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def notebook(body: bytes, answers: Answers) -> bytes:
    """Fill in the columns of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(body))
    said = [answers.get(key) for key in table["key"].to_pylist()]
    label = pa.array([None if each is None else each for each in said], table.schema.field("label").type)
    skipped = pa.array([key in answers and answers[key] is None for key in table["key"].to_pylist()])
    table = table.set_column(table.schema.get_field_index("label"), "label", label)
    back = io.BytesIO()
    pq.write_table(table.append_column("skipped", skipped), back)
    return back.getvalue()


def label_studio(body: bytes, answers: Answers) -> bytes:
    """Annotate the tasks; a skip is a cancelled annotation. Export as JSON."""
    tasks = json.loads(body)
    for number, task in enumerate(tasks, start=1):
        key = task["data"]["item_id"]
        task |= {"id": number, "annotations": [], "drafts": [], "predictions": [], "meta": {}, "project": 1}
        if key in answers:
            answer = answers[key]
            region = {
                "from_name": "label",
                "to_name": "text",
                "type": "choices",
                "id": "x",
                "origin": "manual",
            }
            result = [] if answer is None else [{**region, "value": {"choices": names_of(answer) or [NONE]}}]
            task["annotations"] = [
                {
                    "id": 100 + number,
                    "completed_by": 7,
                    "result": result,
                    "was_cancelled": answer is None,
                    "created_at": "2026-01-31T10:00:00.100000Z",
                    "updated_at": "2026-01-31T10:00:00.200000Z",
                    "prediction": {},
                }
            ]
    return json.dumps(tasks).encode()


def argilla(body: bytes, answers: Answers) -> bytes:
    """Respond to the records; export with `records.to_list(flatten=True)`."""
    records = []
    for record in json.loads(body):
        flat = {
            "id": record["id"],
            "status": "pending",
            "_server_id": "c0ffee",
            **record["fields"],
            **record["metadata"],
            "label.responses": None,
            "label.responses.users": None,
            "label.responses.status": None,
        }
        if record["id"] in answers:
            answer = answers[record["id"]]
            value = answer if isinstance(answer, str) else names_of(answer or ()) or [NONE]
            flat |= {
                "label.responses": [None if answer is None else value, value],
                "label.responses.users": ["1f", "2f"],
                "label.responses.status": ["discarded" if answer is None else "submitted", "draft"],
            }
        records.append(flat)
    return json.dumps(records).encode()


def prodigy(body: bytes, answers: Answers) -> bytes:
    """Answer the tasks; write `prodigy db-out`."""
    rows = []
    for number, task in enumerate(lines_of(body)):
        if task["key"] in answers:
            answer = answers[task["key"]]
            rows.append(
                {
                    **task,
                    "_input_hash": number - 3,
                    "_task_hash": 3 - number,
                    "_view_id": "choice",
                    "config": {"choice_style": "single"},
                    "accept": [] if answer is None else names_of(answer),
                    "answer": "ignore" if answer is None else "accept",
                    "_timestamp": 1_707_211_049,
                    "_annotator_id": "wave-kim",
                    "_session_id": "wave-kim",
                }
            )
    return to_lines(rows)


def doccano(body: bytes, answers: Answers) -> bytes:
    """Label the examples, none of them skipped; export as JSONL, the unlabelled ones too."""
    rows = []
    for number, example in enumerate(lines_of(body), start=1):
        answer = answers.get(example["key"])
        label = [] if answer is None else names_of(answer) or [NONE]
        rows.append({"id": number, **example, "label": sorted(label), "Comments": []})
    return to_lines(rows)


NONE: Final = "none_of_these"
TOOLS: Final[Mapping[str, Callable[[bytes, Answers], bytes]]] = {
    "jsonl": editor,
    "csv": spreadsheet,
    "parquet": notebook,
    "label_studio": label_studio,
    "argilla": argilla,
    "prodigy": prodigy,
    "doccano": doccano,
}
# A skip in Label Studio says nothing, so that the task can be given out again; doccano has none.
WITHOUT_SKIPS: Final = frozenset({"label_studio", "doccano"})
