"""Which disagreements are shown? The newest few of every kind, by their rows: no word of an item is kept."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from monitoring.shadowing.sample import Asked

MOST: Final = 20
MOST_ALIKE: Final = 3


def with_newer(
    examples: Sequence[Mapping[str, Any]], answered: Iterable[Asked]
) -> tuple[Mapping[str, Any], ...]:
    """Return the examples with those just answered differently in front, cut to what is shown."""
    newer = [
        {
            "row": each.row,
            "priority": each.priority,
            "live": list(each.live),
            "candidate": list(each.candidate),
        }
        for each in answered
        if each.candidate is not None and each.candidate != each.live
    ]
    alike: Counter[tuple[str, ...]] = Counter()
    kept = []
    for each in (*newer, *examples):
        pair = (*each["live"], "->", *each["candidate"])
        alike[pair] += 1
        if alike[pair] <= MOST_ALIKE:
            kept.append(each)
    return tuple(kept[:MOST])
