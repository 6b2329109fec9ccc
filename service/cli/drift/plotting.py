"""Can this installation draw, and where does a picture go?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from monitoring.errors import MonitoringError

Plot: TypeAlias = Annotated[Path | None, typer.Option("--plot", help="Draw it, into this SVG file.")]


class PlotsNotInstalled(MonitoringError):
    """Matplotlib is missing, which only pictures need."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def __str__(self) -> str:
        return f"{self.what} needs matplotlib; install seamark with its extra: seamark[plots]"


@contextmanager
def needs_plots(what: str) -> Iterator[None]:
    """Import inside what loads matplotlib.

    Raises
    ------
    PlotsNotInstalled
        The `plots` extra is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise PlotsNotInstalled(what) from error


def write_picture(svg: str, path: Path) -> None:
    """Write a picture as a file of its own."""
    from model_store.reports.drawing import standalone  # noqa: PLC0415 - loads matplotlib

    path.write_text(standalone(svg), encoding="utf-8")
