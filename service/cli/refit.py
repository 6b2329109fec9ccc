"""The command that fits the promises of a served model anew, on rows labelled since."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from model_store import Model, ModelStore, load_model
from model_store.data.drawn import NotASample
from service.cli.asked import asked_anew, label_columns, names, of_a_batch, with_costs
from service.cli.bundle import current_path
from service.cli.comparing import shown
from service.cli.options import (
    DEFAULT_STORE,
    DEFAULT_URL,
    By,
    CopiesColumn,
    CostsFile,
    FeatureColumns,
    GroupColumn,
    IdColumn,
    InclusionColumn,
    Key,
    MaybeLabelColumns,
    NewDelta,
    NewJoint,
    NewRequireOne,
    Priority,
    Store,
    StratumColumn,
    Targets,
    TextColumn,
    Url,
    WeightColumn,
    Why,
    current_user,
)
from service.cli.output import Json, out, show, stages, table
from service.cli.ranges import SEED
from service.cli.shortfall import shortfall
from service.cli.training import needs_training
from service.cli.with_labels import Batches, Collected, WithLabels, collect, goes_with_labels, propose

if TYPE_CHECKING:
    from model_store.promises.claims import Claims
    from model_store.training.refit import Refitted

_ALONE = "it takes labels and version from the service: name no file, no columns and no version"


def refit(
    name: Annotated[str, typer.Argument(help="Name of the bundle.")],
    data: Annotated[Path | None, typer.Option("--data", help="Labelled CSV (UTF-8), may be .gz.")] = None,
    label: MaybeLabelColumns = None,
    text: TextColumn = None,
    features: FeatureColumns = None,
    sample: Annotated[
        bool, typer.Option("--sample", help="I declare that these rows are a sample of the traffic.")
    ] = False,
    weight: WeightColumn = None,
    inclusion: InclusionColumn = None,
    copies: CopiesColumn = None,
    stratum: StratumColumn = None,
    pool: Annotated[
        bool, typer.Option("--pool", help="Use the bundle's own validation rows beside the new ones.")
    ] = False,
    with_labels: WithLabels = False,
    batch: Batches = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
    by: By = None,
    why: Why = "",
    group: GroupColumn = None,
    id_: IdColumn = None,
    target: Targets = None,
    delta: NewDelta = None,
    joint: NewJoint = None,
    costs: CostsFile = None,
    priority: Priority = None,
    require_one: NewRequireOne = None,
    version: Annotated[str | None, typer.Option("--version", help="By default the one in force.")] = None,
    store: Store = DEFAULT_STORE,
    promote: Annotated[bool, typer.Option("--promote", help="Put the new version in force.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the splits.", **SEED)] = 0,
    json: Json = False,
) -> None:
    """Fit calibration and thresholds on new labels; the model stays, byte for byte.

    With --with-labels, thresholds only, on labels that came back from batches, as a proposal.
    """
    with needs_training("refitting"):
        from model_store.data.rows import read_rows  # noqa: PLC0415
        from model_store.training.refit import claims_of  # noqa: PLC0415
        from model_store.training.refit import refit as fit_again  # noqa: PLC0415

    bundles = ModelStore(store)
    if with_labels and (
        data or label or text or features or version or sample or weight or inclusion or stratum
    ):
        raise typer.BadParameter(_ALONE, param_hint="--with-labels")
    if not with_labels:
        goes_with_labels(batch=batch)
    collected = collect(url, key, name=name, store=bundles, batches=batch or ()) if with_labels else None
    model = load_model(current_path(bundles, name, version)) if collected is None else collected.base
    before = claims_of(model)
    asked = asked_anew(before, target, delta=delta, joint=joint, priority=priority, require_one=require_one)
    asked = with_costs(asked if costs is None else replace(asked, priority=()), costs, model.classes)
    asked.check(model.classes, task=model.bundle.manifest.task)
    if collected is not None:
        _of_labels(collected, asked, store=bundles, pool=pool, promote=promote, by=by, why=why, json=json)
        return
    if data is None or not label:
        raise typer.BadParameter("name the file and its label column, or --with-labels", param_hint="--data")
    text_column, feature_columns = _columns(model, text, features)
    if not (sample or weight or inclusion):
        raise NotASample
    with stages(quiet=json) as progress:
        rows = read_rows(
            data,
            text=text_column,
            features=feature_columns,
            label=label_columns(label),
            multilabel=model.bundle.manifest.task == "multilabel" and len(label) == 1,
            group=group,
            id=id_,
            weight=weight,
            inclusion=inclusion,
            copies=copies,
            stratum=stratum,
            progress=progress,
        )
        rows = of_a_batch(rows) if stratum else rows
        done = fit_again(
            model,
            rows,
            store=bundles,
            claims=asked,
            sample=sample,
            pool=pool,
            seed=seed,
            by=by,
            why=why,
            progress=progress,
        )
    new = done.result.version
    if promote:
        bundles.promote(
            name, new, who=by or current_user(), why=why or f"refit on {data.name}", at=time.time()
        )
    show(done.to_json(), as_json=json, human=lambda: _summary(done, changes=asked.differences(before)))
    if not json:
        out.print(_next_step(name, new, promoted=promote))


def _of_labels(
    collected: Collected,
    asked: "Claims",
    *,
    store: ModelStore,
    pool: bool,
    promote: bool,
    by: str | None,
    why: str,
    json: bool,
) -> None:
    """Set thresholds by labels that came back, and propose the version."""
    from model_store.training.recertify import recertify  # noqa: PLC0415

    base = collected.base
    with stages(quiet=json) as progress:
        result = recertify(
            base,
            collected.returned(columns=[column.name for column in base.columns]),
            store=store,
            claims=asked,
            pool=pool,
            by=by,
            why=why,
            progress=progress,
        )
    proposal = propose(collected, result, kind="refit", by=by, why=why)
    if promote:
        told = why or "refit with labels"
        store.promote(result.name, result.version, who=by or current_user(), why=told, at=time.time())
    show({**result.to_json(), "proposal": proposal}, as_json=json, human=lambda: shown(proposal))


def _columns(model: Model, text: str | None, features: str | None) -> tuple[str | None, tuple[str, ...]]:
    """Return the column of the texts or, by default those of the bundle, the columns of a table."""
    if model.input_kind == "text":
        if text is None or features is not None:
            raise typer.BadParameter(f"{model.key} takes texts; name their column", param_hint="--text")
        return text, ()
    if text is not None:
        raise typer.BadParameter(f"{model.key} takes the columns of a table, no text", param_hint="--text")
    return None, names(features) or tuple(column.name for column in model.bundle.manifest.columns)


def _summary(done: "Refitted", *, changes: Sequence[str]) -> object:
    value = done.to_json()
    compared = table(
        f"{done.before} -> {done.result.name}@{done.result.version}: calibration "
        + ("kept" if done.kept_calibration else done.result.calibration.method)
        + f", {done.rows:,} rows"
        + _left_out(done)
        + (", with the old validation rows" if done.pooled else ""),
        [
            "class",
            "status",
            "->",
            "threshold",
            "->",
            "recall >=",
            "->",
            "precision >=",
            "->",
            "flagged",
            "->",
        ],
        [[change["class"], *_row(change["before"], change["after"])] for change in value["changes"]],
    )
    review = value["review_share"]
    lines = [f"asked anew: {each}" for each in changes]
    lines += [f"items that go to a person: {review['before']:.1%} -> {review['after']:.1%}"]
    if not done.sample:
        lines.append("the rows are no plain sample of the traffic: estimates, nothing is certified")
    lines += filter(None, map(shortfall, done.result.thresholds))
    return Group(compared, *(Text(line) for line in lines))


def _left_out(done: "Refitted") -> str:
    reasons = {"chosen by score": done.chosen, "known to the bundle": done.seen}
    said = ", ".join(f"{n:,} {why}" for why, n in reasons.items() if n)
    return f" (left out: {said})" if said else ""


def _row(before: dict[str, Any], after: dict[str, Any]) -> list[object]:
    sides = [
        (
            side["status"],
            side["threshold"],
            side["recall"]["lower"],
            side["precision"]["lower"],
            side["flagged_share"],
        )
        for side in (before, after)
    ]
    return [value for pair in zip(*sides, strict=True) for value in pair]


def _next_step(name: str, version: str, *, promoted: bool) -> str:
    if promoted:
        return f"version {version} is in force; running services swap to it"
    return f"put it in force with `seamark bundle promote {name} {version}`"
