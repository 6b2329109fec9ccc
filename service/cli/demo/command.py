"""The command that shows the whole loop on real processes: fit, serve, drift, labels, a better version."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group

from model_store import Model, ModelStore, load_model
from service.cli.client import Client
from service.cli.demo.errors import DemoError
from service.cli.demo.run import BASELINE_ITEMS, BUCKET_SECONDS, ITEMS_PER_SECOND, Run
from service.cli.demo.scenario import LabelledFile, Scenario, Tickets
from service.cli.demo.server import free_port, running_service
from service.cli.demo.traffic import Traffic
from service.cli.drift.status import render_status
from service.cli.output import Json, StageProgress, out, show, stages, table
from service.cli.ranges import SEED
from service.cli.training import needs_training

LABELS = 600  # a day: the batch of the alarm and two asked for by hand


def demo(
    no_drift: Annotated[
        bool, typer.Option("--no-drift", help="Keep the mix as it is; must end calm.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service and its files in place.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="A labelled CSV instead of synthetic tickets.")
    ] = None,
    text: Annotated[
        str | None, typer.Option("--text", help="Column with the text, with --data.", show_default="text")
    ] = None,
    label: Annotated[
        str | None, typer.Option("--label", help="Column with the label, with --data.", show_default="label")
    ] = None,
    watch: Annotated[
        str | None, typer.Option("--watch", help="Class to move, with --data; the rarest by default.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of items, splits and draws.", **SEED)] = 0,
    json: Json = False,
) -> None:
    """Run the whole loop: fit, serve, calm traffic, unannounced drift, alarm, labels, a better version."""
    for option, given in (("--text", text), ("--label", label), ("--watch", watch)):
        if given is not None and data is None:
            raise typer.BadParameter("the synthetic tickets have their own; give --data", param_hint=option)
    started = time.monotonic()
    with _directory(keep=keep) as directory, stages(quiet=json) as progress:
        scenario: Scenario = Tickets(directory / "tickets.csv", seed=seed)
        if data is not None:
            scenario = LabelledFile(data, text=text or "text", label=label or "label", watched=watch or "")
        if not json:
            out.print(f"items: {scenario.note}; class to watch: {scenario.watched} ({scenario.share:.1%})")
        model = _fit(scenario, directory, seed=seed, progress=progress)
        settings = _settings(directory)
        with running_service(directory, settings, keep=keep) as server:
            traffic = Traffic(server.url, ITEMS_PER_SECOND)
            store = ModelStore(directory / "models")
            run = Run(scenario, model, store, traffic, Client(server.url), seed, progress)
            checks = run.calm_only() if no_drift else run.drift()
            status = run.status()
    value = {
        "passed": all(check.passed for check in checks),
        "seconds": round(time.monotonic() - started, 1),
        "items": run.traffic.sent,
        "checks": [asdict(check) for check in checks],
        "hidden_truth": [each.to_json() for each in run.stretches],
        "labels": run.labels,
        "service": asdict(server) if keep else None,
        "directory": str(directory) if keep else None,
    }
    if not json:
        out.print(render_status(status))
    show(value, as_json=json, human=lambda: summary(value))
    if not value["passed"]:
        raise DemoError("failed: " + "; ".join(check.name for check in checks if not check.passed))


def _fit(scenario: Scenario, directory: Path, *, seed: int, progress: StageProgress) -> Model:
    from model_store.data.rows import read_rows  # noqa: PLC0415 - what only a fit needs loads only then
    from model_store.promises.claims import Claims  # noqa: PLC0415
    from model_store.promises.thresholds import Target  # noqa: PLC0415

    rows = read_rows(scenario.data, text=scenario.text, label=scenario.label, source=scenario.source)
    store = ModelStore(directory / "models")
    target = Target(scenario.watched, recall=0.85, precision=None)
    with needs_training():
        from model_store.training.fit import fit  # noqa: PLC0415 - loads scikit-learn

    result = fit(
        rows,
        name="demo",
        store=store,
        claims=Claims((target,)),
        imbalance="balanced",  # comparing recipes takes longer than all the rest of the demo
        seed=seed,
        by="demo",
        why="first fit",
        progress=progress,
    )
    version = str(result.to_json()["bundle"]["version"])
    store.promote("demo", version, who="demo", why="first fit", at=time.time())
    return load_model(store.path("demo", version))


def _settings(directory: Path) -> dict[str, str]:
    return {
        "SEAMARK_STORE": str(directory / "models"),
        "SEAMARK_STATE": str(directory / "state"),
        "SEAMARK_MODEL": "demo",
        "SEAMARK_PORT": str(free_port()),
        "SEAMARK_WORKERS": "2",
        "SEAMARK_BASELINE_ITEMS": str(BASELINE_ITEMS),
        "SEAMARK_BASELINE_SECONDS": "0",
        "SEAMARK_LABELS_PER_DAY": str(LABELS),
        "SEAMARK_MAX_OPEN_BATCHES": "1",
        "SEAMARK_BUCKET_SECONDS": str(BUCKET_SECONDS),
        "SEAMARK_FLUSH_SECONDS": str(BUCKET_SECONDS),
    }


@contextmanager
def _directory(*, keep: bool) -> Iterator[Path]:
    """Yield the demo's directory: a temporary one, or a new one under var/demo that stays."""
    if not keep:
        with tempfile.TemporaryDirectory(prefix="seamark-demo-", ignore_cleanup_errors=True) as path:
            yield Path(path)
        return
    directory = Path("var/demo") / time.strftime("%Y%m%dT%H%M%S")
    directory.mkdir(parents=True)
    yield directory.absolute()


def summary(value: dict[str, Any]) -> object:
    """Return every promise with what was seen and what was expected."""
    rows = [
        ["kept" if each["passed"] else "FAILED", each["name"], each["seen"], each["expected"]]
        for each in value["checks"]
    ]
    service = value["service"]
    kept = f"; serving at {service['url']} until `kill {service['pid']}`" if service else ""
    title = f"{value['items']:,} items in {value['seconds']} s{kept}"
    promises = table(title, ["", "promise", "seen", "expected"], rows, whole=2)
    if not value["hidden_truth"]:
        return promises
    truth = table(
        f"by the hidden truth; the repair cost {value['labels']} labels",
        ["", "items", "of the class", "recall", "precision"],
        [
            [
                each["stretch"],
                each["items"],
                each["positives"],
                f"{each['recall']:.1%}",
                f"{each['precision']:.1%}",
            ]
            for each in value["hidden_truth"]
        ],
    )
    return Group(promises, truth)
