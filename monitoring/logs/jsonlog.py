"""A log in JSON lines: an object a line; keys of nested objects are named with dots."""

import json
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final

from monitoring.logs.chunk import CHUNK_ROWS, Chunk, Progress
from monitoring.logs.problems import LogRefused, Problems
from monitoring.logs.textfile import open_text

NOT_JSON: Final = "are not a JSON object"
_LOOKED_AT: Final = 100  # lines at the beginning in which keys are looked for
_DEEPEST: Final = 3


class JsonLog:
    """Reads a log of JSON lines."""

    unit = "line"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: dict[str, tuple[str, ...]] = {}
        with open_text(path) as file:
            for line in islice(file.lines, _LOOKED_AT):
                self._keys |= {".".join(keys): keys for keys in _paths(_object(line) or {})}
        if not self._keys:
            raise LogRefused(path, f"no JSON object in its first {_LOOKED_AT} lines; expected one a line")
        self.names = tuple(self._keys)

    def chunks(
        self, columns: dict[str, str], problems: Problems, progress: Progress | None
    ) -> Iterator[Chunk]:
        """Yield the lines that are objects; a key that one lacks is None."""
        paths = {role: self._keys[name] for role, name in columns.items()}
        with open_text(self.path, progress) as file:
            numbered = enumerate(file.lines, 1)
            while taken := list(islice(numbered, CHUNK_ROWS)):
                read = [(number, _object(line)) for number, line in taken if line.strip()]
                problems.add(NOT_JSON, [number for number, each in read if each is None])
                good = [(number, each) for number, each in read if each is not None]
                file.tell()
                yield Chunk(
                    [number for number, _ in good],
                    {role: [_at(each, keys) for _, each in good] for role, keys in paths.items()},
                )


def _object(line: str) -> dict[str, Any] | None:
    try:
        read = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None


def _paths(value: Mapping[str, Any], before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the keys that lead to each value that is no object."""
    for key, inner in value.items():
        if isinstance(inner, dict) and len(before) + 1 < _DEEPEST:
            yield from _paths(inner, (*before, key))
        else:
            yield (*before, key)


def _at(value: Any, keys: tuple[str, ...]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
