"""What did the labelers say: the labels that come back, row by row, each taken or refused with its reason."""

import csv
import io
import json
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from monitoring.errors import LabelsInvalid
from monitoring.waves.cells import unguard
from monitoring.waves.label_row import Fields, LabelRow, RowError, names_in, read_row

__all__ = [
    "NONE_OF_THESE",
    "LabelReceipt",
    "LabelRow",
    "ParsedLabels",
    "Rejection",
    "RowError",
    "of_batch",
    "parse_labels",
    "settle",
]

# Always accepted beside the model's own classes: how labelers report a class the model does not know. An item
# that may have any number of labels has none of them then.
NONE_OF_THESE: Final = "none_of_these"
EXPECTED: Final = 'expected {"labels": [...]}, JSON lines, a Label Studio export, or a CSV with key and label'
_LISTED_LABELS: Final = 20
_QUOTED_CHARACTERS: Final = 60
_CSV_COLUMNS: Final = ("key", "id", "item_id", "label", "annotation_id", "annotator", "updated_at")


class Rejection(NamedTuple):
    """A refused row, by its position (from 0) in what was posted, and why."""

    row: int
    reason: str


@dataclass(frozen=True, slots=True)
class LabelReceipt:
    """What became of the rows posted: how many were new, how many were known already, which were refused."""

    accepted: int
    repeated: int
    rejected: tuple[Rejection, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedLabels:
    """The readable rows of a posting, their positions in it, and the rows that cannot be read."""

    rows: tuple[LabelRow, ...]
    positions: tuple[int, ...]
    rejected: tuple[Rejection, ...] = ()

    def complete(self, receipt: LabelReceipt) -> LabelReceipt:
        """Return the store's receipt for `rows` as a receipt for the whole posting."""
        refused = [Rejection(self.positions[row], reason) for row, reason in receipt.rejected]
        rejected = tuple(sorted([*self.rejected, *refused]))
        return LabelReceipt(receipt.accepted, receipt.repeated, rejected)


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


def of_batch(
    row: LabelRow, *, keys: Container[str], classes: Sequence[str], multilabel: bool = False
) -> LabelRow:
    """Return the row as a label of this batch: one class, or with `multilabel` the sorted names of all.

    Any number of labels is a list, or text as in `a|b`. None of them is the empty list or `none_of_these`.

    Parameters
    ----------
    keys : container of str
        The item keys of the batch.
    classes : sequence of str
        Of the model that chose its items.

    Raises
    ------
    RowError
        It cannot be one; str() is the reason.
    """
    if row.key not in keys:
        raise RowError(f"unknown item {_quoted(row.key)}: this batch has no such key")
    if row.label is None:
        return row
    known = (*classes, NONE_OF_THESE)
    names = row.label
    if isinstance(names, str):
        names = names_in(names) if multilabel and names not in known else (names,)
    for name in names:
        if name not in known:
            raise RowError(f"unknown label {_quoted(name)}: allowed are {_listed(classes)}")
    if not multilabel:
        if len(names) != 1:
            raise RowError(f"{len(names)} labels: an item of this batch has exactly one")
        return replace(row, label=names[0])
    if NONE_OF_THESE in names and len(set(names)) > 1:
        raise RowError(f"{NONE_OF_THESE} beside another label: send one of the two")
    return replace(row, label=tuple(sorted(set(names) - {NONE_OF_THESE})))


def settle(rows: Iterable[LabelRow]) -> LabelRow | None:
    """Return the annotation that decides an item, given all of its in order of arrival; None without any.

    The last word of each annotator counts; the majority decides, among equals the one given last. Where an
    item may have several labels, so it is for each of them. An item is skipped only when nobody labelled it.
    """
    last: dict[str | None, LabelRow] = {}
    for row in rows:
        last.pop(row.annotator, None)
        last[row.annotator] = row
    given = [row for row in last.values() if not row.skipped] or list(last.values())
    if not given:
        return None
    if isinstance(given[-1].label, tuple):
        return replace(given[-1], label=_settled_names(given))
    votes = Counter(row.label for row in given)
    return max(enumerate(given), key=lambda placed: (votes[placed[1].label], placed[0]))[1]


def _settled_names(given: Sequence[LabelRow]) -> tuple[str, ...]:
    """Return the labels that more than half gave, or half with the one who spoke last among them."""
    sets = [frozenset(row.label or ()) for row in given]
    votes = Counter(name for each in sets for name in each)
    # The last word breaks a tie: worth half a vote more than the others.
    return tuple(sorted(name for name, n in votes.items() if 2 * n + (name in sets[-1]) > len(sets)))


def decode(body: bytes) -> str:
    """Return the text of a posted body, without a byte order mark; raise LabelsInvalid when it has none."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsInvalid("body", f"not UTF-8 at byte {error.start}") from error
    if not text.strip():
        raise LabelsInvalid("body", "empty; expected labels")
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


def _listed(classes: Sequence[str]) -> str:
    allowed = ", ".join((*classes[:_LISTED_LABELS], NONE_OF_THESE))
    more = f" and {len(classes) - _LISTED_LABELS} more" if len(classes) > _LISTED_LABELS else ""
    return allowed + more


def _quoted(value: str) -> str:
    return repr(value if len(value) <= _QUOTED_CHARACTERS else f"{value[:_QUOTED_CHARACTERS]}…")
