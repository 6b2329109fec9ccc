"""Take the keys of a JSON object one by one, and name the key that is not what it must be."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from model_store.errors import BundleInvalid

_LABEL_CHARS: Final = 200


class Fields:
    """The keys of one object in the file at `path`; every failure is a `BundleInvalid` that names the key."""

    def __init__(self, raw: Mapping[str, Any], path: Path, prefix: str = "") -> None:
        self._raw, self._path, self._prefix = raw, path, prefix
        self._taken: set[str] = set()

    def invalid(self, key: str, problem: str) -> BundleInvalid:
        """Return the error that names `key` and its problem."""
        return BundleInvalid(self._path, f"key '{self._prefix}{key}': {problem}")

    def nested(self, key: str, raw: Any) -> "Fields":
        """Return the fields of the object under `key`."""
        if not isinstance(raw, dict):
            raise self.invalid(key, f"{type(raw).__name__}, expected an object")
        return Fields(raw, self._path, f"{self._prefix}{key}.")

    def finish(self) -> None:
        """Refuse keys that were not taken."""
        if unknown := sorted(self._raw.keys() - self._taken):
            raise self.invalid(unknown[0], f"unknown; allowed: {', '.join(sorted(self._taken))}")

    def text(self, key: str) -> str:
        """Take a string."""
        value = self._take(key)
        if not isinstance(value, str):
            raise self.invalid(key, f"{type(value).__name__}, expected a string")
        return value

    def matching(self, key: str, pattern: re.Pattern[str], *, allowed: str) -> str:
        """Take a string that matches `pattern` as a whole."""
        value = self.text(key)
        if not pattern.fullmatch(value):
            raise self.invalid(key, f"{value!r}, allowed: {allowed}")
        return value

    def one_of(self, key: str, allowed: tuple[str, ...]) -> Any:
        """Take a string out of a few."""
        value = self.text(key)
        if value not in allowed:
            raise self.invalid(key, f"{value!r}, allowed: {', '.join(allowed)}")
        return value

    def integer(self, key: str, *, low: int) -> int:
        """Take a whole number that is not below `low`."""
        value = self._take(key)
        if type(value) is not int or value < low:
            raise self.invalid(key, f"{value!r}, expected an integer of at least {low}")
        return value

    def ratio(self, key: str, *, high: float) -> float:
        """Take a number above 0 and not above `high`."""
        value = self._take(key)
        if type(value) not in (int, float) or not 0 < value <= high:
            raise self.invalid(key, f"{value!r}, expected a number in (0, {high:g}]")
        return float(value)

    def boolean(self, key: str) -> bool:
        """Take true or false."""
        value = self._take(key)
        if not isinstance(value, bool):
            raise self.invalid(key, f"{type(value).__name__}, expected true or false")
        return value

    def label(self, key: str) -> str:
        """Take a name that can be shown in one line."""
        value = self.text(key)
        self._check_label(key, value)
        return value

    def optional(self, key: str) -> Any:
        """Take whatever is there, None if nothing is."""
        self._taken.add(key)
        return self._raw.get(key)

    def mapping(self, key: str) -> dict[str, Any]:
        """Take an object."""
        value = self._take(key)
        if not isinstance(value, dict):
            raise self.invalid(key, f"{type(value).__name__}, expected an object")
        return value

    def labels(self, key: str, *, low: int, high: int) -> tuple[str, ...]:
        """Take a list of `low` to `high` different names that can be shown in one line."""
        value = self._take(key)
        if not isinstance(value, list) or not low <= len(value) <= high:
            raise self.invalid(key, f"expected a list of {low} to {high} names")
        for label in value:
            self._check_label(key, label)
        if len(set(value)) != len(value):
            raise self.invalid(key, "holds the same name twice")
        return tuple(value)

    def objects(self, key: str, *, low: int, high: int) -> "list[Fields]":
        """Take a list of `low` to `high` objects; an error names the position of the one it is about."""
        value = self._take(key)
        if not isinstance(value, list) or not low <= len(value) <= high:
            raise self.invalid(key, f"expected a list of {low} to {high} objects")
        return [self.nested(f"{key}.{position}", raw) for position, raw in enumerate(value)]

    def _check_label(self, key: str, label: Any) -> None:
        if not isinstance(label, str) or not 1 <= len(label) <= _LABEL_CHARS or not label.isprintable():
            raise self.invalid(key, f"{label!r}, expected 1 to {_LABEL_CHARS} printable characters")

    def _take(self, key: str) -> Any:
        if key not in self._raw:
            raise self.invalid(key, "missing")
        self._taken.add(key)
        return self._raw[key]
