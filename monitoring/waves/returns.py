"""In which forms do labels come back, and how is each read into rows?

The file says by its content what it is; the tools' own ways to tell a label are in
`monitoring.waves.returns_tools`, tables in `monitoring.waves.returns_sheet`.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from monitoring.errors import LabelsInvalid
from monitoring.waves.label_row import LabelRow, RowError, read_row
from monitoring.waves.labels import ParsedLabels, Rejection
from monitoring.waves.returns_sheet import read_csv, read_parquet
from monitoring.waves.returns_tools import IDENTIFIERS, answers
from monitoring.waves.returns_wrong import WrongFile, batch_of

__all__ = ["parse_labels", "told_by"]

EXPECTED: Final = (
    '{"labels": [...]}, JSON lines, a table (CSV or Parquet) with key and label, or an export of '
    "Label Studio, Argilla, Prodigy or doccano"
)
_HEAD_CHARACTERS: Final = 1_024
# How files begin that hold labels only after somebody unpacked or saved them differently.
_NOT_YET: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "a ZIP archive or an Excel workbook; unpack it and send each file, or save it as CSV",
    b"\x1f\x8b": "compressed with gzip; unpack it",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save the sheet as CSV",
}
_PARQUET: Final = b"PAR1"
_PAGES: Final = (b"<!doctype html", b"<html")


def parse_labels(body: bytes, *, batch: str | None = None, annotator: str | None = None) -> ParsedLabels:
    """Read labels in any of the forms a batch travels in, told apart by their content.

    They are `{"labels": [row, ...]}`, a list of rows or one row a line (JSONL), a table with a column `label`
    (CSV, Parquet), and what Label Studio, Argilla, Prodigy and doccano export. A row is
    `{"key" | "id": str, "label": str | [str, ...], "annotation_id"?, "annotator"?, "skipped"?: bool}`.

    Parameters
    ----------
    batch : str, optional
        The batch they are for: rows that name another one are refused.
    annotator : str, optional
        Who labelled the rows that name nobody, as when a tool writes a file a person.

    Raises
    ------
    LabelsInvalid
        The body is in none of these forms, or is none of a tool's *exports*. A single bad row is a rejection
        instead.
    """
    return _collect(_posted(body), batch=batch, annotator=annotator)


def told_by(beginning: bytes) -> bool:
    """Tell whether a file that begins so, blanks left out, is one that `parse_labels` knows, and no CSV."""
    return beginning.startswith((b"{", b"[", _PARQUET, *_NOT_YET)) or beginning.lower().startswith(_PAGES)


def _posted(body: bytes) -> Sequence[object]:
    """Return the objects of a posted body; None stands for one that says nothing, as an empty line."""
    if body.startswith(_PARQUET):
        return read_parquet(body)
    text = decode(body)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return _lines(text) if text.lstrip().startswith(("{", "[")) else read_csv(text, expected=EXPECTED)
    match document:
        case {"labels": labels} if not IDENTIFIERS & document.keys():
            if not isinstance(labels, list):
                raise LabelsInvalid("labels", "expected a list of rows")
            return labels
        case list() if not document or any(isinstance(each, dict) for each in document):
            return document
        case dict():
            return [document]
        case _:
            raise LabelsInvalid("body", f"expected {EXPECTED}")


def _lines(text: str) -> Sequence[object]:
    rows: list[object] = []
    for line in text.split("\n"):
        try:
            rows.append(json.loads(line) if line.strip() else None)
        except (ValueError, RecursionError):
            rows.append(RowError("not JSON"))
    if not any(isinstance(row, dict) for row in rows):
        raise LabelsInvalid("body", f"not JSON; expected {EXPECTED}")
    return rows


def decode(body: bytes) -> str:
    """Return the text of a posted body, without a byte order mark; raise LabelsInvalid when it has none."""
    for beginning, what in _NOT_YET.items():
        if body.startswith(beginning):
            raise LabelsInvalid("body", what)
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise LabelsInvalid("body", f"not UTF-8 at byte {error.start}") from error
    if not text.strip():
        raise LabelsInvalid("body", "empty; expected labels")
    if text[:_HEAD_CHARACTERS].lstrip().lower().encode().startswith(_PAGES):
        raise LabelsInvalid("body", f"a web page (HTML), perhaps the tool's login page; expected {EXPECTED}")
    return text


def _collect(postings: Iterable[object], *, batch: str | None, annotator: str | None) -> ParsedLabels:
    rows: list[LabelRow] = []
    positions: list[int] = []
    batches: list[str | None] = []
    rejected: list[Rejection] = []
    wrong: list[str] = []
    for position, posted in enumerate(postings):
        for fields in answers(posted, batch=batch):
            try:
                rows.append(read_row(_signed(fields, annotator)))
            except RowError as reason:
                rejected.append(Rejection(position, str(reason)))
                wrong += [str(reason)] if isinstance(reason, WrongFile) else []
            else:
                positions.append(position)
                batches.append(batch_of(posted))
    if wrong and len(wrong) == len(rejected) and not rows:
        raise LabelsInvalid("body", wrong[0])
    return ParsedLabels(tuple(rows), tuple(positions), tuple(rejected), tuple(batches))


def _signed(fields: object, annotator: str | None) -> object:
    if annotator is None or not isinstance(fields, Mapping) or fields.get("annotator") not in (None, ""):
        return fields
    return {**fields, "annotator": annotator}
