"""How the demo repairs its model: labels by two people, another fit, a proposal, a promotion."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from model_store import ModelStore
from service.cli.client import Client, ClientError
from service.cli.demo import verdict
from service.cli.demo.errors import DemoError
from service.cli.demo.labelers import Labelers
from service.cli.demo.scenario import Scenario
from service.cli.demo.verdict import Check
from service.cli.output import StageProgress

NAME: Final = "demo"
FORMATS: Final = ("jsonl", "csv", "label_studio")
BY_HAND: Final = 3  # further batches that are asked for; the day's budget has to stop the last
MEANWHILE_ITEMS: Final = 10_000  # sent while people label
SHADOW_ITEMS: Final = 100  # of the sample, answered by both versions
MOST_SHADOW_ITEMS: Final = 40_000
SHADOW_STEP: Final = 1_500
SETTLE_SECONDS: Final = 30.0


@dataclass(slots=True)
class Repair:
    """From a batch to a version in force.

    Attributes
    ----------
    proposal : mapping
        As `GET /v1/proposals/{id}` gives it, once there is one.
    """

    client: Client
    store: ModelStore
    scenario: Scenario
    labelers: Labelers
    seed: int
    progress: StageProgress
    proposal: Mapping[str, Any] = field(default_factory=dict)

    def label(self, batch: str, *, traffic_share: float, send: Callable[[int], None]) -> list[Check]:
        """Label the batch of the alarm, then what the day's budget leaves, asked for by hand later."""
        exports = {
            form: self.client.get(f"/v1/batches/{batch}/items", params={"format": form}).content
            for form in FORMATS
        }
        config = self.client.get(f"/v1/batches/{batch}/labeling-config").content
        n_items = self.client.get(f"/v1/batches/{batch}").json()["items"]
        truths = self._truths(exports["jsonl"])
        too_early = self._refused()
        self.progress("labels of the alarm's batch", 0, 1)
        self.labelers.label(batch)
        self.progress("labels of the alarm's batch", 1, 1)
        receipts = self.labelers.receipts[:]
        send(MEANWHILE_ITEMS)
        refusals = self._more_batches()
        return [
            verdict.batch_is_rich(truths, self.scenario.watched, traffic_share, self.scenario.richer),
            verdict.exports_agree(exports, config, n_items),
            verdict.counted_once(receipts, n_items),
            verdict.open_batches_hold(too_early),
            verdict.budget_holds(refusals),
        ]

    def retrain(self) -> None:
        """Fit the file and the labels anew; the version is proposed, not put in force."""
        from model_store.data.rows import read_rows  # noqa: PLC0415 - what only a fit needs loads only then
        from model_store.training.fit import fit  # noqa: PLC0415
        from model_store.training.refit import claims_of  # noqa: PLC0415
        from service.cli.with_labels import collect, propose  # noqa: PLC0415

        collected = collect(self.client.url, "", name=NAME, store=self.store, batches=())
        scenario = self.scenario
        rows = read_rows(scenario.data, text=scenario.text, label=scenario.label, source=scenario.source)
        why = "labels of the alarm"
        result = fit(
            rows,
            name=NAME,
            store=self.store,
            claims=claims_of(collected.base),
            imbalance="balanced",
            seed=self.seed,
            returned=collected.returned(),
            by="demo",
            why=why,
            progress=self.progress,
        )
        self.proposal = propose(collected, result, kind="fit", by="demo", why=why)

    def shadowed(self, send: Callable[[int], None]) -> list[Check]:
        """Send traffic until the proposed version has answered enough of it beside the live one."""
        path, sent = f"/v1/proposals/{self.proposal['id']}/shadow", 0
        shadow = self.client.get(path).json()
        while shadow["items"] < SHADOW_ITEMS and sent < MOST_SHADOW_ITEMS:
            send(SHADOW_STEP)
            sent += SHADOW_STEP
            shadow = self.client.get(path).json()
        return [verdict.shadow_tells(shadow, self.scenario.watched, SHADOW_ITEMS)]

    def promote(self) -> list[Check]:
        """Put the version in force, and wait until every worker answers with it."""
        version, proposal = self.proposal["candidate"], self.proposal["id"]
        body = {"who": "demo", "why": f"proposal {proposal}"}
        self.client.post(f"/v1/models/{version}/promote", json=body)
        deadline, running = time.monotonic() + SETTLE_SECONDS, set[str]()
        while time.monotonic() < deadline:
            running = {each["model"] for each in self.client.get("/v1/models").json()["workers"]}
            if running == {f"{NAME}@{version}"}:
                break
            time.sleep(0.2)
        else:
            raise DemoError(f"workers still run {', '.join(sorted(running))} after {SETTLE_SECONDS:.0f} s")
        self.proposal = self.client.get(f"/v1/proposals/{proposal}").json()
        return [verdict.promoted(self.proposal["state"])]

    @property
    def target(self) -> float:
        """Recall that the watched class was promised."""
        return float(self._claim["target"]["recall"])

    def honest(self) -> Check:
        """Check that what is not proved is not claimed, and what would prove it is said."""
        return verdict.claims_only_what_is_proved(self._claim)

    def closed(self) -> list[Check]:
        """Check that the alarm ended by the promotion, and the steps are on record with who and why."""
        former = f"{NAME}@{self.proposal['base']}"
        history = self.client.get("/v1/drift/history", params={"model": former}).json()
        steps = self.client.get("/v1/models/history").json()["steps"]
        return [verdict.alarm_closed(history["alarms"]), verdict.on_record(steps)]

    @property
    def _claim(self) -> Mapping[str, Any]:
        claims: Sequence[Mapping[str, Any]] = self.proposal["comparison"]["claims"]
        return next(each for each in claims if each["class"] == self.scenario.watched)

    def _refused(self) -> str:
        """Ask for a batch that may not be had now; return why not, or nothing where there was one."""
        try:
            self._batch()
        except ClientError as refused:
            return str(refused)
        return ""

    def _batch(self) -> str:
        """Return the id of a batch that is made by hand."""
        body = {"by": "demo", "why": "more of the new wording", "watched": [self.scenario.watched]}
        return str(self.client.post("/v1/batches", json=body).json()["id"])

    def _more_batches(self) -> list[str]:
        """Label further batches as long as the service gives any; return why it refused."""
        for number in range(BY_HAND):
            self.progress("labels of further batches", number, BY_HAND)
            try:
                made = self._batch()
            except ClientError as refused:
                self.progress("labels of further batches", BY_HAND, BY_HAND)
                return [str(refused)]
            self.labelers.label(made)
        return []

    def _truths(self, lines: bytes) -> list[str]:
        return [self.labelers.truth[json.loads(line)["id"]] for line in lines.splitlines()]
