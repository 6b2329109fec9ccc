"""The command that says how soon a change would be noticed, of a running service or of one to be."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Group
from rich.text import Text

from monitoring.durations import UNITS, in_short
from monitoring.meaning.wording import number_of, share
from service.cli.client import Client
from service.cli.options import A_NAME, DEFAULT_STORE, DEFAULT_URL, Key, Store, Url
from service.cli.output import Json, show, table
from service.cli.ranges import change

if TYPE_CHECKING:
    from monitoring.detection.plan import Plan

MOST_SHOWN: Final = 30


def plan(
    url: Url = DEFAULT_URL,
    key: Key = "",
    bundle: Annotated[
        str | None,
        typer.Option("--bundle", help="Without a service: the name of a bundle, by its validation rows."),
    ] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", help="With --bundle: items expected, like 500/h or 20/s.")
    ] = None,
    factor: Annotated[
        list[float] | None,
        typer.Option(
            "--factor", help="By how much a share changes; repeat for more; by default 2, 3, .5.", **change()
        ),
    ] = None,
    name: Annotated[str | None, typer.Option("--class", help="Only this class.", callback=A_NAME)] = None,
    store: Store = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Say after how many items, and how long, a change of each class would be noticed."""
    if bundle is None:
        if rate is not None:
            raise typer.BadParameter(
                "a running service knows its rate; give it with --bundle", param_hint="--rate"
            )
        value = _of_service(Client(url, key), factor or (), name)
    else:
        value = _named(_of_bundle(bundle, store, factor, rate_of(rate)).to_json(), name)
    show(value, as_json=json, human=lambda: render_plan(value))


def rate_of(text: str | None) -> float | None:
    """Return items a second of `500/h`; a number alone is a second."""
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(?:/\s*([smhdw]))?\s*", text)
    items = float(found[1]) / UNITS[found[2] or "s"] if found else 0.0
    if items <= 0.0:
        raise typer.BadParameter(f"{text!r} is not a rate above 0 such as 20/s or 500/h", param_hint="--rate")
    return items


def render_plan(value: dict[str, Any]) -> Group:
    """Return a row a class and a column a factor, and the false-alarm setting in words."""
    factors = list(dict.fromkeys(row["ratio"] for row in value["rows"]))
    found: dict[str, dict[float, dict[str, Any]]] = {}
    for row in value["rows"]:
        found.setdefault(row["class"], {})[row["ratio"]] = row
    rows = [
        [name, share(next(iter(by.values()))["reference"]), *(_after(by[each]) for each in factors)]
        for name, by in list(found.items())[:MOST_SHOWN]
    ]
    baseline = f"{value['baseline_items']:,} items"
    of = (
        f"a baseline of {baseline} with the shares of the validation rows"
        if value["assumed"]
        else f"a baseline of {baseline}"
    )
    said = [f"noticed after about so many items, against {of}", value["false_alarms"]]
    if any("-" in row for row in rows):
        said.append("-: the share would be all of traffic or more")
    if len(found) > MOST_SHOWN:
        said.append(f"{number_of(len(found) - MOST_SHOWN, 'more class')} with --json")
    if not rows:
        return Group(
            Text("no item was seen yet, so there is nothing to plan with; name a bundle with --bundle")
        )
    columns = ["class", "reference", *(f"x{each:g}" for each in factors)]
    return Group(table("", columns, rows, whole=1), *map(Text, said))


def _after(row: dict[str, Any]) -> str:
    if row["items"] is None:
        return "-" if row["reference"] * row["ratio"] >= 1.0 else "never"
    return f"{row['items']:,}" + ("" if row["seconds"] is None else f" ({in_short(row['seconds'])})")


def _of_service(client: Client, factors: Sequence[float], name: str | None) -> dict[str, Any]:
    """Ask once, or once a factor."""
    asked = {} if name is None else {"class": name}
    answers: list[dict[str, Any]] = [
        client.get("/v1/drift/plan", params=asked | each).json()
        for each in ([{"factor": f"{each:g}"} for each in factors] or [{}])
    ]
    return {**answers[0], "rows": [row for answer in answers for row in answer["rows"]]}


def _of_bundle(name: str, store: Store, factors: Sequence[float] | None, rate: float | None) -> "Plan":
    from model_store import ModelStore, read_bundle  # noqa: PLC0415 - SciPy loads when needed
    from monitoring.detection.plan import RATIOS, plan_ahead  # noqa: PLC0415
    from monitoring.scanning.windows import drift_categories  # noqa: PLC0415
    from service.cli.bundle import current_path  # noqa: PLC0415
    from service.settings import read_settings  # noqa: PLC0415

    bundle = read_bundle(current_path(ModelStore(store), name))
    return plan_ahead(
        drift_categories(bundle.policy.classes),
        bundle.reference.counts,
        config=read_settings().monitoring().watcher.detector,
        items_per_second=rate,
        ratios=factors or RATIOS,
    )


def _named(value: dict[str, Any], name: str | None) -> dict[str, Any]:
    rows = [row for row in value["rows"] if name in {None, row["class"]}]
    if not rows:
        known = ", ".join(dict.fromkeys(row["class"] for row in value["rows"]))
        raise typer.BadParameter(f"no class {name!r}; classes are {known}", param_hint="--class")
    return {**value, "rows": rows}
