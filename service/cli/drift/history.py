"""The command that lists a service's alarms: since when, how strong, how they ended, who saw to them."""

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from monitoring.durations import seconds_of
from monitoring.meaning.wording import moment, number_of
from service.cli.client import Client
from service.cli.drift.plotting import Plot, needs_plots, write_picture
from service.cli.drift.status import finding_words
from service.cli.options import DEFAULT_URL, Key, ModelKey, Url
from service.cli.output import Json, show, table
from service.cli.ranges import whole


def history(
    url: Url = DEFAULT_URL,
    key: Key = "",
    model: ModelKey = None,
    last: Annotated[str, typer.Option("--last", help="How far back: 6h, 7d, 4w.")] = "90d",
    limit: Annotated[
        int, typer.Option("--limit", help="Newest buckets to read.", **whole(1, 10_000))
    ] = 1_000,
    plot: Plot = None,
    json: Json = False,
) -> None:
    """List alarms with their start, strongest window, end and what ended them, and who acknowledged them."""
    try:
        since = int(max(time.time() - seconds_of(last), 0.0))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--last") from None
    asked = {"since": str(since), "limit": str(limit)} | ({} if model is None else {"model": model})
    value = Client(url, key).get("/v1/drift/history", params=asked).json()
    if plot is not None:
        _draw(value, plot)
    show(value, as_json=json, human=lambda: render_history(value))


def render_history(value: dict[str, Any]) -> Group:
    """Return a table of alarms, newest first, then what moved at each and what people said of it."""
    alarms, buckets = value["alarms"], value["buckets"]
    others = [name for name in value.get("models", ()) if name != value["model"]]
    elsewhere = [Text(f"those of {name}: --model {name}") for name in others]
    if not alarms:
        seen = number_of(len(buckets), "closed bucket")
        return Group(Text(f"{value['model']}: no alarm; {seen}"), *elsewhere)
    rows = [
        [
            each["id"],
            moment(each["finding"]["since_time"]),
            moment(each["raised_at"]),
            _ended(each),
            (each.get("strongest") or each["finding"])["statistic"],
        ]
        for each in alarms
    ]
    shown = table("", ["alarm", "since", "raised", "ended", "evidence"], rows, whole=1)
    said = [Text(line) for each in alarms for line in _said(each)]
    return Group(shown, *said, *elsewhere)


def _ended(alarm: dict[str, Any]) -> str:
    if alarm["cleared_at"] is None:
        return "open"
    why = alarm.get("ended_by")
    return moment(alarm["cleared_at"]) + (f" ({why})" if why else "")


def _said(alarm: dict[str, Any]) -> list[str]:
    """Return what moved, what else was found while it was open, what people said, and what it ended by."""
    said = [
        f"{alarm['id']}: {finding_words(alarm['finding'])}",
        *(
            f"{alarm['id']}: also {finding_words(each['finding'])}, from {moment(each['at'])}"
            for each in alarm.get("later") or ()
        ),
    ]
    for verb, act in (
        ("acknowledged", alarm.get("acknowledged")),
        ("called false", alarm.get("marked_false")),
    ):
        if act:
            why = f": {act['why']}" if act["why"] else ""
            said.append(f"{alarm['id']}: {verb} by {act['by']} at {moment(act['at'])}{why}")
    if cause := alarm.get("ended_cause"):
        said.append(f"{alarm['id']}: ended by the promotion of proposal {cause}")
    return said


def _draw(value: dict[str, Any], path: Path) -> None:
    with needs_plots("--plot"):
        from monitoring.plots import evidence  # noqa: PLC0415 - loads matplotlib
    scanned = [each for each in value["buckets"] if each["statistic"] is not None]
    if not scanned:
        raise typer.BadParameter("there is no scanned bucket to draw yet", param_hint="--plot")
    drawn = evidence(
        [each["end"] for each in scanned],
        [each["statistic"] for each in scanned],
        threshold=scanned[-1]["threshold"],
        alarms=[(each["raised_at"], each["cleared_at"]) for each in value["alarms"]],
        key="evidence",
    )
    write_picture(drawn, path)
