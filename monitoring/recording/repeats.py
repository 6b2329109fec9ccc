"""Was this item counted before? Which ids a worker has seen within the epoch, in bounded memory.

Retries come seconds after the original: when the memory is full the older half is forgotten, and the newer
one still recognises them. What is counted as new after that may repeat something forgotten, and says so.
"""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias, cast

from model_store.graphs.inputs import Input
from model_store.meters import BEYOND_MEMORY, FIRST, REPEAT, WITHOUT_ID

Deduplicate: TypeAlias = Literal["off", "id", "content"]
Marks: TypeAlias = Sequence[int | None]

# Two halves of 65,536 hashes are 10 MB at most, and what 109 new items a second need for an epoch.
HALF: Final = 65_536


class Repeats:
    """The items of one worker's epoch; not thread-safe, the event loop owns it."""

    __slots__ = ("_forgot", "_half", "_newer", "_older")

    def __init__(self, half: int = HALF) -> None:
        self._half = half
        self.reset()

    def reset(self) -> None:
        """Start an epoch in which nothing was seen yet."""
        self._newer: set[int] = set()
        self._older: set[int] = set()
        self._forgot = False

    def origins(self, marks: Marks) -> list[int]:
        """Return an index into `model_store.meters.ORIGINS` for each item, in order of arrival."""
        newer, older, half = self._newer, self._older, self._half
        new = BEYOND_MEMORY if self._forgot else FIRST
        distinct = set(marks)
        if (
            len(distinct) == len(marks)
            and len(newer) + len(marks) < half
            and None not in distinct
            and newer.isdisjoint(distinct)
            and older.isdisjoint(distinct)
        ):  # the usual case, at two thirds of the cost
            newer |= cast("set[int]", distinct)
            return [new] * len(marks)
        found = []
        for mark in marks:
            if mark is None:
                found.append(WITHOUT_ID)
            elif mark in newer or mark in older:
                found.append(REPEAT)
            else:
                found.append(new)
                newer.add(mark)
                if len(newer) >= half:
                    if older:
                        self._forgot, new = True, BEYOND_MEMORY
                    self._older, self._newer = older, newer = newer, set()
        return found


def marks_of(ids: Sequence[str | None], inputs: Sequence[Input], *, by: Deduplicate) -> Marks:
    """Return what recognises each item: its id, and by content what it says where it has none."""
    if by == "content":
        return [hash(_content(item) if own is None else own) for own, item in zip(ids, inputs, strict=True)]
    return [None if own is None else hash(own) for own in ids]


def _content(item: Input) -> object:
    return item if isinstance(item, str) else frozenset(item.items())
