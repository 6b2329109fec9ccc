"""Lengths of time as people write and read them: `90s`, `10m`, `6h`, `7d`, `2w`; "3.5 days"."""

import re
from typing import Final

UNITS: Final = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_WORDS: Final = (
    (2 * 31_557_600.0, 31_557_600.0, "years"),
    (2 * 86_400.0, 86_400.0, "days"),
    (2 * 3_600.0, 3_600.0, "hours"),
    (120.0, 60.0, "minutes"),
    (0.0, 1.0, "seconds"),
)
_SHORT: Final = (
    (2 * 86_400.0, 86_400.0, "d"),
    (7_200.0, 3_600.0, "h"),
    (120.0, 60.0, "min"),
    (0.0, 1.0, "s"),
)
_LONGEST: Final = 100 * 365.25 * 86_400.0


def seconds_of(text: str) -> float:
    """Return the seconds in a length of time; a number alone is seconds.

    Raises
    ------
    ValueError
        It is none, not above 0 or over a hundred years.

    Examples
    --------
    >>> seconds_of("90"), seconds_of("1.5h"), seconds_of("7 d")
    (90.0, 5400.0, 604800.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw]?)\s*", text)
    seconds = float(found[1]) * UNITS[found[2] or "s"] if found else 0.0
    if not 0.0 < seconds <= _LONGEST:
        raise ValueError(f"{text!r} is not a length of time above 0 such as 90s, 10m, 6h, 7d or 2w")
    return seconds


def in_words(seconds: float) -> str:
    """Return a length of time in its largest unit of which there are two, with two digits or more.

    Examples
    --------
    >>> in_words(1), in_words(5400), in_words(86400), in_words(90 * 86400)
    ('1 second', '90 minutes', '24 hours', '90 days')
    """
    unit, name = next((unit, name) for least, unit, name in _WORDS if seconds >= least)
    value = seconds / unit
    if value == 1.0:
        return f"1 {name.removesuffix('s')}"
    return f"{value:.0f} {name}" if value >= 20 or value == round(value) else f"{value:.2g} {name}"


def in_short(seconds: float) -> str:
    """Return a length of time for a column of a table.

    Examples
    --------
    >>> in_short(0.47), in_short(2_820), in_short(40_000), in_short(90 * 86400)
    ('0.5 s', '47 min', '11 h', '90 d')
    """
    unit, name = next((unit, name) for least, unit, name in _SHORT if seconds >= least)
    value = seconds / unit
    return f"{value:.0f} {name}" if value >= 9.5 else f"{value:.1f} {name}"
