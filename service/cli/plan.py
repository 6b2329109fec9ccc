"""The command that plans labeling waves by hand: which items first, before any model, and which next."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from model_store import ModelStore, load_model
from monitoring.errors import PlanRefused
from service.cli.bundle import current_path
from service.cli.files import write_new
from service.cli.options import DEFAULT_STORE, IdColumn, SourceColumn, Store
from service.cli.output import Json, show, stages
from service.cli.pull import HELP
from service.cli.ranges import SEED, whole

if TYPE_CHECKING:
    from model_store.bundles.manifest import Task
    from model_store.data.signatures import Signatures
    from model_store.graphs.columns import Column
    from monitoring.plan.earlier import Earlier
    from monitoring.plan.labelled import Labelled
    from monitoring.plan.pool import Pool
    from monitoring.plan.signs import Scorer

MOST_PLANNED: Final = 1_000_000  # labels


@dataclass(frozen=True, slots=True)
class _Chooser:
    """What ranks items: its classes, the rare ones among them, its name, and what it was made from."""

    rare: tuple[str, ...]
    classes: tuple[str, ...]
    chosen_by: str
    score: "Scorer"
    task: "Task" = "multiclass"
    columns: "tuple[Column, ...]" = ()
    of_traffic: bool = True
    seen: "Signatures | None" = None


def plan(
    pool: Annotated[Path, typer.Argument(help="CSV (UTF-8) of texts or rows to label, may be .gz.")],
    budget: Annotated[
        int, typer.Option("--budget", help="Labels of all waves together.", **whole(1, MOST_PLANNED))
    ],
    wave: Annotated[int, typer.Option("--wave", help="Labels of one wave.", **whole(1, MOST_PLANNED))],
    rules: Annotated[Path | None, typer.Option("--rules", help="YAML of keywords and patterns.")] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="NAME[@VERSION] whose probabilities rank, not rules.")
    ] = None,
    rare: Annotated[
        list[str] | None,
        typer.Option("--rare", help="A class to look for; repeat. By default all of --rules."),
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help='Column with the text, by default "text"; of no table.')
    ] = None,
    source: SourceColumn = None,
    id_: IdColumn = None,
    source_cap: Annotated[
        list[str] | None, typer.Option("--source-cap", help="NAME=SHARE of a wave at most; repeat.")
    ] = None,
    labelled: Annotated[
        list[Path] | None,
        typer.Option(
            "--labelled", help="Labels so far, as they came back; repeat. What they hold is left out."
        ),
    ] = None,
    label: Annotated[str, typer.Option("--label", help="Column of --labelled with the label.")] = "label",
    manifest: Annotated[
        list[Path] | None,
        typer.Option(
            "--manifest", help="Of an earlier wave; one for each. By default manifest.json beside --labelled."
        ),
    ] = None,
    choice: Annotated[
        list[str] | None,
        typer.Option("--class", help="A further class that labelers may choose in their tool; repeat."),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help="Directory for the batch and its manifest.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help=HELP)] = "csv",
    seed: Annotated[int, typer.Option("--seed", help="Seed of what is drawn.", **SEED)] = 0,
    store: Store = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Plan what people label of a pool, in waves, and write the next wave."""
    from model_store.data.labelled import RESERVED_LABELS, LabelReserved  # noqa: PLC0415
    from monitoring.handover import FORMS  # noqa: PLC0415 - slow to load, as all of these
    from monitoring.plan.ahead import Asked  # noqa: PLC0415
    from monitoring.plan.batchfile import files_of  # noqa: PLC0415
    from monitoring.plan.planning import make_plan  # noqa: PLC0415
    from monitoring.plan.pool import read_pool  # noqa: PLC0415
    from service.cli.plan_json import plan_json  # noqa: PLC0415
    from service.cli.plan_words import plan_words  # noqa: PLC0415

    if budget < wave:
        raise typer.BadParameter(f"{budget} is less than a wave of {wave}", param_hint="--budget")
    if format_ not in FORMS:
        raise typer.BadParameter(f"{format_!r} is not one of {', '.join(FORMS)}", param_hint="--format")
    if (rules is None) == (model is None):
        raise typer.BadParameter("expected one of --rules and --model", param_hint="--rules")
    if reserved := [each for each in choice or [] if each in RESERVED_LABELS]:
        raise typer.BadParameter(str(LabelReserved(reserved[0])), param_hint="--class")
    caps = _caps(source_cap or [])
    by = _of_rules(rules, rare or []) if rules is not None else _of_model(store, str(model), rare or [])
    asked = Asked(
        budget=budget,
        wave=wave,
        rare=by.rare,
        chosen_by=by.chosen_by,
        basis="hits" if rules is not None else "model",
        caps=caps,
        seed=seed,
        classes=tuple(dict.fromkeys((*by.classes, *(choice or [])))),
        task=by.task,
        of_traffic=by.of_traffic,
    )
    if by.columns and text:
        raise typer.BadParameter(f"{by.chosen_by} takes the columns of a table, no text", param_hint="--text")
    text = None if by.columns else text or "text"
    with stages(quiet=json) as progress:
        items = read_pool(pool, text=text, columns=by.columns, source=source, id_=id_, progress=progress)
        earlier = _earlier(manifest, labelled or [])
        known = _known(labelled or [], items, earlier, text=text, label=label, source=source, id_=id_)
        found = make_plan(
            items, asked, by.score, labelled=known, earlier=earlier, seen=by.seen, progress=progress
        )
    files = []
    if to is not None and found.wave is not None:
        new = files_of(items, found, found.wave, asked, format_)
        files = [str(each) for each in write_new({to / name: new[name] for name in new}, option="--out")]
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


def _of_rules(path: Path, rare: Sequence[str]) -> _Chooser:
    from monitoring.plan.rules import read_rules  # noqa: PLC0415

    rules = read_rules(path, rare)
    return _Chooser(rules.classes, rules.classes, f"rules {rules.sha256}", rules.score)


def _of_model(store: Path, named: str, rare: Sequence[str]) -> _Chooser:
    from monitoring.plan.signs import scorer_of  # noqa: PLC0415
    from monitoring.waves.facts import facts_of  # noqa: PLC0415

    name, _, version = named.partition("@")
    model = load_model(current_path(ModelStore(store), name, version or None))
    if not rare:
        raise typer.BadParameter("expected the class to look for", param_hint="--rare")
    if unknown := [each for each in rare if each not in model.classes]:
        raise PlanRefused(f"{model.key} has no class {unknown[0]!r}; it has {', '.join(model.classes)}")
    classes, facts = tuple(dict.fromkeys(rare)), facts_of(model.bundle)
    return _Chooser(
        rare=classes,
        classes=model.classes,
        chosen_by=f"model {model.key}",
        score=scorer_of(model, facts, classes),
        task=facts.task,
        columns=model.columns,
        of_traffic=model.bundle.manifest.training.get("sample") is not False,
        seen=facts.seen,
    )


def _known(
    paths: Sequence[Path],
    pool: "Pool",
    earlier: "Sequence[Earlier]",
    *,
    text: str | None,
    label: str,
    source: str | None,
    id_: str | None,
) -> "Labelled":
    from monitoring.plan.earlier import check_manifests  # noqa: PLC0415
    from monitoring.plan.labelled import merged, read_labelled  # noqa: PLC0415

    texts = dict(zip(pool.keys, pool.texts, strict=True)) if paths else {}
    parts = []
    for path in paths:
        part = read_labelled(path, text=text, label=label, source=source, id_=id_, pool=texts)
        check_manifests(path, part, earlier)
        parts.append(part)
    return merged(parts)


def _earlier(given: Sequence[Path] | None, labelled: Sequence[Path]) -> "Sequence[Earlier]":
    from monitoring.plan.earlier import MANIFEST, read_manifest  # noqa: PLC0415

    beside = (path.parent / MANIFEST for path in labelled)
    paths = given or (path for path in beside if path.exists())
    return [read_manifest(path) for path in dict.fromkeys(paths)]
