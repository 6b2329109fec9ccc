"""The command that fetches a batch: items in the form of a labeling tool, with the files that go along."""

from pathlib import Path
from typing import Annotated, Final

import typer

from service.cli.client import Client
from service.cli.files import write_new
from service.cli.options import DEFAULT_URL, BatchId, Key, Url
from service.cli.output import Json, show

HELP: Final = "jsonl, csv, parquet, label_studio, argilla, prodigy or doccano."


def pull(
    batch: BatchId,
    format_: Annotated[str, typer.Option("--format", help=HELP)] = "jsonl",
    to: Annotated[Path, typer.Option("--to", help="Directory for the files.")] = Path(),
    url: Url = DEFAULT_URL,
    key: Key = "",
    json: Json = False,
) -> None:
    """Write a batch's items, its manifest and the settings of the tool; what was filled in stays as it is."""
    from monitoring.handover.forms import FORMS  # noqa: PLC0415 - what it imports is slow to load

    form = FORMS.get(format_)
    if form is None:
        raise typer.BadParameter(f"{format_!r} is not one of {', '.join(FORMS)}", param_hint="--format")
    client, path = Client(url, key), f"/v1/batches/{batch}"
    files = {
        form.items.ending: client.get(f"{path}/items", params={"format": format_}).content,
        "manifest.json": client.get(f"{path}/manifest").content,
    }
    if form.settings is not None:
        settings = client.get(f"{path}/labeling-config", params={"tool": format_})
        files[form.settings.ending] = settings.content
    written = write_new({to / f"{batch}.{ending}": content for ending, content in files.items()})
    show(
        {"batch": batch, "files": [str(each) for each in written]},
        as_json=json,
        human=lambda: "\n".join(str(each) for each in written),
    )
