"""Commands about stored bundles: what is there, is it whole, which one is in force."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from model_store import Bundle, ModelStore, Promotion, load_model, read_bundle
from model_store.errors import UnknownBundle
from monitoring.meaning.wording import number_of
from service.cli.importing import import_
from service.cli.options import DEFAULT_STORE, By, Store, Why, current_user
from service.cli.output import Json, listed, show, table
from service.cli.steps import history

app = typer.Typer(
    no_args_is_help=True, help="Bundles: import, list, show, verify, promote, roll back, history."
)
app.command("import")(import_)
app.command()(history)

Name = Annotated[str, typer.Argument(help="Name of the bundle.")]
Version = Annotated[str | None, typer.Option("--version", help="Version; the current one when left out.")]


@app.command("list")
def list_bundles(store: Store = DEFAULT_STORE, json: Json = False) -> None:
    """List every version of every bundle, and which one is in force."""
    bundles = ModelStore(store)
    rows = [
        {"name": name, "version": version, "current": version == bundles.current(name)}
        for name in bundles.names()
        for version in bundles.versions(name)
    ]
    show(
        rows,
        as_json=json,
        human=lambda: listed(
            f"{number_of(len(rows), 'bundle')} in {store}",
            ["name", "version", "in force"],
            [[row["name"], row["version"], "yes" if row["current"] else ""] for row in rows],
            empty=f"no bundles in {store}: `seamark fit` and `seamark bundle import` make one",
        ),
    )


@app.command("show")
def show_bundle(
    name: Name, version: Version = None, store: Store = DEFAULT_STORE, json: Json = False
) -> None:
    """Show what a bundle is and what it promises per class."""
    bundles = ModelStore(store)
    bundle = read_bundle(current_path(bundles, name, version))
    value = describe(bundle) | {"history": [each.to_json() for each in bundles.history(name)]}
    show(value, as_json=json, human=lambda: _promises(bundle, value))


@app.command()
def verify(
    name: Annotated[str, typer.Argument(help="Name of a bundle, or the path of one.")],
    version: Version = None,
    store: Store = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Check every digest, schema and shape, load the model and run it once."""
    path = Path(name) if "/" in name or name == "." else current_path(ModelStore(store), name, version)
    model = load_model(path)
    value = {"bundle": model.key, "path": str(path), "ok": True, "digests": dict(model.bundle.digests)}
    show(value, as_json=json, human=lambda: f"{model.key}: whole and loadable")


@app.command()
def promote(
    name: Name,
    version: Annotated[str, typer.Argument(help="Version to put in force.")],
    store: Store = DEFAULT_STORE,
    by: By = None,
    why: Why = "",
    json: Json = False,
) -> None:
    """Put a version in force; running services swap to it without losing a request.

    One that is in force already stays so, with the reason it was put there for.
    """
    now = time.time()
    done = ModelStore(store).promote(name, version, who=by or current_user(), why=why, at=now)
    _show_promotion(done, as_json=json, changed=done.at == now)


@app.command()
def rollback(
    name: Name,
    store: Store = DEFAULT_STORE,
    by: By = None,
    why: Why = "",
    leaving: Annotated[
        str | None, typer.Option("--from", help="Only while this version is in force; safe to repeat.")
    ] = None,
    json: Json = False,
) -> None:
    """Put the version back in force that was before the last promotion."""
    done = ModelStore(store).rollback(
        name, who=by or current_user(), why=why, at=time.time(), leaving=leaving
    )
    _show_promotion(done, as_json=json)


def describe(bundle: Bundle) -> dict[str, Any]:
    """Return a bundle's manifest facts and per-class promises as plain data."""
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "path": str(bundle.path),
        "task": manifest.task,
        "input": manifest.input_kind,
        "licence": manifest.licence,
        "by": manifest.training.get("by"),
        "why": manifest.training.get("why"),
        "training": dict(manifest.training),
        "embedding": None if manifest.embedding is None else manifest.embedding.to_json(),
        "calibration": bundle.calibration.method,
        "digests": dict(bundle.digests),
        "classes": [each.to_json() for each in bundle.policy.thresholds],
    }


def _promises(bundle: Bundle, value: Mapping[str, Any]) -> Group:
    """Return a line per class with what it promises, and below why the version was made, if that was said."""
    promises = table(
        f"{bundle.key}: calibration {bundle.calibration.method}"
        + (f", made by {value['by']}" if value["by"] else ""),
        ["class", "status", "threshold", "recall >=", "precision >="],
        [
            [
                each["class"],
                each["status"],
                each["threshold"],
                each["recall"]["lower"],
                each["precision"]["lower"],
            ]
            for each in value["classes"]
        ],
    )
    return Group(promises, *([Text(f"why it was made: {value['why']}")] if value["why"] else []))


def _show_promotion(promotion: Promotion, *, as_json: bool, changed: bool = True) -> None:
    said = f"{promotion.name}: version {promotion.to_version} is in force"
    if not changed:
        said += " already; nothing changed"
    elif promotion.from_version:
        said += f" (was {promotion.from_version})"
    show(promotion.to_json(), as_json=as_json, human=lambda: said)


def current_path(bundles: ModelStore, name: str, version: str | None = None) -> Path:
    """Return the path of a version: the one asked for, else the one in force, else the newest."""
    chosen = version or bundles.current(name)
    if chosen is None:
        versions = bundles.versions(name)
        if not versions:
            raise UnknownBundle(name, None)
        chosen = versions[-1]
    return bundles.path(name, chosen)
