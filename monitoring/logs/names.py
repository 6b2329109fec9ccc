"""Numbers for the names in a column, in the order in which they first appear."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from monitoring.logs.problems import LogRefused
from monitoring.logs.textfile import printable

ABSENT: Final = -1  # no name in the cell
UNUSABLE: Final = -2  # no text that could be one: a list, an object, bytes that are not UTF-8


class Names:
    """Numbers names; a column with more than `most` different ones is refused.

    Parameters
    ----------
    empty : str, optional
        Name of an empty cell; by default it has none and is `ABSENT`.
    """

    def __init__(self, path: Path, column: str, *, most: int, empty: str | None = None) -> None:
        self._path, self._column, self._most = path, column, most
        self._empty = empty
        self._codes: dict[Any, int] = {}  # a cell as it stands -> number
        self.names: list[str] = []

    def codes(self, cells: Sequence[Any]) -> npt.NDArray[np.int64]:
        """Return a number for each cell; negative where it has no usable name."""
        known = self._codes.get
        try:
            found = list(map(known, cells))
        except TypeError:  # a list or an object cannot be looked up
            found = [None] * len(cells)
        if None in found:
            found = [
                self._code(cell) if code is None else code for cell, code in zip(cells, found, strict=True)
            ]
        return np.array(found, dtype=np.int64)

    def _code(self, cell: Any) -> int:
        if isinstance(cell, list | dict | bytes):
            return UNUSABLE
        if (known := self._codes.get(cell)) is not None:
            return known
        name = "" if cell is None else str(cell).strip()
        if not printable(name):
            return UNUSABLE
        name = name or self._empty or ""
        if not name:
            return ABSENT
        code = self.names.index(name) if name in self.names else self._new(name)
        if len(self._codes) < 2 * self._most:  # other spellings of a name, blanks around it, have no bound
            self._codes[cell] = code
        return code

    def _new(self, name: str) -> int:
        if len(self.names) == self._most:
            raise LogRefused(
                self._path,
                f"column {self._column!r} has more than {self._most:,} different values; name another one",
            )
        self.names.append(name)
        return len(self.names) - 1
