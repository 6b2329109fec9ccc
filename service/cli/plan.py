"""The command that plans labeling waves by hand: which items first, before any model, and which next."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from model_store import ModelStore, load_model
from model_store.bundles.durable import replace_file
from monitoring.errors import PlanRefused
from service.cli.bundle import current_path
from service.cli.options import DEFAULT_STORE, IdColumn, SourceColumn, Store
from service.cli.output import Json, show
from service.cli.plan_words import plan_json, plan_words

if TYPE_CHECKING:
    from monitoring.plan.choose import Scores
    from monitoring.plan.planning import Asked, Plan, Scorer
    from monitoring.plan.pool import Pool


def plan(
    pool: Annotated[Path, typer.Argument(help="CSV (UTF-8) of unlabelled texts, may be .gz.")],
    budget: Annotated[int, typer.Option("--budget", min=1, help="Labels of all waves together.")],
    wave: Annotated[int, typer.Option("--wave", min=1, help="Labels of one wave.")],
    rules: Annotated[Path | None, typer.Option("--rules", help="YAML of keywords and patterns.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="NAME[@VERSION] whose probabilities rank, not rules.")
    ] = None,
    rare: Annotated[
        list[str] | None,
        typer.Option("--rare", help="A class to look for; repeat. By default all of --rules."),
    ] = None,
    text: Annotated[str, typer.Option("--text", help="Column with the text.")] = "text",
    source: SourceColumn = None,
    id_: IdColumn = None,
    source_cap: Annotated[
        list[str] | None, typer.Option("--source-cap", help="NAME=SHARE of a wave at most; repeat.")
    ] = None,
    labelled: Annotated[
        Path | None, typer.Option("--labelled", help="CSV of labels so far: what it holds is left out.")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="Column of --labelled with the label.")] = "label",
    manifest: Annotated[
        list[Path] | None,
        typer.Option(
            "--manifest", help="Of an earlier wave; repeat. By default manifest.json beside --labelled."
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Directory for the batch and its manifest.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="csv or jsonl.")] = "csv",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of what is drawn.")] = 0,
    store: Store = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Plan what people label of a pool, in waves, and write the next wave."""
    from monitoring.plan.earlier import Labelled, read_labelled, read_manifest  # noqa: PLC0415
    from monitoring.plan.planning import Asked, make_plan  # noqa: PLC0415 - what it imports is slow to load
    from monitoring.plan.pool import read_pool  # noqa: PLC0415

    if budget < wave:
        raise typer.BadParameter(f"{budget} is less than a wave of {wave}", param_hint="--budget")
    if format_ not in ("csv", "jsonl"):
        raise typer.BadParameter(f"{format_!r} is not csv or jsonl", param_hint="--format")
    if (rules is None) == (model is None):
        raise typer.BadParameter("expected one of --rules and --model", param_hint="--rules")
    caps = _caps(source_cap or [])
    classes, chosen_by, scorer = (
        _of_rules(rules, rare or []) if rules is not None else _of_model(store, str(model), rare or [])
    )
    asked = Asked(budget, wave, classes, chosen_by, "hits" if rules is not None else "model", caps, seed)
    items = read_pool(pool, text=text, source=source, id_=id_)
    known = (
        Labelled()
        if labelled is None
        else read_labelled(labelled, text=text, label=label, source=source, id_=id_)
    )
    earlier = [read_manifest(path) for path in _manifests(manifest, labelled)]
    found = make_plan(items, asked, scorer, labelled=known, earlier=earlier)
    files = [] if to is None or found.wave is None else _written(to, items, found, asked, format_)
    show(
        plan_json(items, found, asked, files),
        as_json=json,
        human=lambda: plan_words(items, found, asked, files),
    )


def _caps(given: Sequence[str]) -> dict[str, float]:
    caps = {}
    for each in given:
        name, _, share = each.rpartition("=")
        try:
            value = float(share)
        except ValueError:
            value = math.nan
        if not name or not 0 < value <= 1:
            raise typer.BadParameter(f"{each!r}: expected NAME=SHARE, as app=0.4", param_hint="--source-cap")
        caps[name] = value
    return caps


def _of_rules(path: Path, rare: Sequence[str]) -> tuple[tuple[str, ...], str, "Scorer"]:
    from monitoring.plan.rules import read_rules  # noqa: PLC0415

    rules = read_rules(path, rare)
    return rules.classes, f"rules {rules.sha256}", rules.hits


def _of_model(store: Path, named: str, rare: Sequence[str]) -> tuple[tuple[str, ...], str, "Scorer"]:
    name, _, version = named.partition("@")
    model = load_model(current_path(ModelStore(store), name, version or None))
    if model.input_kind != "text":
        raise PlanRefused(f"{model.key} takes the columns of a table; a plan is for texts")
    if not rare:
        raise typer.BadParameter("expected the class to look for", param_hint="--rare")
    if unknown := [each for each in rare if each not in model.classes]:
        raise PlanRefused(f"{model.key} has no class {unknown[0]!r}; it has {', '.join(model.classes)}")
    classes = tuple(dict.fromkeys(rare))
    columns = [model.classes.index(each) for each in classes]

    def scores(texts: Sequence[str]) -> "Scores":
        return np.asarray(model.decide(texts).probabilities[:, columns], dtype=np.float64)

    return classes, f"model {model.key}", scores


def _manifests(given: Sequence[Path] | None, labelled: Path | None) -> Sequence[Path]:
    if given or labelled is None:
        return given or []
    beside = labelled.parent / "manifest.json"
    return [beside] if beside.exists() else []


def _written(to: Path, pool: "Pool", plan: "Plan", asked: "Asked", form: str) -> list[str]:
    """Write batch and manifest; what other content has their names stays, for people may have labelled it."""
    from monitoring.plan.batchfile import batch_bytes, manifest_bytes  # noqa: PLC0415

    assert plan.wave is not None  # noqa: S101
    name = f"batch.{form}"
    content = batch_bytes(pool, plan.wave, "jsonl" if form == "jsonl" else "csv")
    files = {
        to / name: content,
        to / "manifest.json": manifest_bytes(pool, plan, plan.wave, asked, batch=name, content=content),
    }
    for path, new in files.items():
        if path.exists() and path.read_bytes() != new:
            raise PlanRefused(f"{path}: is there already, with other content; choose another --out")
    to.mkdir(parents=True, exist_ok=True)
    for path, new in files.items():
        replace_file(path, new)
    return list(map(str, files))
