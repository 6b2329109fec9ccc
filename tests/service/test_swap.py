"""The promoted bundle takes over; a refused one leaves everything as it is."""

import asyncio
import logging
from pathlib import Path

import pytest

from model_store.model import Model
from model_store.store import ModelStore
from monitoring.recording.recorder import Recorder
from service.swap import Swapper, declared_sources, recorder_of, served_name
from tests.support import bundles
from tests.support.desk import Desk


def record(model: Model) -> Recorder:
    """Return a recorder for a model."""
    sources = declared_sources((), model.bundle.manifest.sources)
    return recorder_of(model, sources=sources, batch_size=20)


def follow(swapper: Swapper) -> str | None:
    """Poll once and return the key of what answers then."""
    new = swapper.next()
    if new is not None:
        swapper.install(new)
    return swapper.current.model.key if swapper.current else None


@pytest.fixture
def swapper(model_store: ModelStore) -> Swapper:
    """Return a swapper over an empty store."""
    return Swapper(model_store, None, record=record)


def promote(store: ModelStore, version: str) -> None:
    """Put a version in force without the verification of `promote`, as a copied directory would be."""
    store.promote("tiny", version, who="tests", why="swap", at=0.0)


def test_an_empty_store_is_waited_for(model_store: ModelStore, swapper: Swapper) -> None:
    """Nothing answers until the first version is promoted; publishing alone changes nothing."""
    assert follow(swapper) is None
    bundles.publish_tiny(model_store, promote=False)
    assert follow(swapper) is None
    promote(model_store, "1")
    assert follow(swapper) == "tiny@1"
    assert swapper.next() is None


def test_promotion_and_rollback_are_followed(model_store: ModelStore, swapper: Swapper) -> None:
    """The version in force answers, also when it is an older one, with its own classes."""
    for k in (3, 5):
        bundles.publish_tiny(model_store, k=k)
    assert follow(swapper) == "tiny@2"
    model_store.rollback("tiny", who="tests", why="back", at=1.0)
    assert follow(swapper) == "tiny@1"
    assert swapper.current is not None
    assert swapper.current.classes == bundles.NAMED


def test_a_refused_bundle_is_named_once_and_the_running_one_stays(
    model_store: ModelStore, swapper: Swapper, caplog: pytest.LogCaptureFixture
) -> None:
    """The log names the file and the reason; a later promotion of a good one is followed again."""
    caplog.set_level(logging.INFO)
    for k in (3, 5, 4):
        path = bundles.publish_tiny(model_store, k=k)
        if k == 3:
            assert follow(swapper) == "tiny@1"
        if k == 5:
            policy = path / "policy.json"
            policy.write_bytes(policy.read_bytes() + b" ")
            for _ in range(3):
                assert follow(swapper) == "tiny@1"
    assert swapper.refused == 1
    refusals = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(refusals) == 1
    assert "tiny@1 keeps answering" in refusals[0]
    assert "policy.json" in refusals[0]
    assert follow(swapper) == "tiny@3"


def test_counts_of_a_replaced_version_are_sealed_until_its_last_request_is_answered(
    model_store: ModelStore, swapper: Swapper
) -> None:
    """A request that began under the old version counts there, after the swap too."""
    bundles.publish_tiny(model_store, k=3)
    follow(swapper)
    old = swapper.current
    assert old is not None
    desk = Desk(old)
    old.in_flight += 1
    bundles.publish_tiny(model_store, k=5)
    follow(swapper)
    assert [(each.model_key, each.items) for each in swapper.seal(1.0, pass_on=desk.handler.pass_on)] == [
        ("tiny@1", 0),
        ("tiny@2", 0),
    ]
    asyncio.run(desk.send({"items": [{"text": "billing"}]}))
    old.in_flight -= 1
    assert [(each.model_key, each.items) for each in swapper.seal(2.0, pass_on=desk.handler.pass_on)] == [
        ("tiny@1", 1),
        ("tiny@2", 0),
    ]
    assert [each.model_key for each in swapper.seal(3.0, pass_on=desk.handler.pass_on)] == ["tiny@2"]


def test_the_only_name_is_served_and_several_need_a_choice(model_store: ModelStore, tmp_path: Path) -> None:
    """One name is taken; of two none is, unless it was chosen."""
    assert served_name(model_store, None) is None
    bundles.publish_tiny(model_store, name="tiny")
    assert served_name(model_store, None) == "tiny"
    bundles.publish_tiny(model_store, name="other")
    assert served_name(model_store, None) is None
    chosen = Swapper(model_store, "other", record=record)
    assert follow(chosen) == "other@1"


def test_declared_sources_come_from_operator_and_bundle() -> None:
    """The operator's first, each once, with `other` at most 32 in all."""
    assert declared_sources(("app", "other"), ("email", "app")) == ("app", "email", "other")
    assert len(declared_sources(tuple(f"s{i}" for i in range(40)), ())) == 32
