"""The command that measures a bundle on labelled rows and says whether they contradict its claims."""

import json as json_format
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Group
from rich.text import Text

from model_store import Bundle, Model, ModelStore, load_model, read_bundle
from model_store.bundles.bundle import read_evaluation
from model_store.errors import ModelStoreError
from monitoring.meaning.wording import number_of
from service.cli.asked import label_columns, names
from service.cli.bundle import current_path
from service.cli.options import DEFAULT_STORE, IdColumn, SourceColumn, Store, TextColumn
from service.cli.output import Json, StageProgress, out, show, stages, table
from service.cli.training import needs_training

if TYPE_CHECKING:
    from model_store.data.rows import Rows
    from model_store.reports.evaluation import ClassFigures, Evaluation

CARD_FILE: Final = "card.md"
REPORT_FILE: Final = "report.html"
JSON_FILE: Final = "evaluation.json"
_LISTED: Final = 40
_HEAD: Final = (
    "class",
    "rows",
    "status",
    "verdict",
    "recall",
    "from",
    "to",
    "precision",
    "from",
    "to",
    "PR-AUC",
)


class NoFigures(ModelStoreError):
    """The bundle keeps no figures of its fit, or none that can be read."""

    def __init__(self, bundle: str, reason: str) -> None:
        super().__init__(bundle, reason)
        self.bundle, self.reason = bundle, reason

    def __str__(self) -> str:
        return f"{self.bundle} {self.reason}; give labelled rows with --data"


def evaluate(
    bundle: Annotated[str, typer.Argument(help="Name of a bundle, or the path of one.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Labelled CSV (UTF-8), may be .gz; without it the fit's own test rows."),
    ] = None,
    text: TextColumn = None,
    features: Annotated[
        str | None,
        typer.Option("--features", help="Columns of a table, COL,COL,...; by default those of the bundle."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="Column with the label; several: one 0/1 column a label."),
    ] = None,
    source: SourceColumn = None,
    time: Annotated[
        str | None, typer.Option("--time", help="Column with the time (ISO 8601): figures over time.")
    ] = None,
    id_: IdColumn = None,
    weight: Annotated[
        str | None, typer.Option("--weight", help="Column with how many items each row stands for.")
    ] = None,
    inclusion: Annotated[
        str | None,
        typer.Option(
            "--inclusion", help="Column with the probability each row was drawn with (a batch has it)."
        ),
    ] = None,
    copies: Annotated[
        str | None, typer.Option("--copies", help="Column with how many draws a row stands for.")
    ] = None,
    costs: Annotated[
        Path | None,
        typer.Option("--costs", help="CSV of costs, true class by decided class: what decisions cost."),
    ] = None,
    version: Annotated[str | None, typer.Option("--version", help="By default the one in force.")] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Directory for report.html, card.md and evaluation.json.")
    ] = None,
    store: Store = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Measure a bundle on labelled rows: do they contradict what it claims?"""
    with needs_training("evaluating"):
        from model_store.reports import evaluation_card, measure, report  # noqa: F401, PLC0415 - or fail half way

    path = (
        Path(bundle) if "/" in bundle or bundle == "." else current_path(ModelStore(store), bundle, version)
    )
    if data is None:
        found = of_the_fit(read_bundle(path))
    else:
        named = {
            "source": source,
            "time": time,
            "id": id_,
            "weight": weight,
            "inclusion": inclusion,
            "copies": copies,
        }
        model = load_model(path)
        with stages(quiet=json) as progress:
            rows = _rows(model, data, text, features, label, progress=progress, **named)
            found = _measured(model, rows, costs, progress)
    if to is not None:
        write(found, to)
    show(found.to_json(), as_json=json, human=lambda: _summary(found))
    if not json:
        _next_step(to)


def write(evaluation: "Evaluation", directory: Path) -> None:
    """Write the page, the card and the figures into `directory`, which is made if need be."""
    from model_store.reports.evaluation_card import evaluation_card  # noqa: PLC0415
    from model_store.reports.report import html_report  # noqa: PLC0415

    directory.mkdir(parents=True, exist_ok=True)
    (directory / REPORT_FILE).write_text(html_report(evaluation), encoding="utf-8")
    (directory / CARD_FILE).write_text(evaluation_card(evaluation), encoding="utf-8")
    figures = json_format.dumps(evaluation.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
    (directory / JSON_FILE).write_text(figures + "\n", encoding="utf-8")


def of_the_fit(bundle: Bundle) -> "Evaluation":
    """Return the figures that the bundle keeps of the test rows of its own fit."""
    from model_store.reports.evaluation import Evaluation  # noqa: PLC0415

    kept = read_evaluation(bundle)
    if kept is None:
        raise NoFigures(bundle.key, "was made without keeping its figures")
    try:
        return replace(Evaluation.from_json(kept), model=bundle.key)
    except ValueError as error:
        raise NoFigures(bundle.key, f"keeps figures this release cannot read ({error})") from error


def _rows(
    model: Model,
    data: Path,
    text: str | None,
    features: str | None,
    label: Sequence[str] | None,
    *,
    progress: StageProgress,
    **columns: str | None,
) -> "Rows":
    from model_store.data.rows import read_rows  # noqa: PLC0415

    if not label:
        raise typer.BadParameter("expected the column with the label", param_hint="--label")
    manifest = model.bundle.manifest
    if model.input_kind == "text" and not text:
        raise typer.BadParameter(f"{model.key} takes texts; name their column", param_hint="--text")
    if model.input_kind == "features" and text:
        raise typer.BadParameter(f"{model.key} takes the columns of a table, no text", param_hint="--text")
    return read_rows(
        data,
        text=text,
        features=names(features) or tuple(column.name for column in manifest.columns),
        label=label_columns(label),
        multilabel=manifest.task == "multilabel" and len(label) == 1,
        progress=progress,
        **columns,
    )


def _measured(model: Model, rows: "Rows", costs: Path | None, progress: StageProgress) -> "Evaluation":
    from model_store.costs import read_costs  # noqa: PLC0415
    from model_store.data.labelled import labelled_of  # noqa: PLC0415
    from model_store.reports.measure import evaluate_model  # noqa: PLC0415

    prices = None if costs is None else read_costs(costs, model.classes)
    labelled = labelled_of(rows, model.classes, task=model.bundle.manifest.task, constant=True)
    return evaluate_model(model, rows, labelled, costs=prices, progress=progress)


def _summary(evaluation: "Evaluation") -> object:
    from model_store.reports.findings import findings  # noqa: PLC0415
    from model_store.reports.report import by_urgency  # noqa: PLC0415

    shown = evaluation.classes if len(evaluation.classes) <= _LISTED else by_urgency(evaluation.classes)
    data = evaluation.data or "the test rows of its fit"
    return Group(
        table(
            f"{evaluation.model} on {data}: {number_of(evaluation.rows, 'row')}",
            _HEAD,
            [_line(each) for each in shown[:_LISTED]],
        ),
        *(Text(f"- {line}") for line in findings(evaluation)),
    )


def _line(figures: "ClassFigures") -> list[object]:
    verdicts = dict.fromkeys(check.verdict for check in figures.checks)
    bounds: list[object] = []
    for share in (figures.recall, figures.precision):
        known = share.estimate is not None
        bounds += [share.estimate, share.lower if known else None, share.upper if known else None]
    return [
        figures.name,
        figures.positives,
        figures.status or "-",
        ", ".join(verdicts) or "-",
        *bounds,
        figures.pr_auc,
    ]


def _next_step(directory: Path | None) -> None:
    if directory is None:
        out.print("`--out DIRECTORY` writes the report with its figures drawn")
    else:
        out.print(f"report: {directory / REPORT_FILE} (card.md and evaluation.json beside it)", markup=False)
