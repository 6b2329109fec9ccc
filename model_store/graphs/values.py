"""Is a value one that a column of its kind takes, in a tensor of that type?"""

import math
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias, get_args

import numpy as np

from model_store.bundles.fields import Fields

ColumnKind: TypeAlias = Literal["float", "integer", "text", "boolean"]
Value: TypeAlias = float | int | str | bool | None

NUMBERS: Final = ("tensor(float)", "tensor(double)")
# Which tensors can hold a kind; integers and booleans have no value that says there is none.
FED_AS: Final[dict[ColumnKind, tuple[str, ...]]] = {
    "float": NUMBERS,
    "integer": (*NUMBERS, "tensor(int64)"),
    "text": ("tensor(string)",),
    "boolean": (*NUMBERS, "tensor(int64)", "tensor(bool)"),
}
CAN_MISS: Final = (*NUMBERS, "tensor(string)")
# Types that alone say a value is right; a float may be whole, which its type does not say.
TYPES: Final[dict[ColumnKind, frozenset[type]]] = {
    "float": frozenset({float, int}),
    "integer": frozenset({int}),
    "text": frozenset({str}),
    "boolean": frozenset({bool}),
}
EXPECTED: Final[dict[ColumnKind, str]] = {
    "float": "a number",
    "integer": "a whole number",
    "text": "a string",
    "boolean": "true or false",
}
USUAL: Final[dict[ColumnKind, Value]] = {"float": 0.0, "integer": 0, "text": "a", "boolean": False}
UNUSUAL: Final[dict[ColumnKind, tuple[Value, ...]]] = {
    "float": (1.0, -3.5, 1e6),
    "integer": (1, -3, 1_000_000),
    "text": ("b", "", "a text of several words"),
    "boolean": (True, False, True),
}
_LARGEST: Final[dict[str, float | int]] = {
    "tensor(float)": float(np.finfo(np.float32).max),
    "tensor(double)": float(np.finfo(np.float64).max),
    "tensor(int64)": int(np.iinfo(np.int64).max),
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table that a model takes.

    Parameters
    ----------
    missing : bool
        Whether an item may leave it out or say null. The graph then gets NaN, or "" in a column of texts.
    typical : float, int, str or bool, optional
        A value as usual traffic has it, for the first run of a graph that refuses what it has not seen.
    """

    name: str
    kind: ColumnKind
    missing: bool = False
    typical: Value = None

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says."""
        always = {"name": self.name, "kind": self.kind, "missing": self.missing}
        return always if self.typical is None else always | {"typical": self.typical}

    @classmethod
    def from_fields(cls, fields: Fields) -> "Column":
        """Read what `to_json` wrote."""
        column = cls(
            fields.label("name"), fields.one_of("kind", get_args(ColumnKind)), fields.boolean("missing")
        )
        typical = fields.optional("typical")
        fields.finish()
        if typical is not None and (problem := fault(column, "tensor(double)", typical)):
            raise fields.invalid("typical", problem)
        return replace(column, typical=typical)


def fault(column: Column, onnx_type: str, value: Any) -> str | None:
    """Return what is wrong with a value, None if nothing is; the value itself is not told."""
    expected = EXPECTED[column.kind] + (" or null" if column.missing else "")
    if value is None:
        return None if column.missing else f"null, expected {expected}; this column may not be missing"
    if column.kind in ("text", "boolean"):
        right = isinstance(value, str if column.kind == "text" else bool)
    else:
        right = isinstance(value, int | float) and not isinstance(value, bool)
    if not right:
        return f"{said(value)}, expected {expected}"
    if column.kind in ("float", "integer"):
        return _fault_of_number(column, onnx_type, value, expected)
    return None


def _fault_of_number(column: Column, onnx_type: str, value: float, expected: str) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return f"a number that is not finite, expected {expected}"
    if column.kind == "integer" and isinstance(value, float) and not value.is_integer():
        return f"a number with a fraction, expected {expected}"
    largest = _LARGEST[onnx_type]
    lowest = -largest - (onnx_type == "tensor(int64)")  # of integers there is one more below 0 than above
    if not lowest <= value <= largest:
        return f"a number too large for {onnx_type}, expected {expected} of at most {largest:.4g}"
    return None


def said(value: object) -> str:
    """Return what JSON calls the type of a value."""
    for kinds, name in (
        ((bool,), "a boolean"),
        ((int, float), "a number"),
        ((str,), "a string"),
        ((type(None),), "null"),
        ((list, tuple), "a list"),
    ):
        if isinstance(value, kinds):
            return name
    return "an object"
