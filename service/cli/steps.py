"""The command that tells what became of the served model, step by step: made, proposed, promoted, why."""

from typing import Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from monitoring.meaning.wording import moment
from service.cli.client import Client
from service.cli.options import DEFAULT_URL, Key, Url
from service.cli.output import Json, show
from service.cli.ranges import whole

_DOES = {
    "fit": "was fitted",
    "refit": "was fitted to new thresholds",
    "import": "was imported",
    "batch": "gave batch {batch}",
    "close": "batch {batch} was closed",
    "propose": "was proposed in place of {base}",
    "shadow": "began to answer beside the live version",
    "promote": "was put in force",
    "rollback": "was put back in force, after {from}",
    "reject": "was rejected",
    "supersede": "was superseded",
    "baseline": "got a baseline",
    "alarm": "raised alarm {alarm}",
    "alarm_end": "alarm {alarm} ended",
    "acknowledge": "alarm {alarm} was acknowledged",
    "call_false": "alarm {alarm} was called false",
}


def history(
    url: Url = DEFAULT_URL,
    key: Key = "",
    limit: Annotated[int, typer.Option("--limit", help="Newest steps to list.", **whole(1, 1_000))] = 50,
    json: Json = False,
) -> None:
    """List what became of the served model: versions, proposals, promotions, alarms, with who and why."""
    value = Client(url, key).get("/v1/models/history", params={"limit": str(limit)}).json()
    show(value, as_json=json, human=lambda: render_steps(value))


def render_steps(value: dict[str, Any]) -> Group:
    """Return a line a step, newest first, and what people said of it."""
    if not value["steps"]:
        return Group(Text(f"{value['name']}: no step yet; `seamark fit` makes the first"))
    return Group(*(Text(line_of(each)) for each in value["steps"]))


def line_of(step: dict[str, Any]) -> str:
    """Return one step in a line.

    Examples
    --------
    >>> line_of({"at": 0.0, "step": "promote", "model": "mail@2", "who": "kim", "why": "finds more",
    ...          "details": {"from": "1", "proposal": "17ab"}})
    '1970-01-01 00:00  mail@2 was put in force (proposal 17ab), by kim: finds more'
    """
    about = step["details"]
    does = _DOES[step["step"]].format(**{"base": "", "batch": "", "alarm": "", "from": "", **about})
    notes = [
        f"by {about['by']}" if about.get("by") else "",
        f"classes {', '.join(about['classes'])}" if about.get("classes") else "",
        f"alarm {about['alarm']}" if step["step"] in ("batch", "propose") and about.get("alarm") else "",
        f"proposal {about['proposal']}" if about.get("proposal") else "",
    ]
    said = ", ".join(note for note in notes if note)
    who = f", by {step['who']}" if step["who"] and step["who"] != "automatic" else ""
    why = f": {step['why']}" if step["why"] else ""
    return f"{moment(step['at'])}  {step['model']} {does}" + (f" ({said})" if said else "") + who + why
