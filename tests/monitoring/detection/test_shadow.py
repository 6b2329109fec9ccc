"""The version before this one watches until the new one has a baseline of its own."""

import json

import numpy as np
import pytest

from monitoring.detection.detector import Bucket, Detector, DetectorConfig
from monitoring.detection.shadow import matching_order
from monitoring.errors import BaselineRefused
from monitoring.scanning.streams import class_stream
from tests.support.traffic import CATEGORIES, RARE_TRIPLED, STREAMS, USUAL, Traffic, frozen_detector

CONFIG = DetectorConfig(baseline_items=5_000, baseline_seconds=0.0)


def successor(traffic: Traffic, *, same_scores: bool = False, config: DetectorConfig = CONFIG) -> Detector:
    """Return a new version's detector that carries the former one's."""
    detector = Detector(STREAMS, config)
    assert detector.carry(frozen_detector(traffic).to_json(), of="mail@1", same_scores=same_scores)
    return detector


def test_a_shadow_sees_drift_while_the_own_baseline_is_provisional():
    """The new version itself cannot alarm yet; what the former says is in the status."""
    traffic = Traffic(seed=41)
    detector = successor(traffic, config=DetectorConfig(baseline_items=10**6))
    assert list(traffic.feed(detector, RARE_TRIPLED, items=3_000)) == []
    shadow = detector.status().to_json()["shadow"]
    assert (shadow["of"], shadow["state"], shadow["same_scores"]) == ("mail@1", "drift", False)
    assert shadow["statistic"] >= shadow["threshold"]
    assert [each["name"] for each in shadow["classes"]] == ["rare"]
    assert (detector.state, detector.alarm) == ("warming", None)


def test_a_shadow_is_dropped_when_the_own_baseline_is_frozen():
    """From then on the new version watches itself."""
    traffic = Traffic(seed=42)
    detector = successor(traffic)
    list(traffic.feed(detector, USUAL, items=5_000))
    assert detector.status().shadow is None
    assert detector.baseline is not None
    assert detector.baseline.kind == "frozen"


def test_traffic_that_a_shadow_of_equal_answers_calls_drift_does_not_become_normal():
    """Freezing waits, by hand it needs force, and after the drift the collecting begins anew."""
    traffic = Traffic(seed=43)
    detector = successor(traffic, same_scores=True)
    list(traffic.feed(detector, RARE_TRIPLED, items=10_000))
    assert detector.status().waiting.startswith("the detector of mail@1")
    assert detector.baseline is not None
    assert detector.baseline.kind == "provisional"
    with pytest.raises(BaselineRefused, match="sees drift"):
        detector.freeze(at=traffic.time, by="ana", why="now")
    normal = traffic.time
    list(traffic.feed(detector, USUAL, items=15_000))
    assert (detector.baseline.kind, detector.status().waiting) == ("frozen", "")
    assert detector.baseline.start >= normal
    assert int(detector.baseline.counts[1]) / detector.baseline.items < 0.06


def test_forced_it_becomes_normal_all_the_same():
    """Somebody decides, with a name and a reason."""
    traffic = Traffic(seed=44)
    detector = successor(traffic, same_scores=True)
    list(traffic.feed(detector, RARE_TRIPLED, items=10_000))
    detector.freeze(at=traffic.time, by="ana", why="the new normal", force=True)
    assert detector.status().shadow is None
    assert detector.baseline is not None
    assert detector.baseline.items == 10_000


def test_drift_in_a_shadow_of_other_answers_delays_nothing():
    """A new policy changes the predicted mix without any change of the world."""
    traffic = Traffic(seed=45)
    detector = successor(traffic)
    list(traffic.feed(detector, RARE_TRIPLED, items=5_000))
    assert detector.baseline is not None
    assert detector.baseline.kind == "frozen"


def test_a_snapshot_keeps_the_shadow():
    """A watcher that dies goes on with both."""
    traffic = Traffic(seed=46)
    one = successor(traffic, same_scores=True)
    list(traffic.feed(one, RARE_TRIPLED, items=500))
    other = Detector.from_json(json.loads(json.dumps(one.to_json())), config=CONFIG)
    for _ in range(20):
        bucket = traffic.bucket(RARE_TRIPLED)
        one.close(bucket)
        other.close(bucket)
    assert one.status() == other.status()
    assert one.to_json() == other.to_json()


def test_a_version_without_a_baseline_hands_on_the_shadow_it_carries():
    """Two versions within a day: the last one that knew what is normal still watches."""
    traffic = Traffic(seed=47)
    second = successor(traffic)
    list(traffic.feed(second, USUAL, items=500))
    third = Detector(STREAMS, CONFIG)
    assert third.carry(second.to_json(), of="mail@2")
    shadow = third.status().shadow
    assert shadow is not None
    assert shadow["of"] == "mail@1"


def announced(detector: Detector, *, at: float) -> None:
    """Expect that the rare class moves within a million seconds."""
    detector.expect("rare", at=at, until=at + 1e6, by="kim", why="a campaign")


def test_what_was_announced_before_a_promotion_is_expected_after_it():
    """By the shadow and by the new version, which says so: nothing is muted in silence."""
    traffic = Traffic(seed=51)
    former = frozen_detector(traffic)
    announced(former, at=traffic.time)
    detector = Detector(STREAMS, CONFIG)
    assert detector.carry(former.to_json(), of="mail@1")
    assert [each.category for each in detector.status().expectations] == ["rare"]
    list(traffic.feed(detector, USUAL, items=5_000))
    assert list(traffic.feed(detector, RARE_TRIPLED, items=3_000)) == []
    detector.unexpect("rare", at=traffic.time)
    assert traffic.until_event(detector, RARE_TRIPLED, within=3_000).kind == "alarm_raised"


def test_a_shadow_expects_what_is_announced_to_the_new_version():
    """Until it is ended there."""
    traffic = Traffic(seed=53)
    detector = successor(traffic, config=DetectorConfig(baseline_items=10**6))
    announced(detector, at=traffic.time)
    list(traffic.feed(detector, RARE_TRIPLED, items=3_000))
    assert shadow_state(detector) != "drift"
    detector.unexpect("rare", at=traffic.time)
    list(traffic.feed(detector, RARE_TRIPLED, items=3_000))
    assert shadow_state(detector) == "drift"


def test_an_expectation_that_a_shadow_does_not_know_can_be_ended():
    """A shadow is fed buckets with items alone, so that what ends may end there at another bucket."""
    traffic = Traffic(seed=53)
    detector = successor(traffic, config=DetectorConfig(baseline_items=10**6))
    shadow = detector._phases.provisional.shadow
    assert shadow is not None
    announced(detector, at=traffic.time)
    shadow.unexpect("rare", at=traffic.time)
    detector.unexpect("rare", at=traffic.time)
    assert detector.status().expectations == ()


def shadow_state(detector: Detector) -> str:
    """Return the shadow's state."""
    shadow = detector.status().shadow
    assert shadow is not None
    return str(shadow["state"])


def test_there_may_be_nothing_to_carry():
    """No frozen baseline, other categories, or a new version that has its own baseline already."""
    traffic = Traffic(seed=48)
    former = frozen_detector(traffic)
    assert not Detector(STREAMS).carry(Detector(STREAMS).to_json(), of="mail@1")
    assert not Detector((class_stream(("a", "b", "c")),)).carry(former.to_json(), of="mail@1")
    assert not frozen_detector(Traffic(seed=49)).carry(former.to_json(), of="mail@1")


def test_classes_in_another_order_are_matched_by_name():
    """A retrained model may list its classes differently."""
    traffic = Traffic(seed=50)
    order = [2, 0, 1]
    detector = Detector((class_stream([CATEGORIES[k] for k in order]),), DetectorConfig(baseline_items=10**6))
    assert detector.carry(frozen_detector(traffic).to_json(), of="mail@1")
    for _ in range(60):
        bucket = traffic.bucket(RARE_TRIPLED)
        detector.close(Bucket(np.asarray(bucket.counts)[order], bucket.start, bucket.end))
    shadow = detector.status().shadow
    assert shadow is not None
    assert [each["name"] for each in shadow["classes"]] == ["rare"]


def test_flags_keep_their_items_last():
    """The last entry of a row of flags is no category."""
    former = class_stream(("x", "y"), kind="flags")
    assert matching_order(former, class_stream(("y", "x"), kind="flags")) == [1, 0, 2]
    assert matching_order(former, class_stream(("x", "y"))) is None
