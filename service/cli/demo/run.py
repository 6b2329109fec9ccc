"""One run of the demo: calm traffic, a change nobody announces, and what the service makes of it."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from model_store import Model
from service.cli.client import Client
from service.cli.demo import verdict
from service.cli.demo.errors import DemoError
from service.cli.demo.plan import expected_items
from service.cli.demo.scenario import Scenario
from service.cli.demo.traffic import Message, Traffic
from service.cli.demo.verdict import Check
from service.cli.output import StageProgress

BASELINE_ITEMS = 10_000
CALM_ITEMS = 10_000
ITEMS_PER_SECOND = 1_500.0
BUCKET_SECONDS = 0.5
BUCKET_ITEMS = ITEMS_PER_SECOND * BUCKET_SECONDS
POLL_SECONDS = 0.25
FACTOR = 3.0
SETTLE_SECONDS = 15.0
COMMON_SHARE = 0.1


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
        finding, raised = self._alarm["finding"], self.traffic.items_at(self._alarm["raised_at"])
        checks += [
            verdict.alarm_names(finding, self.scenario.watched),
            verdict.delay_within(raised - change, planned),
            verdict.start_near(
                self.traffic.items_at(finding["since_time"]),
                change,
                raised=raised,
                items_to_detect=planned,
                bucket_items=BUCKET_ITEMS,
            ),
        ]
        return checks + self._label(self._batch_id(), change)

    def status(self) -> dict[str, Any]:
        """Return what `GET /v1/drift` says."""
        value: dict[str, Any] = self.client.get("/v1/drift").json()
        return value

    def _planned(self) -> int:
        share = min(self.scenario.share, 0.9 / FACTOR)
        return expected_items(
            self.model, self.status(), self.scenario.watched, share, FACTOR, bucket_items=BUCKET_ITEMS
        )

    def _label(self, batch_id: str, change: int) -> list[Check]:
        path = f"/v1/batches/{batch_id}"
        formats = ("jsonl", "csv", "label_studio")
        exports = {
            each: self.client.get(f"{path}/items", params={"format": each}).content for each in formats
        }
        config = self.client.get(f"{path}/labeling-config").content
        items = [json.loads(line) for line in exports["jsonl"].splitlines()]
        truths = [self.traffic.truth[each["id"]] for each in items]
        rows = [
            {"key": each["key"], "label": truth, "annotation_id": f"demo-{rank}", "annotator": "demo"}
            for rank, (each, truth) in enumerate(zip(items, truths, strict=True))
        ]
        receipts = [self.client.post(f"{path}/labels", json={"labels": rows}).json() for _ in range(2)]
        return [
            verdict.batch_is_rich(truths, self.scenario.watched, self._traffic_share(change)),
            verdict.exports_agree(exports, config, len(items)),
            verdict.counted_once(receipts[0], receipts[1], len(rows)),
        ]

    def _traffic_share(self, change: int) -> float:
        """Return the watched class's true share in the traffic that the batch is compared with.

        That is the traffic since the change. A class that is common by then cannot have three times its share
        of a batch that is half for other slices: then it is all traffic that the batch was chosen from.
        """
        truths = [truth == self.scenario.watched for truth in self.traffic.truth.values()]
        moved = truths[change:]
        share = sum(moved) / len(moved)
        return share if share <= COMMON_SHARE else sum(truths) / len(truths)

    def _batch_id(self) -> str:
        """Return the id of the alarm's batch; the watcher commits it with the alarm or at its next tick."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < deadline:
            alarm = self.status()["last_alarm"]
            if alarm["batch"]:
                return str(alarm["batch"])
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
        return verdict.calm(status["state"], 0 if status["last_alarm"] is None else 1, self.traffic.sent)

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
            self._alarm = status["last_alarm"] if status["state"] == "drift" else None
        return self._alarm is not None
