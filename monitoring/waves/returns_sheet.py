"""How is a table of labels read: a CSV as spreadsheets and tools save it, or a Parquet file?"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from model_store.data.cells import truth
from monitoring.errors import LabelsInvalid
from monitoring.waves.cells import unguard

_KEYS: Final = frozenset({"key", "id", "item_id"})
_TRUTHS: Final = ("skipped", "adjudicated")
_COLUMNS: Final = (
    *("key", "id", "item_id", "label", "labels", "annotation_id", "annotator", "updated_at", "lease"),
    *("batch", "export_version"),
    *_TRUTHS,
)
# A spreadsheet saves a CSV with the sign of its country's lists; tools save tabs too.
_DELIMITERS: Final = (",", ";", "\t")
# Far more than a batch with texts has; a small file can unpack to gigabytes.
_MOST_ROWS, _MOST_BYTES = 100_000, 64 * 2**20


def read_csv(text: str, *, expected: str) -> Sequence[object]:
    """Return the rows of a table with columns `key` (or `id`) and `label`; None for one not labelled yet.

    The apostrophe before what a spreadsheet would run as a formula is taken off, see
    `monitoring.waves.cells`; a table of Label Studio's own, which is told by its column `item_id`, has none.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True, delimiter=_delimiter(text))
    header = _header(reader)
    if not _has_labels(header):
        raise LabelsInvalid("body", f"neither JSON nor a table of labels; expected {expected}")
    plain = str if "item_id" in header and "key" not in header else unguard
    try:
        table = [{name: plain(row[name] or "") for name in _COLUMNS if name in row} for row in reader]
    except csv.Error as error:
        raise LabelsInvalid("body", f"not CSV at line {reader.reader.line_num}: {_reason(error)}") from error
    return [_row(row) for row in table]


def read_parquet(body: bytes) -> Sequence[object]:
    """Return the rows of a Parquet file with columns `key` (or `id`) and `label`; needs pyarrow."""
    try:
        import pyarrow as pa  # noqa: PLC0415 - optional, and slow to load
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ModuleNotFoundError:
        raise LabelsInvalid(
            "body", "Parquet, which needs pyarrow here; install seamark[parquet], or send JSON lines"
        ) from None
    try:
        file: Any = pq.ParquetFile(pa.BufferReader(body))
        if not _has_labels(file.schema_arrow.names):
            raise LabelsInvalid("body", "a Parquet file without columns `key` and `label`")
        wanted = [name for name in _COLUMNS if name in file.schema_arrow.names]
        _check_size(file.metadata, wanted)
        rows = file.read(columns=wanted).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise LabelsInvalid("body", "not a whole Parquet file; write it again") from error
    return [_row(row) for row in rows]


def _header(reader: "csv.DictReader[str]") -> Sequence[str]:
    """Return the names of the columns; none where the first line is nothing like a header, however long."""
    try:
        return reader.fieldnames or ()
    except csv.Error:
        return ()


def _reason(error: csv.Error) -> str:
    too_long = f"a cell over {csv.field_size_limit()} characters, or a quote that is not closed"
    return too_long if "field limit" in str(error) else str(error)


def _has_labels(columns: Sequence[str]) -> bool:
    return bool({"label", "labels"} & set(columns)) and bool(_KEYS & set(columns))


def _delimiter(text: str) -> str:
    """Return the sign that parts the header into columns of labels, a comma where none does."""
    header = text.partition("\n")[0].rstrip("\r")
    for sign in _DELIMITERS:
        if _has_labels([name.strip('"') for name in header.split(sign)]):
            return sign
    return ","


def _row(cells: Mapping[str, Any]) -> object:
    """Return the fields of a row that says something, None for one that is not labelled yet."""
    fields = dict(cells)
    for name in _TRUTHS:
        value = fields.pop(name, None)
        if value not in (None, ""):
            said = truth(value) if isinstance(value, str) else value
            fields[name] = value if said is None else said
    for name in ("label", "labels"):
        fields[name] = _choices(fields.get(name))
    said_something = any(fields[name] not in (None, "") for name in ("label", "labels"))
    return fields if said_something or fields.get("skipped") else None


def _choices(cell: object) -> object:
    """Return what a cell says, of Label Studio's `{"choices": [...]}` the list."""
    if not isinstance(cell, str) or not cell.startswith('{"choices"'):
        return cell
    try:
        found = json.loads(cell)
    except ValueError:
        return cell
    return found.get("choices") if isinstance(found, dict) else cell


def _check_size(metadata: Any, wanted: Sequence[str]) -> None:
    n_bytes = sum(
        metadata.row_group(group).column(place).total_uncompressed_size
        for group in range(metadata.num_row_groups)
        for place in range(metadata.row_group(group).num_columns)
        if metadata.row_group(group).column(place).path_in_schema.partition(".")[0] in wanted
    )
    if metadata.num_rows > _MOST_ROWS or n_bytes > _MOST_BYTES:
        raise LabelsInvalid(
            "body",
            f"{metadata.num_rows} rows of {n_bytes} bytes in Parquet; at most {_MOST_ROWS} rows and "
            f"{_MOST_BYTES} bytes are read",
        )
