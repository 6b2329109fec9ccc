"""Commands for data teams: which batches wait, make or pull one, send its labels back, close it."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from monitoring.meaning.wording import number_of
from service.cli.client import Client, ClientError
from service.cli.labeler import adjudicate, lease, release, report, skip
from service.cli.options import A_NAME, DEFAULT_URL, BatchId, By, Key, Url, Why, current_user
from service.cli.output import Json, listed, show
from service.cli.pull import pull
from service.cli.ranges import whole
from service.cli.returning import send_labels
from service.values import MOST_EXPLORED, MOST_ITEMS, MOST_LABELERS

app = typer.Typer(no_args_is_help=True, help="Labeling batches: list, make, pull, lease, return, close.")

_COLUMNS: Final = ("id", "state", "reason", "items", "labelled", "skipped", "leased", "closed_by")
_NONE: Final = (
    "no batches yet: an alarm makes one, and so do `seamark batch make` and `seamark proposal wave`"
)


@app.command("list")
def list_batches(url: Url = DEFAULT_URL, key: Key = "", json: Json = False) -> None:
    """List the batches with their state and what is still to label."""
    value = Client(url, key).get("/v1/batches").json()
    rows = [[each.get(name) for name in _COLUMNS] for each in value["batches"]]
    show(
        value, as_json=json, human=lambda: listed(number_of(len(rows), "batch"), _COLUMNS, rows, empty=_NONE)
    )


@app.command()
def make(
    watch: Annotated[
        list[str] | None,
        typer.Option("--watch", metavar="CLASS", help="A class to look for; repeat for more."),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            "--size",
            help="Items at most, but one of each source; by default SEAMARK_BATCH_SIZE.",
            **whole(1, MOST_ITEMS),
        ),
    ] = None,
    overlap: Annotated[
        int | None,
        typer.Option("--overlap", help="How many people label each item.", **whole(1, MOST_LABELERS)),
    ] = None,
    explore: Annotated[
        int | None,
        typer.Option("--explore", help="Nothing but so many drawn at random.", **whole(1, MOST_EXPLORED)),
    ] = None,
    audit: Annotated[
        bool, typer.Option("--audit", help="Draw by how probable the classes of --watch are, to count them.")
    ] = False,
    by: By = None,
    why: Why = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Make a batch of the last day's traffic without waiting for an alarm."""
    if audit and not watch:
        raise typer.BadParameter("an audit is about classes: name them", param_hint="--watch")
    if audit and explore is not None:
        raise typer.BadParameter(
            "an audit draws otherwise: give the one or the other", param_hint="--explore"
        )
    if size is not None and explore is not None:
        raise typer.BadParameter("--explore says how many: give the one or the other", param_hint="--size")
    asked: dict[str, object] = {"size": size, "overlap": overlap, "explore": explore}
    body = {name: value for name, value in asked.items() if value is not None}
    body |= {"by": by or current_user(), "why": why, "watched": watch or []}
    body["mode"] = "audit" if audit else "mixed"
    post(Client(url, key), body, of="item", as_json=json)


def post(client: Client, body: Mapping[str, object], *, of: str, as_json: bool) -> None:
    """Have the service make a batch, and tell its id, how many items `of` a kind it has, and its notes."""
    value = client.post("/v1/batches", json=body).json()
    show(
        value,
        as_json=as_json,
        human=lambda: "\n".join([f"batch {value['id']}: {number_of(value['items'], of)}", *value["notes"]]),
    )


app.command()(pull)
app.command()(lease)
app.command()(release)
app.command()(skip)
app.command()(adjudicate)


@app.command("return")
def return_labels(
    batch: BatchId,
    labels: Annotated[
        Path,
        typer.Argument(help="The labelled file, or what the labeling tool exported; - for stdin."),
    ],
    annotator: Annotated[
        str | None,
        typer.Option("--annotator", help="Who labelled the rows that name nobody.", callback=A_NAME),
    ] = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Send labels back; a row sent twice counts once, a rejected row says why."""
    content = sys.stdin.buffer.read() if str(labels) == "-" else _read(labels)
    value = send_labels(Client(url, key), batch, content, annotator=annotator)
    report(value, as_json=json)


@app.command()
def close(
    batch: BatchId,
    by: By = None,
    why: Why = "",
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Close a batch that nobody will finish: what nobody labelled counts as skipped."""
    body = {"by": by or current_user(), "why": why}
    value = Client(url, key).post(f"/v1/batches/{batch}/close", json=body).json()
    show(
        value,
        as_json=json,
        human=lambda: f"{batch} is closed: {value['labelled']} labelled, {value['skipped']} skipped",
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ClientError(f"{path}: {error.strerror or error}; give a readable file") from error
