"""Which rows of a log cannot be used, and why: counted and named by line, their content never shown.

The tree::

    MonitoringError
    └── LogRefused            the log as a whole cannot be read or used
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from monitoring.errors import MonitoringError

MOST_NAMED: Final = 5


class LogRefused(MonitoringError):
    """A log cannot be used; the reason names the thing and says what to do."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(slots=True)
class Problem:
    """Rows with one thing wrong: how many, and the first of their lines."""

    count: int = 0
    lines: list[int] = field(default_factory=list)


class Problems:
    """Rows that were left out, by reason; a reason is a verb phrase in the plural, like "have no label"."""

    def __init__(self) -> None:
        self._found: dict[str, Problem] = {}

    def add(self, reason: str, lines: Sequence[int]) -> None:
        """Count rows by one reason."""
        if lines:
            problem = self._found.setdefault(reason, Problem())
            problem.count += len(lines)
            problem.lines.extend(lines[: MOST_NAMED - len(problem.lines)])

    @property
    def rows(self) -> int:
        """All rows that were left out."""
        return sum(problem.count for problem in self._found.values())

    def to_json(self) -> list[dict[str, Any]]:
        """Return each reason with its count and first lines, most frequent first."""
        ranked = sorted(self._found.items(), key=lambda each: (-each[1].count, each[0]))
        return [{"reason": why, "rows": found.count, "lines": found.lines} for why, found in ranked]

    def sentences(self, unit: str = "line") -> list[str]:
        """Return a clause for each reason, most frequent first; `unit` is what the numbers count."""
        return [_sentence(unit, **each) for each in self.to_json()]


def _sentence(unit: str, *, reason: str, rows: int, lines: Sequence[int]) -> str:
    named = ", ".join(map(str, lines))
    if rows == 1:
        return f"1 row left out that {_singular(reason)}: {unit} {named}"
    more = " and others" if rows > len(lines) else ""
    return f"{rows:,} rows left out that {reason}: {unit}s {named}{more}"


def _singular(reason: str) -> str:
    verb, _, rest = reason.partition(" ")
    return f"{_SINGULAR[verb]} {rest}"


_SINGULAR: Final = {"have": "has", "are": "is"}
