"""In which forms do labels come back, and how is each read into rows?"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from monitoring.errors import LabelsInvalid
from monitoring.waves.cells import unguard
from monitoring.waves.label_row import Fields, LabelRow, RowError, read_row
from monitoring.waves.labels import ParsedLabels, Rejection

EXPECTED: Final = 'expected {"labels": [...]}, JSON lines, a Label Studio export, or a CSV with key and label'
_HEAD_CHARACTERS: Final = 1_024
_CSV_COLUMNS: Final = ("key", "id", "item_id", "label", "annotation_id", "annotator", "updated_at", "lease")


def parse_labels(body: bytes) -> ParsedLabels:
    """Read labels in any of four forms, told apart by their content.

    They are `{"labels": [row, ...]}`, one row a line (JSONL), a Label Studio export (a list of tasks), and
    a CSV with a column `label`, as a pulled one comes back. A row is
    `{"key" | "id": str, "label": str | [str, ...], "annotation_id"?, "annotator"?, "skipped"?: bool}`.

    Raises
    ------
    LabelsInvalid
        The body is in none of these forms. A single bad row is a rejection instead.
    """
    text = decode(body)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return parse_jsonl(text) if text.lstrip().startswith(("{", "[")) else parse_csv(text)
    match document:
        case {"labels": list(rows)}:
            return parse_rows(rows)
        case {"labels": _}:
            raise LabelsInvalid("labels", "expected a list of rows")
        case list():
            return parse_label_studio(document)
        case dict():
            return parse_rows([document])
        case _:
            raise LabelsInvalid("body", EXPECTED)


def parse_jsonl(text: str) -> ParsedLabels:
    """Read one row a line; blank lines count as positions, not as rows."""
    rows: list[object] = []
    for line in text.split("\n"):
        try:
            rows.append(json.loads(line) if line.strip() else None)
        except (ValueError, RecursionError):
            rows.append(RowError("not JSON"))
    if not any(isinstance(row, dict) for row in rows):
        raise LabelsInvalid(
            "body", 'not JSON; expected {"labels": [...]}, JSON lines or a Label Studio export'
        )
    return parse_rows(rows)


def parse_csv(text: str) -> ParsedLabels:
    """Read a table with columns `key` (or `id`) and `label`; a row with an empty label is not labelled yet.

    The apostrophe before what a spreadsheet would run as a formula is taken off, see
    `monitoring.waves.cells`.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = reader.fieldnames or ()
        if "label" not in columns or not {"key", "id", "item_id"} & set(columns):
            raise LabelsInvalid("body", f"neither JSON nor a table of labels; {EXPECTED}")
        table = [{name: unguard(row[name] or "") for name in _CSV_COLUMNS if name in row} for row in reader]
    except csv.Error as error:
        raise LabelsInvalid("body", f"not CSV at line {reader.line_num}: {error}") from error
    return parse_rows([row if row["label"] else None for row in table])


def parse_rows(rows: Sequence[object]) -> ParsedLabels:
    """Read rows as they came out of JSON; None stands for an empty line."""
    return _collect((position, [row]) for position, row in enumerate(rows) if row is not None)


def parse_label_studio(tasks: Sequence[object]) -> ParsedLabels:
    """Read a Label Studio export (JSON or JSON-MIN): one row an annotation, cancelled ones left out."""
    return _collect((position, _annotations(task)) for position, task in enumerate(tasks))


def decode(body: bytes) -> str:
    """Return the text of a posted body, without a byte order mark; raise LabelsInvalid when it has none."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsInvalid("body", f"not UTF-8 at byte {error.start}") from error
    if not text.strip():
        raise LabelsInvalid("body", "empty; expected labels")
    if text[:_HEAD_CHARACTERS].lstrip().lower().startswith(("<!doctype html", "<html")):
        raise LabelsInvalid("body", f"a web page (HTML), perhaps the tool's login page; {EXPECTED}")
    return text


def _collect(postings: Iterable[tuple[int, Iterable[object]]]) -> ParsedLabels:
    rows: list[LabelRow] = []
    positions: list[int] = []
    rejected: list[Rejection] = []
    for position, posted in postings:
        for fields in posted:
            try:
                rows.append(read_row(fields))
            except RowError as reason:
                rejected.append(Rejection(position, str(reason)))
            else:
                positions.append(position)
    return ParsedLabels(tuple(rows), tuple(positions), tuple(rejected))


def _annotations(task: object) -> list[object]:
    """Return the annotations of an exported task as the fields of rows; a JSON-MIN task is one already."""
    if not isinstance(task, Mapping) or "annotations" not in task:
        return [task]
    data, annotations = task.get("data"), task["annotations"]
    if not isinstance(data, Mapping) or not isinstance(annotations, list):
        return [RowError("expected a task with `data` and a list of `annotations`")]
    return [
        _annotation(data, annotation)
        for annotation in annotations
        if not (isinstance(annotation, Mapping) and annotation.get("was_cancelled"))
    ]


def _annotation(data: Fields, annotation: object) -> object:
    if not isinstance(annotation, Mapping):
        return RowError("expected an annotation object")
    annotator = annotation.get("completed_by")
    if isinstance(annotator, Mapping):
        annotator = annotator.get("email") or annotator.get("id")
    match annotation.get("result"):
        case [{"value": {"choices": [str(label)]}}]:
            chosen: object = label
        case [{"value": {"choices": list(labels)}}]:
            chosen = labels
        case []:
            chosen = []
        case _:
            return RowError("expected the choices of one question in the annotation's `result`")
    return {
        "key": data.get("item_id"),
        "label": chosen,
        "annotation_id": annotation.get("id"),
        "annotator": annotator,
        "updated_at": annotation.get("updated_at"),
    }
