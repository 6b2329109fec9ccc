"""The watcher's process lets a proposed version answer: real bundles, real reservoirs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_store.store import ModelStore
from monitoring.proposing import Proposal, proposal_id
from service.settings import Settings
from tests.support import bundles
from tests.support.house import House


@pytest.fixture
def house(tmp_path: Path, kind: bundles.Kind) -> Iterator[House]:
    """Yield a house with version 1 in force; version 2 takes three times the probability to flag."""
    models = ModelStore(tmp_path / "models")
    bundles.publish_tiny(models, kind=kind)
    bundles.publish_tiny(models, kind=kind, promote=False, threshold=0.999)
    built = House(Settings(store=tmp_path / "models", state=tmp_path / "state", batch_size=20))
    yield built
    built.worker.state.close()


def propose(house: House) -> str:
    """Propose version 2."""
    made = house.worker.state.store().proposals.add(
        Proposal(
            id=proposal_id("tiny", "2"),
            model_name="tiny",
            base_version="1",
            candidate_version="2",
            kind="refit",
            alarm_id=None,
            state="open",
            created_at=house.clock.now(),
            created_by="kim",
            why="surer",
            comparison={},
        )
    )
    return made.id


@pytest.mark.parametrize("kind", ["text"], ids=["text"])
def test_only_the_process_that_watches_proves(house: House) -> None:
    """Another holds the lease, so this process has nothing to do with proposals."""
    house.answer(["billing"] * 20)
    propose(house)
    assert house.watch.proving().tick() == 0


@pytest.mark.parametrize("kind", ["text", "features", "multilabel"])
def test_a_proposal_answers_what_was_answered(house: House, kind: bundles.Kind) -> None:
    """Texts, rows of a table and several labels alike, and the route tells of it."""
    features = [bundles.tiny_item(name) for name in ("billing", "login")]
    texts = [{"text": f"{name} number {n}"} for n in range(10) for name in ("billing", "login")]
    items = [{"features": each} for each in features] * 10 if kind == "features" else texts
    made = propose(house)
    house.answer_items(items)
    proving = house.watch.proving()
    house.worker.state.store().lease.acquire(house.watch._holder, seconds=60)
    house.clock.advance(60)
    house.worker.state.store().lease.acquire(house.watch._holder, seconds=60)
    assert proving.tick() > 0
    seen = house.local.get(f"/v1/proposals/{made}/shadow").json()
    assert (seen["state"], seen["live"], seen["candidate"]) == ("running", "tiny@1", "tiny@2")
    assert seen["items"] > 0
    assert sum(each["both"] + each["only_live"] for each in seen["classes"]) >= seen["items"]
    assert house.remote.get(f"/v1/proposals/{made}/shadow").status_code == 403
