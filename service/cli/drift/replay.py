"""The command that scans a stream drawn from the rows of a labelled file, through a bundle."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from service.cli.asked import item_columns, label_columns
from service.cli.options import DEFAULT_STORE, Store, TextColumn
from service.cli.output import Json, show, stages, table
from service.cli.ranges import SEED, whole

if TYPE_CHECKING:
    from model_store.graphs.inputs import FrontEnd

MOST_REPLAYED: Final = 10_000_000  # items


def replay(
    data: Annotated[Path, typer.Argument(help="CSV (UTF-8), may be .gz.")],
    bundle: Annotated[str, typer.Option("--bundle", help="Name of the bundle.")],
    text: TextColumn = None,
    features: Annotated[
        str | None,
        typer.Option("--features", help="Columns of a table, COL,COL,...; by default those of the bundle."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", help="Column with the label, which --shift needs; several: one 0/1 column a label."
        ),
    ] = None,
    shift: Annotated[str | None, typer.Option("--shift", help="CLASS=FACTOR, for example fraud=3.")] = None,
    at: Annotated[
        int | None, typer.Option("--at", help="Item at which the shift begins.", **whole(1, MOST_REPLAYED))
    ] = None,
    items: Annotated[
        int, typer.Option("--items", help="Length of the stream.", **whole(100, MOST_REPLAYED))
    ] = 30_000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draw.", **SEED)] = 0,
    bucket_items: Annotated[
        int, typer.Option("--bucket-items", help="Items per closed bucket.", **whole(1, MOST_REPLAYED))
    ] = 50,
    store: Store = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Score and scan a stream drawn from the rows of a file, without a server."""
    from model_store import ModelStore, load_model, read_seen  # noqa: PLC0415 - onnxruntime loads when needed
    from model_store.data.rows import read_rows  # noqa: PLC0415
    from model_store.graphs.scoring import inputs_of  # noqa: PLC0415
    from model_store.meters import meters_of  # noqa: PLC0415
    from monitoring.replay import replay as replay_rows  # noqa: PLC0415
    from service.cli.bundle import current_path  # noqa: PLC0415

    wanted = parse_shift(shift)
    with stages(quiet=json) as progress:
        model = load_model(current_path(ModelStore(store), bundle))
        text_column, columns = _item_columns(model.classifier.front_end, text, features)
        rows = read_rows(
            data,
            text=text_column,
            features=columns,
            label=label_columns(label) if label else None,
            # Several columns say it themselves.
            multilabel=model.bundle.manifest.task == "multilabel" and len(label or ()) == 1,
            progress=progress,
        )
        result = replay_rows(
            model,
            rows,
            inputs=inputs_of(model.classifier, rows),
            shift=wanted,
            at=at,
            items=items,
            seed=seed,
            bucket_items=bucket_items,
            seen_signatures=read_seen(model.bundle).signatures,
            meters=meters_of(model, deduplicated=False),
            multilabel=model.bundle.manifest.task == "multilabel",
            progress=progress,
        )
    value = result.to_json()
    show(value, as_json=json, human=lambda: _render_replay(value))


def _item_columns(
    front_end: "FrontEnd", text: str | None, features: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """Return the column of texts or those of a table, which the bundle can name by itself."""
    if text is None and features is None and front_end.input_kind == "features":
        return None, tuple(column.name for column in getattr(front_end, "columns", ()))
    return item_columns(text, features)


def parse_shift(text: str | None) -> tuple[str, float] | None:
    """Return (class, factor) of `CLASS=FACTOR`; raises `typer.BadParameter` on anything else."""
    if text is None:
        return None
    name, separator, factor = text.rpartition("=")
    try:
        value = float(factor)
    except ValueError:
        value = -1.0
    if not separator or not name or not 0.0 <= value <= 1e6:
        raise typer.BadParameter(
            f"{text!r} is not CLASS=FACTOR with a factor from 0 to 1000000", param_hint="--shift"
        )
    return name, value


def _render_replay(value: dict[str, Any]) -> object:
    alarm = value["alarm"]
    if alarm is None:
        baseline, threshold = value["baseline_items"], value["threshold"]
        return f"no alarm in {value['items']} items (baseline {baseline}, threshold {threshold:.1f})"
    led = "" if alarm["stream"] == "classes" else f", first seen in {alarm['stream']}"
    fields = ("reference", "current", "low", "high", "direction")
    moved = [
        [each.get("class") or each["column"], *(each[name] for name in fields)]
        for each in (*alarm["classes"], *alarm["columns"])
    ]
    return table(
        f"alarm at item {alarm['item']}, change estimated at item {alarm['since_item']}{led}",
        ["class", "reference", "current", "low", "high", "direction"],
        moved,
    )
