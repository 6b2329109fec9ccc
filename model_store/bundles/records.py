"""Records: how does a tree of frozen dataclasses become JSON, and how is it read back and checked?"""

import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

_T = TypeVar("_T")


def to_json(value: Any) -> Any:
    """Return dataclasses as objects, tuples as lists, and what JSON has as it is.

    Examples
    --------
    >>> to_json((1, {"a": (None, "b")}))
    [1, {'a': [None, 'b']}]
    """
    if is_dataclass(value):
        return {field.name: to_json(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [to_json(each) for each in value]
    if isinstance(value, Mapping):
        return {key: to_json(each) for key, each in value.items()}
    return value


def from_json(kind: type[_T], data: Any) -> _T:
    """Return the `kind` that `to_json` wrote.

    Reads dataclasses of str, int, float, bool, Literal, tuple[X, ...], Mapping[str, X] and X | None. A key
    that is not known is left out, and one that is missing gets its default: a later release may write more.

    Raises
    ------
    ValueError
        In one line: where in the tree, what is there and what is expected.
    """
    return cast(_T, _read(kind, data, "value"))


def _read(kind: Any, data: Any, where: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if is_dataclass(kind):
        return _read_record(cast(type, kind), data, where)
    if origin in (Union, types.UnionType):
        return None if data is None else _read(_not_none(arguments), data, where)
    if origin is tuple:
        _expect(isinstance(data, list), data, where, "a list")
        return tuple(_read(arguments[0], each, f"{where}[{i}]") for i, each in enumerate(data))
    if origin is Mapping:
        _expect(isinstance(data, Mapping), data, where, "an object")
        return {str(key): _read(arguments[1], each, f"{where}.{key}") for key, each in data.items()}
    if origin is Literal:
        _expect(data in arguments, data, where, f"one of {', '.join(map(str, arguments))}")
    elif kind is not float or type(data) is not int:  # JSON does not tell 1.0 from 1
        _expect(type(data) is kind, data, where, f"a value of type {getattr(kind, '__name__', kind)}")
    return data


def _read_record(kind: type, data: Any, where: str) -> Any:
    _expect(isinstance(data, Mapping), data, where, "an object")
    hints = _hints(kind)
    known = {name: data[name] for name in hints if name in data}
    try:
        return kind(**{name: _read(hints[name], each, f"{where}.{name}") for name, each in known.items()})
    except TypeError as error:
        raise ValueError(f"{where}: {error}") from error


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _not_none(arguments: tuple[Any, ...]) -> Any:
    return next(each for each in arguments if each is not type(None))


def _expect(holds: bool, data: Any, where: str, expected: str) -> None:
    if not holds:
        raise ValueError(f"{where} is {type(data).__name__}, expected {expected}")
