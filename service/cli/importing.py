"""The command that brings a model in from elsewhere: an ONNX file and labelled rows, or a finished bundle."""

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from model_store import ModelStore
from model_store.bundles.manifest import NAME, NAME_RULE
from model_store.graphs.outputs import OutputKind
from model_store.promises.thresholds import DEFAULT_DELTA
from service.cli.asked import claims_of, label_columns, names, of_a_batch
from service.cli.fit import next_step, summary
from service.cli.options import (
    DEFAULT_STORE,
    By,
    CopiesColumn,
    CostsFile,
    Delta,
    FeatureColumns,
    GroupColumn,
    IdColumn,
    InclusionColumn,
    Joint,
    Multilabel,
    Priority,
    RequireOne,
    Sample,
    SourceColumn,
    Store,
    StratumColumn,
    Targets,
    TextColumn,
    WeightColumn,
    Why,
    current_user,
)
from service.cli.output import Json, show, stages
from service.cli.ranges import SEED
from service.cli.shortfall import UNTRAINED_SHARE
from service.cli.training import needs_training

if TYPE_CHECKING:
    from model_store.foreign.importing import Imported
    from model_store.foreign.recognise import Declared


def import_(
    model: Annotated[Path, typer.Argument(help="An ONNX classifier; or the directory of a finished bundle.")],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Labelled CSV of traffic the model was not trained on, may be .gz."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name of the bundle.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label", help="Column with the label; several: one 0/1 column a label."),
    ] = None,
    text: TextColumn = None,
    features: FeatureColumns = None,
    input_: Annotated[
        list[str] | None,
        typer.Option("--input", help="INPUT=COL,COL: columns of one of several inputs; repeat for more."),
    ] = None,
    output: Annotated[
        str | None, typer.Option("--output", help="Output with the scores, where it is not clear.")
    ] = None,
    output_kind: Annotated[
        OutputKind | None, typer.Option("--output-kind", help="What the scores are, where it is not clear.")
    ] = None,
    embedding: Annotated[
        str | None,
        typer.Option(
            "--embedding", help="Output with a vector of each item: waves choose new items far apart by it."
        ),
    ] = None,
    classes: Annotated[
        str | None, typer.Option("--classes", help="CLASS,CLASS: names in the order of the scores' columns.")
    ] = None,
    multilabel: Multilabel = False,
    trained_on: Annotated[
        Path | None,
        typer.Option("--trained-on", help="CSV the model was trained on: rows nearly in it are left out."),
    ] = None,
    sample: Sample = True,
    weight: WeightColumn = None,
    inclusion: InclusionColumn = None,
    copies: CopiesColumn = None,
    stratum: StratumColumn = None,
    source: SourceColumn = None,
    group: GroupColumn = None,
    id_: IdColumn = None,
    target: Targets = None,
    delta: Delta = DEFAULT_DELTA,
    joint: Joint = False,
    costs: CostsFile = None,
    priority: Priority = None,
    require_one: RequireOne = False,
    store: Store = DEFAULT_STORE,
    promote: Annotated[bool, typer.Option("--promote", help="Put the new version in force.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the splits.", **SEED)] = 0,
    licence: Annotated[str, typer.Option("--licence", help="Licence of the model, kept in the bundle.")] = "",
    by: By = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """Make a bundle of an ONNX classifier and labelled rows, without training; or copy a finished one."""
    bundles = ModelStore(store)
    if model.is_dir():
        if data is not None:
            raise typer.BadParameter(
                f"{model} is a directory, so a finished bundle, which takes no rows", param_hint="--data"
            )
        if name is not None:
            raise typer.BadParameter(f"{model} is a finished bundle, which has a name", param_hint="--name")
        if (by or why) and not promote:
            raise typer.BadParameter(
                f"{model} is a finished bundle, which is copied as it is and keeps who made it and why: "
                "leave this out, or add --promote to say who puts it in force and why",
                param_hint="--by" if by else "--why",
            )
        _import_bundle(bundles, model, promote=promote, by=by, why=why, json=json)
        return
    if data is None or name is None or not label:
        missing = "--data" if data is None else "--name" if name is None else "--label"
        raise typer.BadParameter("an ONNX model needs --data, --name and --label", param_hint=missing)
    if not NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is not a name: {NAME_RULE}", param_hint="--name")
    with needs_training("importing a model"):
        from model_store.foreign.importing import import_model  # noqa: PLC0415 - loads onnx
        from model_store.foreign.reading import open_model  # noqa: PLC0415
    from model_store.data.csvfile import read_header  # noqa: PLC0415
    from model_store.data.rows import read_rows  # noqa: PLC0415

    asked = claims_of(target, delta=delta, joint=joint, priority=priority, require_one=require_one)
    bundles.check_writable(name)
    roles = [
        column
        for column in (*label, source, group, id_, weight, inclusion, copies, stratum)
        if column is not None
    ]
    said = _declared(text, features, input_, output, output_kind, classes, embedding)
    opened = open_model(model, said, header=read_header(data), taken=roles)
    read_items = partial(read_rows, text=opened.taken.text_column, features=opened.taken.columns)
    with stages(quiet=json) as progress:
        rows = read_items(
            data,
            label=label_columns(label),
            multilabel=multilabel,
            source=source,
            group=group,
            id=id_,
            weight=weight,
            inclusion=inclusion,
            copies=copies,
            stratum=stratum,
            progress=progress,
        )
        rows = of_a_batch(rows) if stratum else rows
        done = import_model(
            opened,
            rows,
            name=name,
            store=bundles,
            claims=replace(asked, sample=sample),
            costs=costs,
            trained_on=None if trained_on is None else read_items(trained_on),
            seed=seed,
            licence=licence,
            by=by,
            why=why,
            progress=progress,
        )
    new = done.result.version
    if promote:
        _put_in_force(bundles, name, new, of=model, by=by, why=why)
    show(done.to_json(), as_json=json, human=lambda: _shown(done))
    if not json:
        next_step(done.result, promoted=promote)


def _import_bundle(
    bundles: ModelStore, directory: Path, *, promote: bool, by: str | None, why: str, json: bool
) -> None:
    """Copy a finished bundle into the store under its own name."""
    path = bundles.import_bundle(directory)
    name, version = path.parent.name, path.name
    if promote:
        _put_in_force(bundles, name, version, of=directory, by=by, why=why)
    then = "in force" if promote else f"put it in force with `seamark bundle promote {name} {version}`"
    show(
        {"bundle": {"name": name, "version": version, "path": str(path)}},
        as_json=json,
        human=lambda: Text(f"{name} version {version} is whole and in the store; {then}"),
    )


def _put_in_force(
    bundles: ModelStore, name: str, version: str, *, of: Path, by: str | None, why: str
) -> None:
    """Promote what was imported, by the user and for the import where nothing else was said."""
    told = why or f"import of {of.name}"
    bundles.promote(name, version, who=by or current_user(), why=told, at=time.time())


def _declared(
    text: str | None,
    features: str | None,
    inputs: Sequence[str] | None,
    output: str | None,
    output_kind: OutputKind | None,
    classes: str | None,
    embedding: str | None,
) -> "Declared":
    from model_store.foreign.recognise import Declared  # noqa: PLC0415

    if text is not None and features is not None:
        raise typer.BadParameter("name the column of the texts, or those of a table", param_hint="--text")
    return Declared(
        text=text,
        features=names(features),
        inputs=dict(map(_input, inputs or ())),
        output=output,
        output_kind=output_kind,
        classes=names(classes),
        embedding=embedding,
    )


def _input(given: str) -> tuple[str, tuple[str, ...]]:
    """Return the input and its columns that INPUT=COL,COL names."""
    name, equals, columns = given.partition("=")
    if not (name and equals and columns):
        raise typer.BadParameter(f"{given!r}, expected INPUT=COL,COL", param_hint="--input")
    return name, names(columns)


def _shown(done: "Imported") -> object:
    lines = [f"{what}: {said}" for what, said in done.recognised.items()]
    lines += [f"assumed: {said}" for said in done.assumed]
    if done.leaked is not None:
        lines.append(
            f"trained on: {done.leaked.count:,} of {done.leaked.checked:,} rows are nearly rows of it"
            + (", left out" if done.leaked.count else "")
        )
    lines += [f"note: {said}" for said in done.notes]
    return Group(*map(Text, lines), Text(), summary(done.result, share=UNTRAINED_SHARE))
