"""What every format of log is read into: a few thousand rows at a time, cells by role, each row's line."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

Progress: TypeAlias = Callable[[str, int, int], None]  # stage, done, total

CHUNK_ROWS: Final = 1 << 15


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """Rows of a log.

    Attributes
    ----------
    lines : sequence of int
        Where each row begins in the file, from 1; of Parquet, which has no lines, the number of the row.
    cells : dict of str to sequence
        Role (time, label, score, source, id) -> one cell a row.
    """

    lines: Sequence[int]
    cells: Mapping[str, Sequence[Any]]
