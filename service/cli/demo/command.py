"""The command that shows the whole loop on real processes: fit, serve, drift, alarm, batch, labels."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from model_store import Model, ModelStore, load_model
from service.cli.client import Client
from service.cli.demo import verdict
from service.cli.demo.errors import DemoError
from service.cli.demo.plan import expected_items
from service.cli.demo.scenario import LabelledFile, Scenario, Tickets
from service.cli.demo.server import free_port, running_service
from service.cli.demo.traffic import Message, Traffic
from service.cli.demo.verdict import Check
from service.cli.drift import render_status
from service.cli.output import Json, StageProgress, out, show, stages, table

BASELINE_ITEMS = 10_000
CALM_ITEMS = 10_000
ITEMS_PER_SECOND = 1_500.0
BUCKET_SECONDS = 0.5
POLL_SECONDS = 0.25
FACTOR = 3.0
SETTLE_SECONDS = 15.0


def demo(
    no_drift: Annotated[
        bool, typer.Option("--no-drift", help="Keep the mix as it is; must end calm.")
    ] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the service and its files in place.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="A labelled CSV instead of synthetic tickets.")
    ] = None,
    text: Annotated[str, typer.Option("--text", help="Column with the text, with --data.")] = "text",
    label: Annotated[str, typer.Option("--label", help="Column with the label, with --data.")] = "label",
    watch: Annotated[
        str, typer.Option("--watch", help="Class to move, with --data; the rarest by default.")
    ] = "",
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of items, splits and draws.")] = 0,
    json: Json = False,
) -> None:
    """Run the whole loop: fit, serve, calm traffic, unannounced drift, alarm, batch, labels back."""
    started = time.monotonic()
    with _directory(keep=keep) as directory, stages(quiet=json) as progress:
        scenario: Scenario = Tickets(directory / "tickets.csv", seed=seed)
        if data is not None:
            scenario = LabelledFile(data, text=text, label=label, watched=watch)
        if not json:
            out.print(f"items: {scenario.note}; class to watch: {scenario.watched} ({scenario.share:.1%})")
        model = _fit(scenario, directory, seed=seed, progress=progress)
        settings = _settings(directory)
        with running_service(directory, settings, keep=keep) as url:
            run = Run(scenario, model, Traffic(url, ITEMS_PER_SECOND), Client(url), seed, progress)
            checks = run.calm_only() if no_drift else run.drift()
            status = run.status()
    value = {
        "passed": all(check.passed for check in checks),
        "seconds": round(time.monotonic() - started, 1),
        "items": run.traffic.sent,
        "checks": [asdict(check) for check in checks],
        "service": url if keep else None,
        "directory": str(directory) if keep else None,
    }
    if not json:
        out.print(render_status(status))
    show(value, as_json=json, human=lambda: _summary(value))
    if not value["passed"]:
        raise DemoError("failed: " + "; ".join(check.name for check in checks if not check.passed))


@dataclass(slots=True)
class Run:
    """One run of the demo against a live service."""

    scenario: Scenario
    model: Model
    traffic: Traffic
    client: Client
    seed: int
    progress: StageProgress
    _polled_at: float = 0.0
    _alarm: dict[str, Any] | None = None

    def calm_only(self) -> list[Check]:
        """Send unshifted items only; the service must stay calm."""
        self._calm(BASELINE_ITEMS + 2 * CALM_ITEMS)
        return [self._calm_check()]

    def drift(self) -> list[Check]:
        """Send unshifted items, then move the mix without telling, and judge what the service makes of it."""
        self._calm(BASELINE_ITEMS + CALM_ITEMS)
        checks = [self._calm_check()]
        change = self.traffic.sent
        planned = self._planned()
        self._send(self._messages(FACTOR), planned * 4, "moved items", stop_at_alarm=True)
        if self._alarm is None:
            return [*checks, Check("an alarm", False, f"none in {self.traffic.sent - change:,} items", "one")]
        raised = self.traffic.items_at(self._alarm["raised_at"])
        checks += [
            verdict.alarm_names(self._alarm, self.scenario.watched),
            verdict.delay_within(raised - change, planned),
            verdict.start_near(self.traffic.items_at(self._alarm["since"]), change),
        ]
        return checks + self._label(self._batch_id())

    def status(self) -> dict[str, Any]:
        """Return what `GET /v1/drift` says."""
        value: dict[str, Any] = self.client.get("/v1/drift").json()
        return value

    def _planned(self) -> int:
        share = min(self.scenario.share, 0.9 / FACTOR)
        bucket_items = ITEMS_PER_SECOND * BUCKET_SECONDS
        return expected_items(
            self.model, self.status(), self.scenario.watched, share, FACTOR, bucket_items=bucket_items
        )

    def _label(self, batch_id: str) -> list[Check]:
        path = f"/v1/batches/{batch_id}"
        formats = ("jsonl", "csv", "label_studio")
        exports = {
            each: self.client.get(f"{path}/items", params={"format": each}).content for each in formats
        }
        config = self.client.get(f"{path}/labeling-config").content
        items = self.client.get(path).json()["items"]
        truths = [self.traffic.truth[each["item_id"]] for each in items]
        rows = [
            {"key": each["key"], "label": truth, "annotation_id": f"demo-{each['rank']}", "annotator": "demo"}
            for each, truth in zip(items, truths, strict=True)
        ]
        receipts = [self.client.post(f"{path}/labels", json={"labels": rows}).json() for _ in range(2)]
        return [
            verdict.batch_is_rich(truths, self.scenario.watched, self.scenario.share * FACTOR),
            verdict.exports_agree(exports, config, len(items)),
            verdict.counted_once(receipts[0], receipts[1], len(rows)),
        ]

    def _batch_id(self) -> str:
        """Return the id of the alarm's batch; the watcher commits it with the alarm or at its next tick."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            batches: list[dict[str, Any]] = self.client.get("/v1/batches").json()["batches"]
            if batches:
                return str(batches[0]["id"])
            time.sleep(POLL_SECONDS)
        raise DemoError(f"the alarm emitted no batch within {SETTLE_SECONDS:.0f} s")

    def _calm(self, items: int) -> None:
        messages = self._messages(1.0)
        self._send(messages, items, "unshifted items", stop_at_alarm=True)
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.status()["state"] == "warming" and time.monotonic() < deadline:
            self._send(messages, 500, "unshifted items", stop_at_alarm=True)

    def _calm_check(self) -> Check:
        status = self.status()
        return verdict.calm(status["state"], 1 if status["state"] == "drift" else 0, self.traffic.sent)

    def _messages(self, factor: float) -> Iterator[Message]:
        seed = self.seed + (2 if factor == 1.0 else 3) * 1_000_000
        return self.scenario.messages(self.model, factor=factor, seed=seed)

    def _send(self, messages: Iterator[Message], items: float, stage: str, *, stop_at_alarm: bool) -> None:
        start, goal = self.traffic.sent, self.traffic.sent + int(items)

        def done() -> bool:
            self.progress(stage, self.traffic.sent - start, goal - start)
            return self.traffic.sent >= goal or (stop_at_alarm and self._alarmed())

        self.traffic.send(messages, until=done)

    def _alarmed(self) -> bool:
        if time.monotonic() - self._polled_at >= POLL_SECONDS:
            self._polled_at = time.monotonic()
            status = self.status()
            self._alarm = status["alarm"] if status["state"] == "drift" else None
        return self._alarm is not None


def _fit(scenario: Scenario, directory: Path, *, seed: int, progress: StageProgress) -> Model:
    from model_store.fit import fit  # noqa: PLC0415 - scikit-learn loads only when it trains
    from model_store.rows import read_rows  # noqa: PLC0415
    from model_store.thresholds import Target  # noqa: PLC0415

    rows = read_rows(scenario.data, text=scenario.text, label=scenario.label, source=scenario.source)
    store = ModelStore(directory / "models")
    target = Target(scenario.watched, recall=0.85, precision=None)
    result = fit(rows, name="demo", store=store, targets=(target,), seed=seed, progress=progress)
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


def _summary(value: dict[str, Any]) -> object:
    rows = [
        ["kept" if each["passed"] else "FAILED", each["name"], each["seen"], each["expected"]]
        for each in value["checks"]
    ]
    kept = f"; service left at {value['service']}, files in {value['directory']}" if value["service"] else ""
    title = f"{value['items']:,} items in {value['seconds']} s{kept}"
    return table(title, ["", "promise", "seen", "expected"], rows)
