"""The command that says where a running service's detector stands."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from service.cli.client import Client
from service.cli.options import DEFAULT_URL, Key, Url
from service.cli.output import Json, show, table

MOST_SHOWN: Final = 15


def status(url: Url = DEFAULT_URL, key: Key = "", json: Json = False) -> None:
    """Show whether the mix has moved, which class, since when, and how sure that is."""
    value = Client(url, key).get("/v1/drift").json()
    show(value, as_json=json, human=lambda: render_status(value))


def render_status(value: dict[str, Any]) -> Group:
    """Return what an operator reads: one sentence, then the classes by evidence."""
    classes = sorted(value["classes"], key=lambda each: -each["evidence"])
    rows = [
        [
            each["class"],
            each["reference"],
            each["current"],
            _interval(each),
            each["direction"],
            each["evidence"],
            each["detectable_items"],
        ]
        for each in classes[:MOST_SHOWN]
    ]
    columns = ["class", "reference", "current", "95 % CI", "direction", "evidence", "x2 items"]
    said: list[RenderableType] = [sentence(value)]
    if rows:
        said.append(table("", columns, rows))
    if any(each["detectable_items"] is not None for each in classes):
        said.append(Text("x2 items: after about so many a doubled share would be noticed"))
    if hidden := value.get("not_detectable"):
        said.append(Text(f"not noticeable yet, even when doubled: {', '.join(hidden)}"))
    return Group(*said)


def sentence(value: dict[str, Any]) -> str:
    """Return the state of drift in one sentence."""
    state, alarm = value["state"], value["alarm"]
    if state == "warming":
        baseline = value["baseline"]
        frozen = baseline is not None and baseline["kind"] == "frozen"
        why = "too few lately to notice a doubled class" if frozen else "the live baseline is not frozen yet"
        return f"warming: {value['items']} items seen, {why}"
    if state == "blind":
        return f"blind: no items lately, {value['items']} in all; nothing can be said"
    if alarm is not None:
        first = alarm["classes"][0]
        return (
            f"{state}: {first['class']} is {first['current']:.1%} of traffic "
            f"({first['low']:.1%}-{first['high']:.1%}), reference {first['reference']:.1%}"
        )
    statistic, threshold = value["statistic"], value["threshold"]
    return f"{state}: strongest evidence {statistic:.1f} of {threshold:.1f} needed for an alarm"


def _interval(each: dict[str, Any]) -> str:
    if each["current"] is None:
        return "-"
    return f"{each['low']:.3f}-{each['high']:.3f}"
