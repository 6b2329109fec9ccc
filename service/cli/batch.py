"""Commands for data teams: which batches wait, pull one, send its labels back."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli.client import Client, ClientError
from service.cli.options import DEFAULT_URL, Key, Url
from service.cli.output import Json, out, show, table

app = typer.Typer(no_args_is_help=True, help="Labeling batches: list, pull, return.")

BatchId = Annotated[str, typer.Argument(help="Id of the batch.")]
SUFFIXES = {"jsonl": "jsonl", "csv": "csv", "label_studio": "json"}


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


@app.command()
def pull(
    batch: BatchId,
    format_: Annotated[str, typer.Option("--format", help="jsonl, csv or label_studio.")] = "jsonl",
    to: Annotated[Path, typer.Option("--to", help="Directory for the files.")] = Path(),
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Write a batch's items, its manifest and, for Label Studio, the labeling config."""
    if format_ not in SUFFIXES:
        raise typer.BadParameter(f"{format_!r} is not one of {', '.join(SUFFIXES)}", param_hint="--format")
    client = Client(url, key)
    files = {
        f"{batch}.{SUFFIXES[format_]}": client.get(
            f"/v1/batches/{batch}/items", params={"format": format_}
        ).content,
        f"{batch}.manifest.json": client.get(f"/v1/batches/{batch}/manifest").content,
    }
    if format_ == "label_studio":
        files[f"{batch}.labeling-config.xml"] = client.get(f"/v1/batches/{batch}/labeling-config").content
    written = [_write(to / name, content) for name, content in files.items()]
    show(
        {"batch": batch, "files": [str(path) for path in written]},
        as_json=json,
        human=lambda: "\n".join(str(path) for path in written),
    )


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


def _write(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ClientError(
            f"{path}: {error.strerror or error}; choose a writable directory with --to"
        ) from error
    return path
