"""Which planned changes must not raise an alarm, and until when?"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from monitoring.detection.comparison import Scope
from monitoring.errors import ExpectationRefused
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


Expectations: TypeAlias = tuple[Expectation, ...]


def with_expected(
    expectations: Expectations, expected: Expectation, *, categories: Sequence[str]
) -> Expectations:
    """Return the expectations with one more, which replaces what was expected of its class.

    Raises
    ------
    ExpectationRefused
        There is no such class, or its end is not after its beginning.
    """
    if expected.category not in categories:
        raise ExpectationRefused(f"there is no class {expected.category!r}; name one of {list(categories)}")
    if not expected.until > expected.at:
        raise ExpectationRefused(f"until {expected.until:.12g} is over; choose a later time")
    return (*_without(expectations, expected.category), expected)


def without_expected(expectations: Expectations, category: str) -> Expectations:
    """Return the expectations without that of a class; ExpectationRefused when there is none."""
    left = _without(expectations, category)
    if len(left) == len(expectations):
        raise ExpectationRefused(f"nothing is expected of {category!r}; the status lists what is")
    return left


def _without(expectations: Expectations, category: str) -> Expectations:
    return tuple(each for each in expectations if each.category != category)


def expected_scope(expectations: Iterable[Expectation], streams: Iterable[Stream]) -> Scope:
    """Return what is set aside: the expected classes, and all measured quantities, which change with them."""
    left_out = frozenset(each.category for each in expectations)
    if not left_out:
        return Scope()
    return Scope(left_out, frozenset(stream.name for stream in streams if stream.kind == "cuts"))
