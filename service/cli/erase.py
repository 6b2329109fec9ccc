"""The command that removes items on somebody's request."""

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from service.cli.client import Client
from service.cli.options import A_NAME, A_REASON, DEFAULT_URL, Key, Url, current_user
from service.cli.output import Json, show
from service.values import MAX_ERASED, MAX_ERASED_ID

REWRITE_SECONDS = 300.0  # a large state takes a while to be written anew


def erase(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ITEM_ID...",
            help="Ids the items were sent with, or their keys in batches; - reads one a line from stdin.",
        ),
    ],
    why: Annotated[
        str,
        typer.Option("--why", help="The reason; kept, so it may not name the item.", callback=A_REASON),
    ],
    who: Annotated[
        str | None,
        typer.Option("--who", help="Who erases, by default the current user; kept too.", callback=A_NAME),
    ] = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Remove items from everything a running service keeps, for good."""
    if ids == ["-"]:
        ids = [line for line in sys.stdin.read().splitlines() if line]
    _check(ids)
    body = {"ids": ids, "who": who or current_user(), "why": why}
    client = Client(url, key, timeout_seconds=REWRITE_SECONDS)
    value = client.post("/v1/erase", json=body).json()
    show(value, as_json=json, human=lambda: _said(value))
    if not value["off_disk"]:
        raise typer.Exit(1)


def _check(ids: Sequence[str]) -> None:
    """Refuse what the service would, without naming an item."""
    if not 1 <= len(ids) <= MAX_ERASED:
        raise typer.BadParameter(f"{len(ids):,} ids: give 1 to {MAX_ERASED} at once", param_hint="ITEM_ID")
    for place, each in enumerate(ids, start=1):
        if not 1 <= len(each) <= MAX_ERASED_ID:
            said = f"{len(each):,} characters in the id at place {place}: expected 1 to {MAX_ERASED_ID:,}"
            raise typer.BadParameter(said, param_hint="ITEM_ID")


def _said(value: dict[str, Any]) -> str:
    rows = ", ".join(f"{n} {table}" for table, n in value["removed"].items()) or "nothing was kept of it"
    disk = (
        "the file was written anew"
        if value["off_disk"]
        else "old pages of the file may still hold it: somebody read it, or its disk is full; erase again"
    )
    return f"{len(value['erased'])} erased: {rows}; {disk}"
