"""The command that says where a running service's detector stands."""

from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from monitoring.meaning.wording import moment, number_of, printable, share
from service.cli.client import Client
from service.cli.drift.plotting import Plot, needs_plots, write_picture
from service.cli.options import DEFAULT_URL, Key, Url
from service.cli.output import Json, show, table

MOST_SHOWN: Final = 15


def status(url: Url = DEFAULT_URL, key: Key = "", plot: Plot = None, json: Json = False) -> None:
    """Show whether the mix has moved, which class, since when, and how sure that is."""
    value = Client(url, key).get("/v1/drift").json()
    if plot is not None:
        with needs_plots("--plot"):
            from monitoring.plots import shares  # noqa: PLC0415 - loads matplotlib
        alarm = value["alarm"] or {"classes": []}
        named = [each["class"] for each in alarm["classes"]]
        write_picture(shares(value["classes"], moved=named, key="shares"), plot)
    show(value, as_json=json, human=lambda: render_status(value))


def render_status(value: dict[str, Any]) -> Group:
    """Return what an operator reads: the state in a sentence, what else is said, the classes by evidence."""
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
    said: list[RenderableType] = [Text(sentence(value)), *map(Text, remarks(value))]
    if rows:
        said.append(table("", columns, rows))
    if any(each["detectable_items"] is not None for each in classes):
        said.append(Text("x2 items: after about so many a doubled share would be noticed"))
    if hidden := value.get("not_detectable"):
        said.append(Text(f"not noticeable with this baseline, even when doubled: {', '.join(hidden)}"))
    return Group(*said)


def sentence(value: dict[str, Any]) -> str:
    """Return the state of drift in one sentence; during an alarm what it means, where that is known."""
    state, alarm = value["state"], value["alarm"]
    if state == "warming":
        return f"warming: {number_of(value['items'], 'item')} seen, {_warming(value)}"
    if state == "blind":
        return f"blind: no items lately, {value['items']} in all; nothing can be said"
    if alarm is not None:
        meaning = value.get("meaning")
        return f"{state}: {meaning['verdict'] if meaning else finding_words(alarm)}"
    statistic, threshold = value["statistic"], value["threshold"]
    return f"{state}: strongest evidence {statistic:.1f} of {threshold:.1f} needed for an alarm"


def _warming(value: dict[str, Any]) -> str:
    """Return what a detector waits for, or that waiting does not help."""
    baseline = value["baseline"]
    if baseline is None or baseline["kind"] != "frozen":
        return "the live baseline is not frozen yet"
    if any(each["detectable_items"] is not None for each in value["classes"]):
        return "too few lately to notice a doubled class"
    return (
        "but against this baseline no doubled class would be noticed however many come: freeze one of more "
        "traffic with `seamark drift baseline`"
    )


def finding_words(finding: dict[str, Any]) -> str:
    """Return what a finding says first: a class, else a measured quantity, else the mix as a whole."""
    if finding["classes"]:
        first = finding["classes"][0]
        return (
            f"{printable(first['class'])} is {share(first['current'])} of traffic "
            f"({share(first['low'])}-{share(first['high'])}), reference {share(first['reference'])}"
        )
    if finding.get("columns"):
        first = finding["columns"][0]
        return (
            f"{printable(first['column'])} holds for {share(first['current'])} of items "
            f"({share(first['low'])}-{share(first['high'])}), reference {share(first['reference'])}"
        )
    return "the mix as a whole has moved, no class by more than the tolerance"


def remarks(value: dict[str, Any]) -> list[str]:
    """Return a line for each further thing to know; a service of an older release says less."""
    said = [
        f"also: {finding_words(each)}, since {moment(each['since_time'])}"
        for each in value.get("findings") or ()
    ]
    for each in value.get("streams") or ():
        if each["name"] != "classes":
            said.append(_stream(each, value["threshold"]))
    if shadow := value.get("shadow"):
        said.append(
            f"shadow: the detector of {shadow['of']} still scans and is {shadow['state']}, "
            f"evidence {shadow['statistic']:.1f} of {shadow['threshold']:.1f}"
        )
    for each in value.get("expectations") or ():
        said.append(
            f"expected: {printable(each['class'])} may move until {moment(each['until'])}, "
            f"says {each['by']}: {each['why']}"
        )
    baseline = value["baseline"] or {}
    if waiting := value.get("waiting"):
        said.append(f"note: the baseline does not freeze by itself now: {waiting}")
    if reading := baseline.get("reading"):
        said.append(f"note: {reading}")
    return said


def _stream(stream: dict[str, Any], threshold: float) -> str:
    strongest = max(stream["columns"] or (), key=lambda each: each["evidence"], default=None)
    said = f"{stream['name']}: evidence {stream['statistic']:.1f} of {threshold:.1f}"
    if strongest is None or not strongest["evidence"] or strongest["current"] is None:
        return said
    return (
        f"{said}; {strongest['name']} for {share(strongest['current'])} of items, "
        f"reference {share(strongest['reference'] or 0.0)}"
    )


def _interval(each: dict[str, Any]) -> str:
    if each["current"] is None:
        return "-"
    return f"{each['low']:.3f}-{each['high']:.3f}"
