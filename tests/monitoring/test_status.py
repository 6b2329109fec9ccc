"""What people and programs are told about drift."""

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from monitoring.clock import ManualClock
from monitoring.config import WatcherConfig
from monitoring.detection.detector import DetectorConfig
from monitoring.errors import UnknownModel
from monitoring.recording.recorder import SCORE_BINS, Sealed
from monitoring.status import history, status
from monitoring.store import Store, open_store
from monitoring.watcher import Watcher
from monitoring.waves.facts import ModelFacts
from tests.support.morning import MORNING

DETECTOR = DetectorConfig(bucket_seconds=10.0, baseline_items=1_000, baseline_seconds=20.0)


ONE_IN_FIFTY_SPAM = ((470, 10, 5), (10, 0, 5))


def serve(
    store: Store, clock: ManualClock, *, buckets: int, counts: Sequence[Sequence[int]] = ONE_IN_FIFTY_SPAM
) -> None:
    """Flush and close buckets of 500 items each."""
    classes = ("ham", "spam", "phish")[: len(counts)]
    table = np.array(counts)
    watcher = Watcher(
        store,
        WatcherConfig(detector=DETECTOR),
        clock=clock,
        holder="host-1",
        resolve=lambda _key: ModelFacts(classes, (0.5,) * len(classes), {}, np.zeros((0, 64), np.uint32)),
        on_failure=lambda _stage: None,
    )
    for seq in range(1, buckets + 1):
        store.counts.flush(
            "worker",
            seq,
            Sealed(
                model_key="mail@1",
                classes=classes,
                epoch=int(clock.now() // 600),
                counts=table,
                answers=table,
                score_bins=np.zeros((len(classes), SCORE_BINS), np.int64),
                source_counts={"other": 500},
                first_at=clock.now(),
                last_at=clock.now(),
                sealed_at=clock.now(),
            ),
        )
        clock.advance(10)
        watcher.tick()


def test_status_is_json_and_complete(store: Store, clock: ManualClock) -> None:
    """State, shares with intervals, baseline, watcher: what an operator asks first."""
    serve(store, clock, buckets=4)
    seen = json.loads(json.dumps(status(store, "mail@1", config=DETECTOR)))
    assert (seen["model"], seen["items"], seen["alarm"], seen["last_alarm"]) == ("mail@1", 2_000, None, None)
    assert [each["class"] for each in seen["classes"]] == ["ham", "spam", "no_class_passes"]
    assert [each["current"] for each in seen["classes"]] == [0.96, 0.02, 0.02]
    assert all(each["low"] < each["current"] < each["high"] for each in seen["classes"])
    assert (seen["baseline"]["kind"], seen["baseline"]["items"]) == ("frozen", 1_000)
    assert seen["watcher"] == {
        "holder": "host-1",
        "lease_expires_at": clock.now() + 15,
        "last_closed_at": clock.now(),
    }
    assert seen["watcher_lag_seconds"] == 0.0


def test_calm_comes_with_the_names_of_what_it_does_not_cover(tmp_path: Path, clock: ManualClock) -> None:
    """One class is enough for `calm`; the ultra-rare one keeps nobody warming, and is named."""
    with closing(open_store(tmp_path / "other", clock=clock)) as store:
        serve(store, clock, buckets=8, counts=((347, 0, 0), (150, 0, 0), (3, 0, 0)))
        seen = status(store, "mail@1", config=DETECTOR)
    assert seen["state"] == "calm"
    assert {each["class"]: each["detectable_items"] is None for each in seen["classes"]} == {
        "ham": True,
        "spam": False,
        "phish": True,
        "no_class_passes": True,
    }
    assert seen["not_detectable"] == ["phish", "no_class_passes"]


def test_a_model_is_warming_before_its_first_bucket(store: Store, clock: ManualClock) -> None:
    """The answer has the same shape as later, and no watcher is needed for it."""
    serve(store, clock, buckets=1)
    later = status(store, "mail@1", config=DETECTOR)
    store.counts.flush(
        "other worker",
        1,
        Sealed(
            model_key="mail@2",
            classes=("ham", "spam"),
            epoch=0,
            counts=np.ones((2, 3), np.int64),
            answers=np.ones((2, 3), np.int64),
            score_bins=np.zeros((2, SCORE_BINS), np.int64),
            source_counts={},
            first_at=0.0,
            last_at=0.0,
            sealed_at=0.0,
        ),
    )
    first = status(store, "mail@2", config=DETECTOR)
    assert first.keys() == later.keys()
    assert (first["state"], first["items"], first["baseline"]) == ("warming", 0, None)


def test_live_traffic_is_compared_with_validation_data(store: Store, clock: ManualClock) -> None:
    """Labelled data are enriched for the rare class: that is said, and is no drift."""
    serve(store, clock, buckets=4)
    seen = status(store, "mail@1", config=DETECTOR, validation=np.array([500, 480, 20]))
    assert seen["state"] != "drift"
    assert {each["class"] for each in seen["validation_mismatch"]} == {"ham", "spam"}
    (spam,) = [each for each in seen["validation_mismatch"] if each["class"] == "spam"]
    assert (spam["live"], spam["validation"]) == (0.02, 0.48)


def test_history_is_json_and_bounded(store: Store, clock: ManualClock) -> None:
    """The newest buckets within the time asked for, oldest first."""
    serve(store, clock, buckets=5)
    seen = json.loads(json.dumps(history(store, "mail@1", since=MORNING + 10, limit=2)))
    assert [bucket["end"] for bucket in seen["buckets"]] == [MORNING + 40, MORNING + 50]
    assert seen["buckets"][0]["counts"] == [480, 10, 10]
    assert seen["alarms"] == []
    assert len(history(store, "mail@1", until=MORNING + 20)["buckets"]) == 2


def test_a_model_without_traffic_is_unknown(store: Store) -> None:
    """Both answers name the model."""
    with pytest.raises(UnknownModel, match="'mail@9'"):
        status(store, "mail@9", config=DETECTOR)
    with pytest.raises(UnknownModel, match="'mail@9'"):
        history(store, "mail@9")
