"""The commands by which people act on a running detector; each is kept in the audit trail."""

import time
from typing import Annotated, Any

import typer

from monitoring.durations import seconds_of
from monitoring.meaning.wording import moment
from service.cli.client import Client, ClientError
from service.cli.options import (
    A_NAME,
    A_REASON,
    DEFAULT_URL,
    By,
    Key,
    ModelKey,
    Url,
    Why,
    at_most,
    current_user,
)
from service.cli.output import Json, show
from service.values import MAX_REASON

Alarm = Annotated[
    str | None, typer.Argument(help="Id of the alarm; by default the open one.", callback=A_NAME)
]


def baseline(
    url: Url = DEFAULT_URL,
    key: Key = "",
    by: By = None,
    why: Why = "",
    force: Annotated[bool, typer.Option("--force", help="Also during an alarm.")] = False,
    json: Json = False,
) -> None:
    """Freeze the live traffic seen so far as the new reference (kept in the audit trail)."""
    body = {"by": by or current_user(), "why": why, "force": force}
    value = Client(url, key).post("/v1/drift/baseline", json=body).json()
    show(value, as_json=json, human=lambda: f"baseline frozen: {value['items']} items")


def expect(
    name: Annotated[str, typer.Argument(metavar="CLASS", help="The class that will move.", callback=A_NAME)],
    why: Annotated[
        str,
        typer.Option(
            "--why",
            help="The reason, which only --end does without; kept in the history.",
            callback=at_most(MAX_REASON),
        ),
    ] = "",
    length: Annotated[str, typer.Option("--for", help="How long: 6h, 7d, 2w.")] = "7d",
    end: Annotated[bool, typer.Option("--end", help="Watch it again from now on.")] = False,
    model: ModelKey = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    by: By = None,
    json: Json = False,
) -> None:
    """Announce a planned change: the class is left out of all tests until it is over.

    A version needs no traffic for that: its detector starts with it.
    """
    body: dict[str, Any] = {"class": name, "by": by or current_user(), "why": why}
    path = "/v1/drift/expect/end" if end else "/v1/drift/expect"
    if not end:
        if not why:
            raise typer.BadParameter("say why the class will move", param_hint="--why")
        try:
            body["until"] = time.time() + seconds_of(length)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--for") from None
    value = Client(url, key).post(path, json=body, params={"model": model} if model else None).json()
    show(value, as_json=json, human=lambda: _expected(value))


def acknowledge(
    alarm: Alarm = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    by: By = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """Say that you look after an alarm; the detector goes on as before."""
    value = _say(Client(url, key), alarm, "acknowledge", by, why)
    show(value, as_json=json, human=lambda: f"{value['id']}: acknowledged by {value['acknowledged']['by']}")


def false(
    why: Annotated[str, typer.Option("--why", help="How you know; kept in the history.", callback=A_REASON)],
    alarm: Alarm = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    by: By = None,
    json: Json = False,
) -> None:
    """Say that nothing had moved: an open alarm ends, and detection starts anew from its baseline."""
    value = _say(Client(url, key), alarm, "false", by, why)
    show(value, as_json=json, human=lambda: f"{value['id']}: false, says {value['marked_false']['by']}")


def _say(client: Client, alarm: str | None, what: str, by: str | None, why: str) -> dict[str, Any]:
    """Send what a person says of an alarm, and return the alarm."""
    body = {"by": by or current_user()} | ({"why": why} if why else {})
    answer: dict[str, Any] = client.post(
        f"/v1/drift/alarms/{alarm or _open(client)}/{what}", json=body
    ).json()
    return answer


def _open(client: Client) -> str:
    last = client.get("/v1/drift").json()["last_alarm"]
    if last is None or last["cleared_at"] is not None:
        raise ClientError("no alarm is open; name one of `seamark drift history`")
    return str(last["id"])


def _expected(value: dict[str, Any]) -> str:
    said = [f"{each['class']} until {moment(each['until'])}" for each in value["expectations"]]
    return f"expected to move: {', '.join(said)}" if said else "nothing is expected to move"
