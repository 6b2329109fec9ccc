"""When did a row happen: ISO 8601 with any zone, or numbers since 1970 in seconds down to nanoseconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt

Milliseconds: TypeAlias = npt.NDArray[np.int64]  # since 1970, UTC

EARLIEST: Final = 631_152_000_000  # 1990: what is before is a broken clock, or a number in another unit
LATEST: Final = 4_102_444_800_000  # 2100
NO_TIME: Final = "have no timestamp"
NOT_A_TIME: Final = "have a timestamp that is neither ISO 8601 nor a number since 1970"
OUT_OF_RANGE: Final = "have a timestamp outside 1990 to 2100"
# From these numbers on the unit is milli-, micro- and nanoseconds: in seconds they would be after 5138.
_UNITS: Final = ((1e17, 1e-6), (1e14, 1e-3), (1e11, 1.0), (0.0, 1e3))


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Times of rows.

    Attributes
    ----------
    milliseconds : int64 array of shape (n_rows,)
        0 where there is none.
    refused : dict of str to list of int
        Reason -> positions of the rows without a usable time.
    without_zone : int
        Rows whose time names no zone; it was taken as UTC.
    """

    milliseconds: Milliseconds
    refused: dict[str, list[int]]
    without_zone: int = 0


def moments(values: Sequence[Any]) -> Moments:
    """Return the times in a column, of texts or numbers, mixed as they come.

    Examples
    --------
    >>> moments(["2024-05-01T12:00:00+02:00", "1714557600", 1714557600000]).milliseconds.tolist()
    [1714557600000, 1714557600000, 1714557600000]
    """
    for fast in (_numbers, _texts):
        found = fast(values)
        if found is not None and _within(found.milliseconds).all():
            return found
    return _one_by_one(values)


def _within(found: Milliseconds) -> npt.NDArray[np.bool_]:
    inside: npt.NDArray[np.bool_] = (found >= EARLIEST) & (found < LATEST)
    return inside


def _numbers(values: Sequence[Any]) -> Moments | None:
    """Return the times of a column of numbers, None if any is not one."""
    try:
        numbers = np.fromiter(map(float, values), np.float64, len(values))
    except (ValueError, TypeError):
        return None
    if not np.isfinite(numbers).all():
        return None
    factors = np.select([numbers >= least for least, _ in _UNITS], [factor for _, factor in _UNITS], 0.0)
    return Moments(np.round(numbers * factors).astype(np.int64), {})


def _texts(values: Sequence[Any]) -> Moments | None:
    """Return the times of a column of ISO 8601, None if any is not."""
    try:
        found = list(map(datetime.fromisoformat, values))
    except (ValueError, TypeError):
        return None
    aware = [moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC) for moment in found]
    seconds = np.fromiter(map(datetime.timestamp, aware), np.float64, len(found))
    bare = sum(moment.tzinfo is None for moment in found)
    return Moments(np.round(seconds * 1e3).astype(np.int64), {}, bare)


def _one_by_one(values: Sequence[Any]) -> Moments:
    found = np.zeros(len(values), dtype=np.int64)
    refused: dict[str, list[int]] = {}
    bare = 0
    for place, value in enumerate(values):
        moment = _moment(value)
        if isinstance(moment, str):
            refused.setdefault(moment, []).append(place)
        else:
            found[place] = moment.milliseconds[0]
            bare += moment.without_zone
    return Moments(found, refused, bare)


def _moment(value: Any) -> Moments | str:
    """Return the time of one row, or the reason why there is none."""
    if value is None or value == "":
        return NO_TIME
    text = _tidied(value) if isinstance(value, str) else value
    if text == "":
        return NO_TIME
    readings = [found for found in (_numbers([text]), _texts([text])) if found is not None]
    if not readings:
        return NOT_A_TIME
    return next((found for found in readings if _within(found.milliseconds).all()), OUT_OF_RANGE)


def _tidied(text: str) -> str:
    """Return a time as ISO 8601 writes it: databases put a blank, or UTC by name, before the zone."""
    bare = text.strip()
    for name in (" UTC", " GMT", "UTC", " Z"):
        if bare.endswith(name):
            return f"{bare[: -len(name)]}+00:00"
    head, blank, zone = bare.rpartition(" ")
    return f"{head}{zone}" if blank and zone[:1] in {"+", "-"} else bare
