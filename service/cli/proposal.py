"""Commands about proposals: which are there, what does one say, make its wave, leave it."""

from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from monitoring.meaning.wording import number_of
from monitoring.proposing import ProposalState
from service.cli.batch import post
from service.cli.beside import render_shadow
from service.cli.client import Client
from service.cli.comparing import shown
from service.cli.options import DEFAULT_URL, By, Key, NeededWhy, ProposalId, Url, current_user
from service.cli.output import Json, listed, show

app = typer.Typer(no_args_is_help=True, help="Proposals: list, show, make the wave of one, reject.")


@app.command("list")
def list_proposals(
    state: Annotated[ProposalState | None, typer.Option("--state", help="Only those in this state.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """List the proposals of the served model, newest first."""
    params = {} if state is None else {"state": state}
    value = Client(url, key).get("/v1/proposals", params=params).json()
    rows = [
        [
            each["id"],
            each["state"],
            each["kind"],
            f"{each['model']}@{each['base']}",
            each["candidate"],
            each["by"],
        ]
        for each in value["proposals"]
    ]
    columns = ["id", "state", "kind", "in place of", "version", "by"]
    empty = (
        "no proposals yet: `seamark fit` and `seamark refit` make one with --with-labels"
        if state is None
        else f"no proposal is {state}; without --state all are listed"
    )
    show(
        value,
        as_json=json,
        human=lambda: listed(number_of(len(rows), "proposal"), columns, rows, empty=empty, whole=1),
    )


@app.command("show")
def show_proposal(proposal: ProposalId, url: Url = DEFAULT_URL, key: Key = "", json: Json = False) -> None:
    """Show old against new for each class, what is certified, what would certify the rest, what is next."""
    client = Client(url, key)
    value = client.get(f"/v1/proposals/{proposal}").json()
    beside = client.get(f"/v1/proposals/{proposal}/shadow").json()
    show(
        {**value, "shadow": beside},
        as_json=json,
        human=lambda: Group(shown(value), Text(""), render_shadow(beside)),
    )


@app.command()
def wave(
    proposal: ProposalId, by: By = None, url: Url = DEFAULT_URL, key: Key = "", json: Json = False
) -> None:
    """Make a batch of as many explored items as would certify what the proposal cannot claim yet."""
    body = {"by": by or current_user(), "for_proposal": proposal}
    post(Client(url, key), body, of="explored item", as_json=json)


@app.command()
def reject(
    proposal: ProposalId,
    why: NeededWhy,
    by: By = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Leave a proposal; its version stays in the store."""
    body = {"who": by or current_user(), "why": why}
    value = Client(url, key).post(f"/v1/proposals/{proposal}/reject", json=body).json()
    show(value, as_json=json, human=lambda: f"proposal {value['id']} is {value['state']}")
