"""Markdown: how do figures stand in a card, whatever a class is called?"""

from collections.abc import Iterable, Sequence

from model_store.promises.thresholds import Interval


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    r"""Return a table; cells are escaped, and no cell ends a line or starts HTML.

    Examples
    --------
    >>> print(table(["class", "n"], [["a|b", "1"]]))
    | class | n |
    |---|---|
    | a\|b | 1 |
    """
    lines = [f"| {' | '.join(map(cell, row))} |" for row in rows]
    return "\n".join([f"| {' | '.join(head)} |", "|" + "---|" * len(head), *lines])


def cell(text: str) -> str:
    """Escape what would end a table cell or start HTML."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").split())


def bullets(lines: Iterable[str]) -> str:
    """Return one item a line."""
    return "\n".join(f"- {cell(line)}" for line in lines)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number, or a dash where it could not be measured."""
    return "-" if value is None or value != value else f"{value:.{digits}f}"  # noqa: PLR0124 - NaN is not itself


def bounded(interval: Interval, *, claimed: bool = True) -> str:
    """Return an estimate with its lower bound in brackets, marked where it is no part of a claim.

    Examples
    --------
    >>> bounded(Interval(0.7, 0.62)), bounded(Interval(0.7, 0.62), claimed=False)
    ('0.700 (0.620)', '0.700 (0.620 pointwise)')
    """
    if interval.estimate is None:
        return "-"
    return f"{interval.estimate:.3f} ({interval.lower:.3f}{'' if claimed else ' pointwise'})"


def sections(*parts: str) -> str:
    """Join what is not empty with blank lines between."""
    return "\n\n".join(filter(None, parts)) + "\n"
