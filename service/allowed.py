"""What may stand at a place of a body, in words? Read off the struct that the body is decoded into.

The decoder says what is wrong with a value: one end of its range, or the client's own word. A client needs to
read what is allowed, and nothing of what it sent. Only what is refused pays for it.
"""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Final

from msgspec import Struct, inspect

WIDEST: Final = f"{sys.float_info.max:.4g}"  # beyond it no number of JSON is read
_PATH: Final = re.compile(r"\$(?:\.[a-z_]+|\[(?:\d+|\.\.\.)\])*")
_STEP: Final = re.compile(r"\.([a-z_]+)|\[(?:\d+|\.\.\.)\]")

_SIZED: Final[Mapping[type[inspect.Type], tuple[str, str]]] = {
    inspect.StrType: ("a string", "character"),
    inspect.ListType: ("an array", "element"),
    inspect.DictType: ("an object", "name"),
}
_PLAIN: Final[Mapping[type[inspect.Type], str]] = {
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.BoolType: "true or false",
    inspect.NoneType: "null",
    inspect.DateTimeType: "a time with its zone as in RFC 3339, such as 2026-12-01T09:30:00Z",
    inspect.AnyType: f"JSON with numbers of at most {WIDEST}",
}


@cache
def declared(struct: type[Struct]) -> inspect.Type:
    """Return what a struct declares about its fields."""
    return inspect.type_info(struct)


def place(struct: type[Struct], path: str) -> inspect.Type | None:
    """Return what is declared at a path such as `$.items[0].id`; None where nothing is."""
    if not _PATH.fullmatch(path):
        return None
    found: inspect.Type | None = declared(struct)
    for step in _STEP.finditer(path):
        found = None if found is None else next(_inside(found, step[1]), None)
    return found


def names(kind: inspect.Type | None) -> tuple[str, ...]:
    """Return the names of the fields that an object may have."""
    return tuple(each.encode_name for each in kind.fields) if isinstance(kind, inspect.StructType) else ()


def words(kind: inspect.Type) -> str:
    """Say what a declaration allows, both ends of a range included.

    Examples
    --------
    >>> from typing import Annotated
    >>> from msgspec import Meta
    >>> words(inspect.type_info(Annotated[str, Meta(min_length=1, max_length=128)] | None))
    'a string of 1 to 128 characters, or null'
    >>> words(inspect.type_info(Annotated[float, Meta(gt=0, le=60)]))
    'a number above 0 and at most 60'
    """
    match kind:
        case inspect.UnionType(types=types):
            return ", or ".join(words(each) for each in _apart(types))
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case inspect.StrType(pattern=str() as pattern):
            return f"a string that matches {pattern}"
        case inspect.StructType():
            return f"an object, its fields: {', '.join(names(kind)) or 'none'}"
    if (sized := _SIZED.get(type(kind))) is not None:
        return sized[0] + _size(kind.min_length, kind.max_length, sized[1])  # type: ignore[attr-defined]
    return _PLAIN[type(kind)] + (
        _range(kind) if isinstance(kind, inspect.IntType | inspect.FloatType) else ""
    )


def _apart(types: Sequence[inspect.Type]) -> Iterator[inspect.Type]:
    """Yield the types without whole numbers where any number does."""
    any_number = any(isinstance(each, inspect.FloatType) for each in types)
    yield from (each for each in types if not (any_number and isinstance(each, inspect.IntType)))


def _inside(kind: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    """Yield what is declared of the field `name`, or without one of any element."""
    match kind:
        case inspect.UnionType(types=types):
            for each in types:
                yield from _inside(each, name)
        case inspect.StructType(fields=fields):
            yield from (each.type for each in fields if each.encode_name == name)
        case inspect.ListType(item_type=element) | inspect.DictType(value_type=element) if name is None:
            yield element
        case inspect.AnyType():
            yield kind


def _size(low: int | None, high: int | None, of: str) -> str:
    if high is None:
        return f" of at least {low} {of}s" if low else ""
    return f" of {low} to {high} {of}s" if low else f" of at most {high} {of}s"


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    if kind.ge is not None and kind.le is not None:
        return f" from {kind.ge:.12g} to {kind.le:.12g}"
    bounds = (("above", kind.gt), ("at least", kind.ge), ("below", kind.lt), ("at most", kind.le))
    said = " and ".join(f"{word} {bound:.12g}" for word, bound in bounds if bound is not None)
    return f" {said}" if said else f" of at most {WIDEST}"
