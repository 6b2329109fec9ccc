"""One run of the demo: calm traffic, a change nobody announces, and the way back to what was promised."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from model_store import Model, ModelStore
from service.cli.client import Client
from service.cli.demo import hidden, verdict
from service.cli.demo.errors import DemoError
from service.cli.demo.hidden import Stretch
from service.cli.demo.labelers import Labelers
from service.cli.demo.plan import predicted_ratio
from service.cli.demo.repair import Repair
from service.cli.demo.scenario import MOST_PATIENCE, Scenario
from service.cli.demo.traffic import Message, Traffic
from service.cli.demo.verdict import Check
from service.cli.output import StageProgress

BASELINE_ITEMS = 10_000
CALM_ITEMS = 10_000
AFTER_ITEMS = 10_000
ITEMS_PER_SECOND = 1_500.0
BUCKET_SECONDS = 0.5
BUCKET_ITEMS = ITEMS_PER_SECOND * BUCKET_SECONDS
POLL_SECONDS = 0.25
SETTLE_SECONDS = 15.0
COMMON_SHARE = 0.1


@dataclass(slots=True)
class Run:
    """One run of the demo against a live service.

    Attributes
    ----------
    stretches : list of Stretch
        How good the answers were by hidden truth: before, during and after.
    labels : int
        What the repair cost.
    """

    scenario: Scenario
    model: Model
    store: ModelStore
    traffic: Traffic
    client: Client
    seed: int
    progress: StageProgress
    stretches: list[Stretch] = field(default_factory=list)
    labels: int = 0
    _polled_at: float = 0.0
    _alarm: dict[str, Any] | None = None
    _streams: dict[bool, Iterator[Message]] = field(default_factory=dict)

    def calm_only(self) -> list[Check]:
        """Send unshifted items only; the service must stay calm."""
        self._calm(BASELINE_ITEMS + 2 * CALM_ITEMS)
        return [self._calm_check()]

    def drift(self) -> list[Check]:
        """Send unshifted items, then change them without telling, and judge what the service makes of it."""
        self._calm(BASELINE_ITEMS + CALM_ITEMS)
        checks = [self._calm_check()]
        change = self.traffic.sent
        planned = self._planned()
        self.send(MOST_PATIENCE * planned, "moved items", stop=self._alarmed)
        alarm = self._awaited(time.monotonic() + SETTLE_SECONDS)
        if alarm is None:
            return [*checks, Check("an alarm", False, f"none in {self.traffic.sent - change:,} items", "one")]
        finding, raised = alarm["finding"], self.traffic.items_at(alarm["raised_at"])
        checks += [
            verdict.alarm_names(finding, self.scenario.watched),
            verdict.delay_within(raised - change, planned, self.scenario.patience),
            verdict.start_near(
                self.traffic.items_at(finding["since_time"]),
                change,
                raised=raised,
                items_to_detect=planned,
                bucket_items=BUCKET_ITEMS,
            ),
        ]
        return checks + self._repair(change)

    def status(self) -> dict[str, Any]:
        """Return what `GET /v1/drift` says."""
        value: dict[str, Any] = self.client.get("/v1/drift").json()
        return value

    def send(self, items: float, stage: str, *, stop: Callable[[], bool] = lambda: False) -> None:
        """Send so many items as they are once moved, or fewer when told to stop."""
        self._send(items, stage, moved=True, stop=stop)

    def _repair(self, change: int) -> list[Check]:
        """From the batch of the alarm to a better version in force."""
        labelers = Labelers(self.client, self.traffic.truth, self.model.classes, random.Random(self.seed))
        repair = Repair(self.client, self.store, self.scenario, labelers, self.seed, self.progress)
        batch = self._batch_id()
        checks = repair.label(
            batch,
            traffic_share=self._traffic_share(change),
            send=lambda items: self.send(items, "moved items, while people label"),
        )
        repair.retrain()
        checks += repair.shadowed(lambda items: self.send(items, "moved items, beside the proposed version"))
        if self.scenario.reworded:
            checks.append(verdict.streams_tell(self.status(), ("classes", "scores")))
        during = self.traffic.ids(change)
        checks += repair.promote()
        promoted = self.traffic.sent
        self.send(AFTER_ITEMS, "moved items, after the promotion")
        after = self.traffic.ids(promoted)
        before = self.traffic.ids(BASELINE_ITEMS, change)
        self.labels = labelers.given
        watched = self.scenario.watched
        self.stretches = [
            hidden.stretch(name, self.traffic, ids, watched=watched)
            for name, ids in (("before", before), ("during", during), ("after", after))
        ]
        if self.scenario.reworded:
            checks += verdict.recall_fell_and_is_back(self.stretches, repair.target)
        return [*checks, repair.honest(), *repair.closed()]

    def _planned(self) -> int:
        """Return after how many items the change should be noticed by what the model can see of it."""
        watched, seen = self.scenario.watched, self.scenario.factor * (1.0 - self.scenario.reworded)
        ratio = predicted_ratio(self.model, watched, min(self.scenario.share, 0.9 / seen), seen)
        asked = {"class": watched, "factor": f"{ratio:.4g}"}
        (row,) = self.client.get("/v1/drift/plan", params=asked).json()["rows"]
        if row["items"] is None:
            raise DemoError(
                f"{watched}: its predicted share of {row['reference']:.2%} would move by a factor of "
                f"{ratio:.2f}, too little to be noticed"
            )
        return int(row["items"])

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
        self._send(items, "unshifted items", moved=False, stop=self._alarmed)
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.status()["state"] == "warming" and time.monotonic() < deadline:
            self._send(500, "unshifted items", moved=False, stop=self._alarmed)

    def _calm_check(self) -> Check:
        status = self.status()
        return verdict.calm(status["state"], 0 if status["last_alarm"] is None else 1, self.traffic.sent)

    def _messages(self, *, moved: bool) -> Iterator[Message]:
        """Return the stream before or after the change, where it was left."""
        if moved not in self._streams:
            seed = self.seed + (3 if moved else 2) * 1_000_000
            self._streams[moved] = self.scenario.messages(self.model, moved=moved, seed=seed)
        return self._streams[moved]

    def _send(self, items: float, stage: str, *, moved: bool, stop: Callable[[], bool]) -> None:
        start, goal = self.traffic.sent, self.traffic.sent + int(items)

        def done() -> bool:
            self.progress(stage, self.traffic.sent - start, goal - start)
            return self.traffic.sent >= goal or stop()

        self.traffic.send(self._messages(moved=moved), until=done)

    def _awaited(self, deadline: float) -> dict[str, Any] | None:
        """Return the alarm; the watcher closes a bucket some time after its last item was answered."""
        while not self._alarmed() and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
        return self._alarm

    def _alarmed(self) -> bool:
        if time.monotonic() - self._polled_at >= POLL_SECONDS:
            self._polled_at = time.monotonic()
            status = self.status()
            self._alarm = status["last_alarm"] if status["state"] == "drift" else None
        return self._alarm is not None
