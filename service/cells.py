"""In which column of a row stands what is refused? The decoder names the item, and no name of an object."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec import Raw, Struct

from model_store.errors import FeatureInvalid
from model_store.graphs.columns import Column, ColumnKind
from model_store.graphs.values import EXPECTED
from service.allowed import WIDEST
from service.problems import FieldInvalid
from service.schema import MAX_TEXT_BYTES, FeatureValue

_CELL: Final = re.compile(r"\$\.items\[(\d+)\]\.features\[\.\.\.\]")
_UP_TO: Final[Mapping[ColumnKind, str]] = {
    "float": f" of at most {WIDEST}",
    "integer": f" of at most {WIDEST}",
    "text": f" of at most {MAX_TEXT_BYTES} characters",
    "boolean": "",
}


class _Row(Struct):
    features: dict[str, Raw]


class _Rows(Struct):
    items: list[Raw]


_ROWS: Final = msgspec.json.Decoder(_Rows)
_ROW: Final = msgspec.json.Decoder(_Row)
_VALUE: Final = msgspec.json.Decoder(FeatureValue)


def naming_column(error: FieldInvalid, body: bytes, columns: Iterable[Column]) -> Exception:
    """Return the error with the column of the value that it is about, if that is one of the bundle's.

    The body is read once more for it. A name that only the request knows is not repeated.
    """
    cell = _CELL.fullmatch(error.path)
    if cell is None:
        return error
    index = int(cell[1])
    try:
        row = _ROW.decode(_ROWS.decode(body).items[index]).features
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return error  # what follows the value is no JSON either
    for column in columns:
        if column.name in row and not _is_value(row[column.name]):
            expected = EXPECTED[column.kind] + _UP_TO[column.kind] + (", or null" if column.missing else "")
            return FeatureInvalid(index, column.name, f"expected {expected}")
    return error


def _is_value(raw: Raw) -> bool:
    try:
        _VALUE.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
