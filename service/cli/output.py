"""How does a command answer: JSON for programs, a few lines for people, one line for an error."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, TypeAlias

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table
from rich.text import Text

Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
StageProgress: TypeAlias = Callable[[str, int, int], None]  # (stage, done, total)

WIDEST_UNFOLDED = 17  # a status or a class name stays whole in 80 columns

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


def show(value: object, *, as_json: bool, human: Callable[[], object]) -> None:
    """Print `value` as JSON, or what `human` returns (anything rich can render)."""
    if as_json:
        readable = sys.stdout.encoding.lower() in {"utf-8", "utf8"}
        sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=not readable, allow_nan=False) + "\n")
    else:
        out.print(human())


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, whole: int = 0) -> Table:
    """Return a plain table; numbers are right-aligned, and the first `whole` columns are never folded."""
    result = Table(title=escape(title), title_justify="left", box=None, pad_edge=False)
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float | None) for row in rows)
        width = max((len(cell(row[index])) for row in rows), default=0)
        result.add_column(
            column,
            justify="right" if numeric else "left",
            no_wrap=numeric or index < whole,
            overflow="fold",
            min_width=min(width, WIDEST_UNFOLDED),
        )
    for row in rows:
        result.add_row(*(escape(cell(value)) for value in row))  # a class may be called [red], a person too
    return result


def listed(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str, whole: int = 0
) -> Table | Text:
    """Return a table, or without rows the sentence that says what would make some."""
    return table(title, columns, rows, whole=whole) if rows else Text(empty)


def cell(value: object) -> str:
    """Render one value of a table: floats with three digits, nothing as a dash."""
    if value is None:
        return "-"
    return f"{value:.3f}" if isinstance(value, float) else str(value)


@contextmanager
def stages(*, quiet: bool) -> Iterator[StageProgress]:
    """Show a line per stage of long work on a terminal; yields `progress(stage, done, total)`."""
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), console=err, disable=quiet or not err.is_terminal
    ) as progress:
        tasks: dict[str, int] = {}

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=max(total, 1))
            progress.update(tasks[stage], completed=done, total=max(total, 1))  # type: ignore[arg-type]

        yield advance
