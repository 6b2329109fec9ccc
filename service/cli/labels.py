"""The command that fetches every settled label, as a file that fit and refit read."""

from pathlib import Path
from typing import Annotated

import typer

from service.cli.client import Client
from service.cli.files import write
from service.cli.options import A_NAME, DEFAULT_URL, Key, Url
from service.cli.output import Json, show


def labels(
    to: Annotated[Path, typer.Option("--to", help="File to write.")] = Path("labels.csv"),
    format_: Annotated[
        str | None, typer.Option("--format", help="csv or jsonl; by default as the file's name ends.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="NAME@VERSION that chose the items.", callback=A_NAME)
    ] = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Of one batch only.", callback=A_NAME)] = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Write the settled labels of all batches, one item a row, with the weight each stands for."""
    form = format_ or to.suffix.removeprefix(".")
    if form not in ("csv", "jsonl"):
        raise typer.BadParameter(f"{form!r} is not csv or jsonl", param_hint="--format")
    asked = {"format": form, "model": model, "batch": batch}
    params = {name: each for name, each in asked.items() if each is not None}
    client = Client(url, key, timeout_seconds=120.0)
    path = write(to, client.get("/v1/labels", params=params).content)
    show({"file": str(path)}, as_json=json, human=lambda: str(path))
