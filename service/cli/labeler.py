"""Commands for one labeler: get items nobody else has, give some back, skip some, settle disagreements."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from json import dumps
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from rich.text import Text

from monitoring.meaning.wording import number_of
from service.cli.client import Client
from service.cli.files import write_new
from service.cli.options import A_NAME, DEFAULT_URL, BatchId, Key, Url, at_most, current_user
from service.cli.output import Json, listed, out, show
from service.cli.ranges import number, whole
from service.values import MAX_IDEMPOTENCY_KEY, MAX_LEASE_ITEMS, MAX_LEASE_MINUTES

Who: TypeAlias = Annotated[
    str | None, typer.Option("--who", help="Who labels; by default the current user.", callback=A_NAME)
]
_QUOTED_CHARACTERS = 60


def _word(value: str | None) -> str | None:
    """Return what a header of HTTP can carry."""
    if value is not None and not (value.isascii() and value.isprintable() and value == value.strip()):
        raise typer.BadParameter("give printable ASCII characters, and no space at either end")
    return at_most(MAX_IDEMPOTENCY_KEY, least=1)(value)


def lease(
    batch: BatchId,
    who: Who = None,
    size: Annotated[
        int, typer.Option("--size", help="How many items at most.", **whole(1, MAX_LEASE_ITEMS))
    ] = 20,
    minutes: Annotated[
        float,
        typer.Option("--minutes", help="For how long nobody else gets them.", **number(0, MAX_LEASE_MINUTES)),
    ] = 60.0,
    to: Annotated[Path, typer.Option("--to", help="Directory for the file.")] = Path(),
    format_: Annotated[str, typer.Option("--format", help="csv or jsonl.")] = "csv",
    once: Annotated[
        str | None,
        typer.Option(
            "--once",
            help="A word of yours: with the same --size and --minutes it gives the same lease again.",
            callback=_word,
        ),
    ] = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Take the next items of a batch into a file to fill in; send it with `seamark batch return`."""
    if format_ not in ("csv", "jsonl"):
        raise typer.BadParameter(f"{format_!r} is not csv or jsonl", param_hint="--format")
    value = (
        Client(url, key)
        .post(
            f"/v1/batches/{batch}/lease",
            json={"who": who or current_user(), "size": size, "minutes": minutes},
            headers={} if once is None else {"Idempotency-Key": once},
        )
        .json()
    )
    path = None
    if value["items"]:
        content = _csv(value) if format_ == "csv" else _jsonl(value)
        (path,) = write_new({to / f"{batch}.{value['lease']}.{format_}": content})
    show(
        {**value, "file": None if path is None else str(path)},
        as_json=json,
        human=lambda: _leased(value, path),
    )


def release(
    batch: BatchId,
    lease_id: Annotated[str, typer.Argument(metavar="LEASE", help="Id of the lease.", callback=A_NAME)],
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Give back what a lease still holds, so that others get it."""
    value = Client(url, key).post(f"/v1/batches/{batch}/leases/{lease_id}/release", json={}).json()
    free = number_of(value["released"], "item is", "items are")
    show(value, as_json=json, human=lambda: f"{free} free again")


def skip(
    batch: BatchId,
    keys: Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of the items.")],
    who: Who = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Say that items cannot be judged."""
    rows = [{"key": each, "skipped": True, "annotator": who or current_user()} for each in keys]
    _send(batch, rows, url=url, key=key, as_json=json)


def adjudicate(
    batch: BatchId,
    item: Annotated[str | None, typer.Argument(metavar="KEY", help="Key of the item.")] = None,
    labels: Annotated[
        list[str] | None,
        typer.Argument(metavar="LABEL...", help="What it is; several where an item may have several."),
    ] = None,
    who: Annotated[
        str | None, typer.Option("--who", help="Who decides; else the current user.", callback=A_NAME)
    ] = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Decide an item its labelers disagree about; without one, list them and how far they agree."""
    if item is None:
        value = Client(url, key).get(f"/v1/batches/{batch}/disagreements").json()
        show(value, as_json=json, human=lambda: _disputed(value))
        if not json:
            out.print(_agreement(value["agreement"]))
        return
    if not labels:
        raise typer.BadParameter(f"say what {item} is: a class, or none_of_these", param_hint="LABEL")
    label = labels[0] if len(labels) == 1 else labels
    row = {"key": item, "label": label, "annotator": who or current_user(), "adjudicated": True}
    _send(batch, [row], url=url, key=key, as_json=json)


def report(value: Mapping[str, Any], *, as_json: bool) -> None:
    """Print what became of rows that were sent; exit with 1 when none was taken."""
    show(value, as_json=as_json, human=lambda: _receipt(value))
    if not as_json:
        for row in value["rejected"]:
            out.print(f"row {row['row'] + 1}: {row['reason']}", markup=False)
        for note, rows in groupby(sorted(value["notes"], key=_noted), key=_noted):
            numbers = [each["row"] + 1 for each in rows]
            more = f" and {len(numbers) - 1} more" if len(numbers) > 1 else ""
            out.print(f"row {numbers[0]}{more}: {note}", markup=False)
    if value["rejected"] and not value["accepted"] and not value["repeated"]:
        raise typer.Exit(1)


def _send(batch: str, rows: Sequence[Mapping[str, object]], *, url: str, key: str, as_json: bool) -> None:
    report(
        Client(url, key).post(f"/v1/batches/{batch}/labels", json={"labels": rows}).json(), as_json=as_json
    )


def _noted(row: Mapping[str, Any]) -> str:
    return str(row["note"])


def _receipt(value: Mapping[str, Any]) -> str:
    return (
        f"{value['accepted']} accepted, {value['repeated']} already known, {len(value['rejected'])} rejected"
    )


def _leased(value: Mapping[str, Any], path: Path | None) -> str:
    if path is None:
        free = number_of(value["open"], "item is", "items are")
        return (
            f"nothing left for {value['who']} now: {free} open, {value['leased']} of them in somebody's hands"
        )
    until = datetime.fromtimestamp(value["expires_at"]).astimezone().isoformat(" ", "minutes")
    return f"{number_of(len(value['items']), 'item')} until {until}, lease {value['lease']}\n{path}"


def _disputed(value: Mapping[str, Any]) -> Text:
    """Return an item a paragraph: tables fold what people are to read."""
    items = [number_of(len(value["items"]), "disagreement")]
    for each in value["items"]:
        said = "; ".join(f"{one['annotator'] or 'unnamed'}: {_label(one)}" for one in each["labels"])
        items.append(f"{each['key']}\n  {_quoted(each)}\n  {said} (counts as {_label(each)})")
    return Text("\n".join(items))


def _agreement(value: Mapping[str, Any]) -> object:
    rows = [[each[name] for name in ("class", "given", "agreement", "alpha")] for each in value["classes"]]
    title = f"{number_of(value['items'], 'item')} labelled by two or more, {value['equal']} alike"
    empty = "no item was labelled by two people yet, so how far they agree is unknown"
    return listed(title, ["class", "given", "agreement", "alpha"], rows, empty=empty, whole=1)


def _quoted(item: Mapping[str, Any]) -> str:
    said = item.get("text") if "text" in item else dumps(item.get("features"), ensure_ascii=False)
    line = " ".join((said or "-").split())
    return line if len(line) <= _QUOTED_CHARACTERS else f"{line[:_QUOTED_CHARACTERS]}…"


def _label(said: Mapping[str, Any]) -> str:
    label = said["label"]
    if said.get("skipped"):
        return "skipped"
    return "|".join(label) or "none" if isinstance(label, list) else label or "-"


def _jsonl(value: Mapping[str, Any]) -> bytes:
    rows = [each | _to_fill_in(value) for each in value["items"]]
    return "".join(f"{dumps(row, ensure_ascii=False)}\n" for row in rows).encode()


def _csv(value: Mapping[str, Any]) -> bytes:
    """Return a table whose column `label` is to be filled in; see `monitoring.waves.cells` for its cells."""
    from monitoring.waves.cells import guard  # noqa: PLC0415 - what it imports is slow to load

    rows = [_flat(each) | _to_fill_in(value) for each in value["items"]]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, restval="")
    writer.writerow({name: guard(name) for name in columns})
    writer.writerows({name: _cell(cell, guard) for name, cell in row.items()} for row in rows)
    return text.getvalue().encode()


def _to_fill_in(value: Mapping[str, Any]) -> dict[str, str]:
    return {"label": "", "annotator": value["who"], "lease": value["lease"]}


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    taken = {*item, "label", "annotator", "lease"}
    found: dict[str, Any] = {name: each for name, each in item.items() if name != "features"}
    for name, each in (item.get("features") or {}).items():
        found[f"feature__{name}" if name in taken else name] = each
    return found


def _cell(value: object, guard: Callable[[str], str]) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        value = "|".join(value) or "[]"
    return guard(value) if isinstance(value, str) else dumps(value)
