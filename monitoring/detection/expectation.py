"""Which planned changes must not raise an alarm, and until when?"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from monitoring.detection.comparison import Scope
from monitoring.scanning.streams import Stream


@dataclass(frozen=True, slots=True)
class Expectation:
    """A class is left out of all tests from `at` to `until`, UTC seconds, because somebody says so."""

    category: str
    at: float
    until: float
    by: str
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-able form; `Expectation(**...)` restores it exactly."""
        return asdict(self)


def expected_scope(expectations: Iterable[Expectation], streams: Iterable[Stream]) -> Scope:
    """Return what is set aside: the expected classes, and all measured quantities, which change with them."""
    left_out = frozenset(each.category for each in expectations)
    if not left_out:
        return Scope()
    return Scope(left_out, frozenset(stream.name for stream in streams if stream.kind == "cuts"))
