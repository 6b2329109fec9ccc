"""Which planned changes must not raise an alarm, and until when?"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Expectation:
    """A class is left out of all tests from `at` to `until`, UTC seconds, because somebody says so."""

    category: str
    at: float
    until: float
    by: str
    why: str

    def to_json(self) -> Mapping[str, Any]:
        """Return a JSON-able form; `Expectation(**...)` restores it exactly."""
        return asdict(self)
