"""Commands for data teams: which batches wait, pull one, send its labels back."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.client import Client, ClientError
from service.cli.options import DEFAULT_URL, BatchId, Key, Url
from service.cli.output import Json, out, show, table
from service.cli.pull import pull

app = typer.Typer(no_args_is_help=True, help="Labeling batches: list, pull, return.")


@app.command("list")
def list_batches(url: Url = DEFAULT_URL, key: Key = "", json: Json = False) -> None:
    """List the batches with their state and what is still to label."""
    value = Client(url, key).get("/v1/batches").json()
    rows = [
        [each["id"], each["state"], each["reason"], each["items"], each["labelled"]]
        for each in value["batches"]
    ]
    show(
        value,
        as_json=json,
        human=lambda: table(f"{len(rows)} batches", ["id", "state", "reason", "items", "labelled"], rows),
    )


app.command()(pull)


@app.command("return")
def return_labels(
    batch: BatchId,
    labels: Annotated[
        Path, typer.Argument(help="Labels: JSON, JSONL, CSV or a Label Studio export; - for stdin.")
    ],
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Send labels back; a row sent twice counts once, a rejected row says why."""
    content = sys.stdin.buffer.read() if str(labels) == "-" else _read(labels)
    value = Client(url, key).post(f"/v1/batches/{batch}/labels", content=content).json()
    show(value, as_json=json, human=lambda: _receipt(value))
    if not json:
        for row in value["rejected"]:
            out.print(f"row {row['row']}: {row['reason']}")
    if value["rejected"] and not value["accepted"] and not value["repeated"]:
        raise typer.Exit(1)


def _receipt(value: dict[str, Any]) -> str:
    return (
        f"{value['accepted']} accepted, {value['repeated']} already known, {len(value['rejected'])} rejected"
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ClientError(f"{path}: {error.strerror or error}; give a readable file") from error
