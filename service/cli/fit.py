"""The command that turns a labelled file into a verified bundle."""

import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from model_store import ModelStore
from model_store.bundles.manifest import NAME, NAME_RULE
from model_store.promises.thresholds import DEFAULT_DELTA
from model_store.training.recipes import Criterion, Imbalance
from service.cli.asked import (
    asked_anew,
    claims_of,
    column_kinds,
    item_columns,
    label_columns,
    of_a_batch,
    with_costs,
)
from service.cli.comparing import shown
from service.cli.options import (
    DEFAULT_STORE,
    DEFAULT_URL,
    By,
    CopiesColumn,
    CostsFile,
    Delta,
    FeatureColumns,
    GroupColumn,
    IdColumn,
    InclusionColumn,
    Joint,
    Key,
    LabelColumns,
    Multilabel,
    Priority,
    RequireOne,
    Sample,
    SourceColumn,
    Store,
    StratumColumn,
    Targets,
    TextColumn,
    Url,
    WeightColumn,
    Why,
    current_user,
)
from service.cli.output import Json, cell, out, show, stages, table
from service.cli.ranges import SEED
from service.cli.shortfall import THRESHOLD_SHARE, shortfall
from service.cli.training import needs_training
from service.cli.with_labels import (
    Batches,
    Certify,
    Pool,
    WithLabels,
    check_classes,
    collect,
    goes_with_labels,
    propose,
)

if TYPE_CHECKING:
    from model_store.training.fit import FitResult


def fit(
    data: Annotated[Path, typer.Argument(help="Labelled CSV (UTF-8), may be .gz.")],
    name: Annotated[str, typer.Option("--name", help="Name of the bundle.")],
    label: LabelColumns,
    text: TextColumn = None,
    features: FeatureColumns = None,
    multilabel: Multilabel = False,
    source: SourceColumn = None,
    group: GroupColumn = None,
    id_: IdColumn = None,
    sample: Sample = True,
    weight: WeightColumn = None,
    inclusion: InclusionColumn = None,
    copies: CopiesColumn = None,
    stratum: StratumColumn = None,
    target: Targets = None,
    delta: Delta = DEFAULT_DELTA,
    joint: Joint = False,
    costs: CostsFile = None,
    priority: Priority = None,
    require_one: RequireOne = False,
    imbalance: Annotated[
        Imbalance,
        typer.Option(
            "--imbalance",
            help="How training treats rare classes: auto compares none, balanced, effective, focal, "
            "oversample and undersample.",
        ),
    ] = "auto",
    criterion: Annotated[
        Criterion, typer.Option("--criterion", help="What auto compares by: pr_auc or macro_f1.")
    ] = "pr_auc",
    store: Store = DEFAULT_STORE,
    promote: Annotated[bool, typer.Option("--promote", help="Put the new version in force.")] = False,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the splits and of training.", **SEED)] = 0,
    licence: Annotated[str, typer.Option("--licence", help="Licence of the data, kept in the bundle.")] = "",
    with_labels: WithLabels = False,
    batch: Batches = None,
    pool: Pool = False,
    certify: Certify = True,
    url: Url = DEFAULT_URL,
    key: Key = "",
    by: By = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """Train, calibrate and threshold a classifier of texts or tables; publish it as a new version."""
    with needs_training():
        from model_store.data.labelled import labelled_of  # noqa: PLC0415
        from model_store.data.rows import read_rows  # noqa: PLC0415
        from model_store.training.fit import fit as fit_bundle  # noqa: PLC0415 - loads scikit-learn
        from model_store.training.refit import claims_of as claims_in_force  # noqa: PLC0415

    if not NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is not a name: {NAME_RULE}", param_hint="--name")
    text_column, columns = item_columns(text, features)
    asked = claims_of(target, delta=delta, joint=joint, priority=priority, require_one=require_one)
    bundles = ModelStore(store)
    bundles.check_writable(name)
    if not with_labels:
        goes_with_labels(batch=batch, pool=pool)
    collected = collect(url, key, name=name, store=bundles, batches=batch or ()) if with_labels else None
    if collected is not None:
        asked = asked_anew(
            claims_in_force(collected.base),
            target,
            delta=None if delta == DEFAULT_DELTA else delta,
            joint=joint or None,
            priority=priority,
            require_one=require_one or None,
        )
    asked = replace(asked, sample=sample)
    with stages(quiet=json) as progress:
        rows = read_rows(
            data,
            text=text_column,
            features=columns,
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
        if collected is not None:
            check_classes(collected.base, rows, multilabel=rows.label_sets is not None)
        result = fit_bundle(
            rows,
            name=name,
            store=bundles,
            claims=with_costs(asked, costs, labelled_of(rows).classes) if costs else asked,
            kinds=column_kinds(features),
            imbalance=imbalance,
            criterion=criterion,
            seed=seed,
            licence=licence,
            by=by,
            why=why,
            returned=None if collected is None else collected.returned(columns=columns),
            pool=pool,
            certify=certify,
            progress=progress,
        )
    told = result.to_json()
    proposal = None if collected is None else propose(collected, result, kind="fit", by=by, why=why)
    if promote:
        bundles.promote(
            name, result.version, who=by or current_user(), why=why or f"fit of {data.name}", at=time.time()
        )
    if proposal is not None:
        show(
            {**told, "proposal": proposal},
            as_json=json,
            human=lambda: Group(summary(result), shown(proposal)),
        )
        return
    show(told, as_json=json, human=lambda: summary(result))
    if not json:
        next_step(result, promoted=promote)


def summary(result: "FitResult", *, share: float = THRESHOLD_SHARE) -> Group:
    """Return a line per class with what it promises, and one for each that could promise more.

    Parameters
    ----------
    share : float
        Of a class's rows, what set its threshold.
    """
    value = result.to_json()
    bundle, calibration = value["bundle"], value["calibration"]
    claims = table(
        f"{bundle['name']} version {bundle['version']}: calibration {calibration['method']}, "
        f"macro-F1 {cell(value['metrics']['macro_f1'])} on the test split",
        ["class", "status", "threshold", "recall", ">=", "precision", ">=", "PR-AUC"],
        [
            [
                each["class"],
                each["status"],
                each["threshold"],
                each["recall"]["estimate"],
                each["recall"]["lower"],
                each["precision"]["estimate"],
                each["precision"]["lower"],
                value["metrics"]["pr_auc"][each["class"]],
            ]
            for each in value["classes"]
        ],
    )
    lines = filter(None, (shortfall(threshold, share=share) for threshold in result.thresholds))
    return Group(claims, *(Text(line) for line in lines))


def next_step(result: "FitResult", *, promoted: bool) -> None:
    """Print where the bundle is, and what to do with it."""
    out.print(f"bundle: {result.path} (its card.md explains each figure)", markup=False)
    if promoted:
        out.print(f"in force; serve it with `seamark serve --model {result.name}`")
    else:
        out.print(f"put it in force with `seamark bundle promote {result.name} {result.version}`")
