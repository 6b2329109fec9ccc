"""The commands by which people act on a running detector; each is kept in the audit trail."""

from typing import Annotated

import typer

from service.cli.client import Client
from service.cli.options import DEFAULT_URL, By, Key, Url, Why, current_user
from service.cli.output import Json, show


def baseline(
    url: Url = DEFAULT_URL,
    key: Key = "",
    by: By = "",
    why: Why = "",
    force: Annotated[bool, typer.Option("--force", help="Also during an alarm.")] = False,
    json: Json = False,
) -> None:
    """Freeze the live traffic seen so far as the new reference (kept in the audit trail)."""
    body = {"by": by or current_user(), "why": why, "force": force}
    value = Client(url, key).post("/v1/drift/baseline", json=body).json()
    show(value, as_json=json, human=lambda: f"baseline frozen: {value['items']} items")
