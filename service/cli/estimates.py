"""How common is each class in the traffic, and how well is it found, as far as the labels can tell?"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from monitoring.meaning.wording import number_of
from monitoring.waves.labelled import BatchMode
from service.cli.client import Client
from service.cli.options import A_NAME, DEFAULT_URL, Key, ModelKey, Url
from service.cli.output import Json, show, table
from service.cli.ranges import whole
from service.values import LATEST_SECOND

_WHY: Final[Mapping[str, str]] = {
    "other_mode": "was drawn another way, see --mode",
    "other_classes": "has other classes",
    "other_scores": "was scored by a version that scores otherwise",
    "before_the_change": "is of traffic from before it last moved, see --since",
    "few_labels": "has labels for less than half of its drawn items",
    "overlap": "is of the same time as a newer audit",
}


def estimates(
    model: ModelKey = None,
    batch: Annotated[str | None, typer.Option("--batch", help="Only this batch.", callback=A_NAME)] = None,
    mode: Annotated[BatchMode, typer.Option("--mode", help="How the items were drawn.")] = "mixed",
    since: Annotated[
        int | None,
        typer.Option(
            "--since",
            help="Batches made from then on, seconds since 1970; 0: all.",
            **whole(0, LATEST_SECOND),
        ),
    ] = None,
    answers: Annotated[
        bool, typer.Option("--answers", help="Of the labels answered; by default of the flags.")
    ] = False,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Show share, precision, recall and F1 of each class with 95 % intervals, from explored labels only."""
    asked = {"model": model, "batch": batch, "mode": mode, "since": None if since is None else str(since)}
    params = {name: value for name, value in asked.items() if value is not None}
    value = Client(url, key).get("/v1/estimates", params=params).json()
    show(value, as_json=json, human=lambda: Group(*_shown(value, "answers" if answers else "flags")))


def _shown(value: Mapping[str, Any], of: str) -> Iterator[Table | Text]:
    explored = value["explored"]
    n, several = explored["labels_used"], sum(each["unused"] is None for each in value["batches"])
    yield _table(value, of)
    yield Text("")
    yield Text(
        f"{number_of(n, 'explored label')} of {number_of(several, 'batch')}, "
        f"worth {explored['effective_labels']:g} of equal weight; "
        f"they stand for {number_of(explored['occurrences'], 'item')} of traffic."
    )
    if more := value["recall_takes"]["more"]:
        takes = number_of(value["recall_takes"]["labels"], "explored label")
        yield Text(f"Recall and F1 take {takes}: label {more} more.")
    if missing := explored["open"] + explored["skipped"]:
        yield Text(
            f"{missing} of {explored['drawn']} drawn items have no label ({explored['open']} open, "
            f"{explored['skipped']} skipped): the figures take them to be like the others."
        )
    if explored["left_out"]:
        yield Text(
            f"{number_of(explored['left_out'], 'draw was', 'draws were')} left out, being like items that "
            "were out for labels before: the figures are about the rest of the traffic."
        )
    for name in value["unsteady"]:
        yield Text(f"{name} is more common in some of these batches than in others: see each with --batch.")
    for each in value["batches"]:
        if each["unused"] is not None:
            yield Text(f"{each['batch']} is not used: it {_WHY[each['unused']]}.")


def _table(value: Mapping[str, Any], of: str) -> Table:
    rows = [_row(each["class"], each, each[of] or each["flags"]) for each in value["classes"]]
    rows.append(_row("none_of_these", value["none_of_these"], {}))
    columns = ["class", "labels", "share %", "precision %", "recall %", "F1 %"]
    return table(escape(f"{value['model']}: {of}"), columns, rows, whole=1)


def _row(name: str, found: Mapping[str, Any], quality: Mapping[str, Any]) -> list[object]:
    measures = (quality.get(what) for what in ("precision", "recall", "f1"))
    return [name, found["positives"], _percent(found["prevalence"]), *map(_percent, measures)]


def _percent(share: Mapping[str, float | None] | None) -> str | None:
    if share is None:
        return None
    estimate, low, high = (share[bound] for bound in ("estimate", "low", "high"))
    if estimate is None:
        return "-"
    return f"{_number(estimate)} ({_number(low)} to {_number(high)})"


def _number(ratio: float | None) -> str:
    percent = 100 * (ratio or 0.0)
    return f"{percent:.2f}" if percent < 1 else f"{percent:.1f}"
