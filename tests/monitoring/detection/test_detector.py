"""The detector's states, what an alarm says, and that a snapshot changes nothing."""

import json
from collections.abc import Sequence

import numpy as np
import pytest

from monitoring.detection.detector import Bucket, Detector, DetectorConfig
from monitoring.detection.snapshot import unpacked
from monitoring.errors import BaselineRefused, ExpectationRefused, NoOpenAlarm
from monitoring.scanning.streams import Stream, class_stream
from tests.support.traffic import CATEGORIES, RARE_TRIPLED, STREAMS, USUAL, Traffic, frozen_detector

HOUR = 3_600.0
CONFIG = DetectorConfig(baseline_items=20_000, baseline_seconds=0.0)


def test_it_warms_then_is_calm_then_drifts_then_is_calm_again():
    """The life of an alarm: raised after a change, open while it lasts, cleared by fresh usual traffic."""
    traffic = Traffic(seed=1)
    detector = Detector(STREAMS, CONFIG)
    assert detector.state == "warming"
    assert list(traffic.feed(detector, USUAL, items=26_000)) == []
    assert detector.state == "calm"
    raised = traffic.until_event(detector, RARE_TRIPLED, within=2_000)
    assert (raised.kind, detector.state, detector.alarm) == ("alarm_raised", "drift", raised.finding)
    assert list(traffic.feed(detector, RARE_TRIPLED, items=5_000)) == []
    cleared = traffic.until_event(detector, USUAL, within=10_000)
    assert (cleared.kind, detector.state, detector.alarm) == ("alarm_cleared", "calm", None)
    assert cleared.finding == raised.finding
    assert list(traffic.feed(detector, USUAL, items=10_000)) == []


def test_an_alarm_names_the_class_its_shares_and_the_time_of_the_change():
    """The finding holds the estimate of the change in items and time, the shares, and whom to watch."""
    traffic = Traffic(seed=2)
    detector = frozen_detector(traffic, calm_items=5_000)
    changed_at = traffic.time
    finding = traffic.until_event(detector, RARE_TRIPLED, within=2_000).finding
    rare = finding.classes[0]
    assert (rare.name, rare.direction) == ("rare", "rise")
    assert rare.reference == pytest.approx(0.04, abs=0.006)
    assert rare.low < rare.current < rare.high
    assert rare.low < 0.12 < rare.high
    assert finding.statistic >= finding.threshold
    assert 0.0 < rare.evidence <= finding.statistic
    assert finding.watched == ("rare",)
    assert abs(finding.since_time - changed_at) <= 10 * traffic.seconds
    assert finding.since_items == finding.window_items == finding.window_buckets * traffic.items


def test_a_fall_is_named_and_watched_when_nothing_rose_enough():
    """When a rare class vanishes into a class too common to rise by a tenth, the fall itself is watched."""
    traffic = Traffic(seed=3)
    detector = frozen_detector(traffic)
    finding = traffic.until_event(detector, (0.965, 0.005, 0.03), within=10_000).finding
    assert [(shift.name, shift.direction) for shift in finding.classes] == [("rare", "fall")]
    assert finding.watched == ("rare",)


def test_classes_that_only_made_room_are_not_watched():
    """A class that takes a third of all traffic drags others down; they are named, but not watched."""
    traffic = Traffic(seed=4, items=500)
    detector = frozen_detector(traffic)
    finding = traffic.until_event(detector, (0.60, 0.37, 0.03), within=2_000).finding
    assert {(shift.name, shift.direction) for shift in finding.classes} == {
        ("rare", "rise"),
        ("common", "fall"),
    }
    assert finding.watched == ("rare",)


def test_nothing_alarms_before_a_live_baseline_is_frozen():
    """While the baseline is provisional no change is drift, however large."""
    traffic = Traffic(seed=5)
    detector = Detector(STREAMS, DetectorConfig(baseline_items=20_000, baseline_seconds=HOUR * 24))
    assert list(traffic.feed(detector, USUAL, items=30_000)) == []
    assert list(traffic.feed(detector, RARE_TRIPLED, items=30_000)) == []
    assert detector.state == "warming"
    assert detector.baseline is not None
    assert (detector.baseline.kind, detector.baseline.items) == ("provisional", 60_000)


def test_it_warms_until_a_doubled_class_would_have_been_noticed():
    """Calm is a claim: right after freezing nothing could have been seen, so nothing is claimed."""
    traffic = Traffic(seed=6)
    detector = frozen_detector(traffic)
    assert detector.state == "warming"
    needed = min(c.detectable_items for c in detector.status().categories if c.detectable_items is not None)
    list(traffic.feed(detector, USUAL, items=needed - 50))
    assert detector.state == "warming"
    list(traffic.feed(detector, USUAL, items=100))
    assert detector.state == "calm"


def test_a_baseline_too_small_for_any_change_stays_warming():
    """With 30 reference items a doubled class drowns in the reference's own noise: no claim is made."""
    traffic = Traffic(seed=7, items=30)
    detector = Detector(STREAMS, DetectorConfig(baseline_items=30, baseline_seconds=0.0))
    list(traffic.feed(detector, USUAL, items=6_000))
    assert detector.state == "warming"
    assert [c.detectable_items for c in detector.status().categories] == [None, None, None]


def test_an_hour_without_traffic_makes_it_blind_and_traffic_makes_it_see():
    """Silence is reported, loses no evidence, and ends with the first item."""
    traffic = Traffic(seed=8)
    detector = frozen_detector(traffic, calm_items=5_000)
    before = detector.status()
    for _ in range(360):
        assert detector.close(traffic.silence()) == ()
    after = detector.status()
    assert (before.state, after.state) == ("calm", "blind")
    assert after.since == before.last_items_at + detector.config.blind_after_seconds
    assert (after.statistic, after.categories) == (before.statistic, before.categories)
    list(traffic.feed(detector, USUAL, items=50))
    assert detector.state == "calm"


def test_an_open_alarm_outlasts_silence():
    """No items are no fresh data: the alarm stays open and the state says drift, not blind."""
    traffic = Traffic(seed=9)
    detector = frozen_detector(traffic)
    traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    for _ in range(360):
        assert detector.close(traffic.silence()) == ()
    assert detector.state == "drift"


def test_a_service_that_never_had_traffic_becomes_blind():
    """Empty buckets from the start are counted from the first of them."""
    traffic = Traffic(seed=10)
    detector = Detector(STREAMS)
    states = []
    for _ in range(100):
        detector.close(traffic.silence())
        states.append(detector.state)
    assert (states[0], states[-1]) == ("warming", "blind")


def test_an_alarm_clears_only_on_two_blocks_of_twice_the_data_it_took():
    """Usual traffic right after the alarm has to last four times as long as its window."""
    traffic = Traffic(seed=11)
    detector = frozen_detector(traffic)
    raised = traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    items_before = detector.status().items
    traffic.until_event(detector, USUAL, within=20_000)
    assert 4 * raised.finding.window_items <= detector.status().items - items_before <= 5_000


def test_an_alarm_by_one_enormous_bucket_does_not_need_as_many_items_to_clear():
    """After an outage a bucket may hold a million items; clearing takes what the change needs, not that."""
    traffic = Traffic(seed=21)
    detector = frozen_detector(traffic)
    detector.close(Bucket([850_000, 120_000, 30_000], traffic.time, traffic.time + 10.0))
    assert detector.state == "drift"
    assert traffic.until_event(detector, USUAL, within=5_000).kind == "alarm_cleared"


def test_a_bucket_of_ten_million_items_is_an_ordinary_bucket():
    """Huge counts neither overflow nor produce anything but finite numbers."""
    traffic = Traffic(seed=12)
    detector = frozen_detector(traffic)
    (event,) = detector.close(Bucket([9_000_000, 900_000, 100_000], traffic.time, traffic.time + 10.0))
    assert 100 < event.finding.statistic < 1e9
    json.dumps(detector.to_json(), allow_nan=False)


def test_time_that_goes_backwards_does_not_disturb_it():
    """A clock set back by an hour keeps counting, and since never lies in the future."""
    traffic = Traffic(seed=13)
    detector = frozen_detector(traffic, calm_items=2_000)
    latest = traffic.time
    traffic.time -= HOUR
    event = traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    assert event.finding.since_time <= latest
    assert detector.state == "drift"


def test_one_class_only_is_no_drift():
    """Traffic of a single class, in the baseline and after, is calm."""
    detector = Detector(STREAMS, DetectorConfig(baseline_items=1_000, baseline_seconds=0.0))
    events = [detector.close(Bucket([50, 0, 0], 10.0 * i, 10.0 * i + 10.0)) for i in range(200)]
    assert not any(events)
    assert detector.status().statistic == 0.0


def test_a_class_absent_from_the_baseline_alarms_when_it_appears():
    """A category with no reference items is watched like the others."""
    detector = Detector(STREAMS, DetectorConfig(baseline_items=5_000, baseline_seconds=0.0))
    events = [detector.close(Bucket([48, 2, 0], 10.0 * i, 10.0 * i + 10.0)) for i in range(200)]
    events += [detector.close(Bucket([46, 2, 2], 10.0 * i, 10.0 * i + 10.0)) for i in range(200, 300)]
    raised = [event for each in events for event in each]
    assert [shift.name for shift in raised[0].finding.classes] == ["no_class_passes"]
    assert raised[0].finding.classes[0].reference == 0.0


def test_freezing_by_hand_ends_the_warming_period_early():
    """A person may decide that what was collected so far is normal, with a name and a reason."""
    traffic = Traffic(seed=15)
    detector = Detector(STREAMS)
    list(traffic.feed(detector, USUAL, items=6_000))
    assert detector.freeze(at=traffic.time, by="ana", why="a quiet week") is None
    baseline = detector.baseline
    assert baseline is not None
    assert (baseline.kind, baseline.items, baseline.by, baseline.why) == (
        "frozen",
        6_000,
        "ana",
        "a quiet week",
    )
    assert traffic.until_event(detector, RARE_TRIPLED, within=5_000).kind == "alarm_raised"


def test_a_later_freeze_takes_the_newest_traffic_and_starts_the_windows_anew():
    """After a planned change the recent items become normal, and nothing older is compared."""
    traffic = Traffic(seed=16)
    detector = frozen_detector(traffic, calm_items=30_000)
    detector.freeze(at=traffic.time, by="ana", why="new season")
    status = detector.status()
    assert status.baseline is not None
    assert 20_000 <= status.baseline["items"] <= 30_000
    assert status.baseline["end"] == traffic.time
    assert (status.statistic, detector.state) == (0.0, "warming")


def test_a_freeze_during_an_alarm_is_refused_unless_forced():
    """Drift does not become normal by accident; forced, only traffic since the change is taken."""
    traffic = Traffic(seed=17)
    detector = frozen_detector(traffic, calm_items=5_000)
    raised = traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    list(traffic.feed(detector, RARE_TRIPLED, items=20_000))
    with pytest.raises(BaselineRefused, match="alarm is open"):
        detector.freeze(at=traffic.time, by="ana", why="too early")
    cleared = detector.freeze(at=traffic.time, by="ana", why="the new normal", force=True)
    assert cleared is not None
    assert (cleared.kind, cleared.finding) == ("alarm_cleared", raised.finding)
    baseline = detector.baseline
    assert baseline is not None
    assert baseline.start >= raised.finding.since_time
    assert baseline.items > 15_000
    assert int(baseline.counts[1]) / baseline.items == pytest.approx(0.12, abs=0.01)
    assert list(traffic.feed(detector, RARE_TRIPLED, items=10_000)) == []


@pytest.mark.parametrize(("items", "force"), [(300, False), (0, True)], ids=["too few", "none, forced"])
def test_a_baseline_without_enough_items_is_refused(items: int, force: bool):
    """Fewer than 500 items need force, and no force makes a baseline of nothing."""
    traffic = Traffic(seed=18)
    detector = Detector(STREAMS)
    list(traffic.feed(detector, USUAL, items=items))
    with pytest.raises(BaselineRefused, match=f"{items} items"):
        detector.freeze(at=0.0, by="ana", why="now", force=force)


def test_a_second_freeze_right_after_the_first_is_refused():
    """After freezing there is no newer traffic to take."""
    traffic = Traffic(seed=19)
    detector = frozen_detector(traffic)
    with pytest.raises(BaselineRefused, match="0 items"):
        detector.freeze(at=traffic.time, by="ana", why="again", force=True)


def test_the_status_is_json_and_speaks_of_every_category():
    """What the API shows: shares with intervals, what is detectable, the baseline in force, the alarm."""
    traffic = Traffic(seed=20)
    detector = frozen_detector(traffic, calm_items=5_000)
    status = json.loads(json.dumps(detector.status().to_json(), allow_nan=False))
    assert [category["name"] for category in status["categories"]] == list(CATEGORIES)
    rare = status["categories"][1]
    assert rare["low"] < 0.04 < rare["high"]
    assert 500 < rare["detectable_items"] < 3_000
    assert (status["state"], status["alarm"], status["items"]) == ("calm", None, 25_000)
    assert status["baseline"]["kind"] == "frozen"
    assert 1_000 <= status["window_items"] < 2_000
    assert 0.0 <= status["statistic"] < status["threshold"]


def test_a_status_before_any_bucket_has_no_shares():
    """Nothing was counted, so nothing is claimed."""
    status = Detector(STREAMS).status()
    assert (status.since, status.baseline, status.last_items_at, status.items) == (None, None, None, 0)
    assert all(
        c.current is None and c.reference is None and (c.low, c.high) == (0, 1) for c in status.categories
    )


def test_counts_of_the_wrong_length_leave_the_detector_as_it_was():
    """A bucket that cannot be read counts nothing."""
    detector = Detector(STREAMS)
    with pytest.raises(ValueError, match="shape"):
        detector.close(Bucket([1, 2], 0.0, 10.0))
    assert detector.to_json() == Detector(STREAMS).to_json()


def test_a_budget_for_the_whole_mix_finds_a_change_that_no_class_shows():
    """Fifty classes that each move by a quarter alarm with the whole-mix test, and not without it."""
    shares = np.full(50, 0.02)
    moved = shares * np.where(np.arange(50) % 2, 5 / 4, 3 / 4)
    rng = np.random.default_rng(22)
    baseline, after = rng.multinomial(100, shares, size=200), rng.multinomial(100, moved, size=60)
    states = {}
    for budget in (0.0, 0.3):
        config = DetectorConfig(baseline_items=20_000, baseline_seconds=0.0, whole_mix=budget)
        detector = Detector((class_stream([f"class {k}" for k in range(50)]),), config)
        for counts in baseline:
            detector.close(Bucket(counts, 0.0, 10.0))
        for counts in after:
            detector.close(Bucket(counts, 10.0, 20.0))
        states[budget] = detector.alarm is not None
    assert states == {0.0: False, 0.3: True}


def test_what_stays_within_the_tolerance_is_no_drift_however_many_classes_move():
    """Fifty classes that each move by a twentieth, in ten million items."""
    shares = np.full(50, 0.02)
    moved = shares * np.where(np.arange(50) % 2, 1.05, 0.95)
    rng = np.random.default_rng(23)
    config = DetectorConfig(baseline_items=1_000_000, baseline_seconds=0.0)
    detector = Detector((class_stream([f"class {k}" for k in range(50)]),), config)
    for counts in rng.multinomial(10_000, shares, size=100):
        detector.close(Bucket(counts, 0.0, 10.0))
    events = [detector.close(Bucket(counts, 10.0, 20.0)) for counts in rng.multinomial(10**6, moved, size=10)]
    assert (any(events), detector.state) == (False, "calm")


def test_a_shorter_longest_window_holds_from_the_next_start_on():
    """A snapshot is restored under new settings: the windows searched are those the threshold is for."""
    traffic = Traffic(seed=23)
    detector = frozen_detector(traffic, calm_items=10_000)
    config = DetectorConfig(baseline_items=20_000, baseline_seconds=0.0, max_window_buckets=16)
    restored = Detector.from_json(detector.to_json(), config=config)
    assert longest_window(detector) > 100
    for items in (0, 5_000):
        list(traffic.feed(restored, USUAL, items=items))
        windows = unpacked(restored.to_json())["judge"]["windows"]
        assert windows["max_buckets"] == 16
        assert 8 < longest_window(restored) <= 16


def longest_window(detector: Detector) -> int:
    """Return how many buckets a detector's windows hold."""
    return sum(entry["length"] for entry in unpacked(detector.to_json())["judge"]["windows"]["entries"])


def test_a_false_alarm_is_dismissed_and_the_same_baseline_stands():
    """The windows start anew: what raised it is forgotten, and a real change is found again."""
    traffic = Traffic(seed=24)
    detector = frozen_detector(traffic, calm_items=5_000)
    with pytest.raises(NoOpenAlarm):
        detector.dismiss(at=0.0, by="ana", why="none")
    raised = traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    baseline = detector.baseline
    event = detector.dismiss(at=traffic.time, by="ana", why="a test of ours")
    assert (event.kind, event.ended_by, event.finding) == ("alarm_cleared", "false", raised.finding)
    assert event.strongest is not None
    assert event.strongest.statistic >= raised.finding.statistic
    assert (detector.state, detector.alarm, detector.statistic) == ("warming", None, 0.0)
    assert detector.baseline is baseline
    assert traffic.until_event(detector, RARE_TRIPLED, within=3_000).kind == "alarm_raised"


def test_an_expected_class_may_change_until_the_expectation_ends():
    """The others are still watched, and what is left of the change is an alarm afterwards."""
    traffic = Traffic(seed=25)
    detector = frozen_detector(traffic, calm_items=5_000)
    begins = traffic.time
    detector.expect("rare", at=begins, until=begins + 1_000.0, by="ana", why="a campaign")
    assert list(traffic.feed(detector, RARE_TRIPLED, items=5_000)) == []
    assert [each.category for each in detector.status().expectations] == ["rare"]
    raised = traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    assert raised.finding.since_time >= begins + 1_000.0
    assert detector.status().expectations == ()


def test_another_change_is_found_meanwhile():
    """Expecting one class must not blind the detector for the others."""
    traffic = Traffic(seed=26)
    detector = frozen_detector(traffic, calm_items=5_000)
    detector.expect("rare", at=traffic.time, until=traffic.time + 1e6, by="ana", why="a campaign")
    finding = traffic.until_event(detector, (0.76, 0.12, 0.12), within=5_000).finding
    assert finding.classes[0].name == "no_class_passes"
    assert finding.left_out == ("rare",)


def test_an_expectation_can_be_ended_early_and_is_refused_where_it_makes_no_sense():
    """An unknown class, a time that is over, and an end of what was never expected."""
    traffic = Traffic(seed=27)
    detector = frozen_detector(traffic)
    for category, until, words in (("fraud", 99.0, "no class 'fraud'"), ("rare", 1.0, "is over")):
        with pytest.raises(ExpectationRefused, match=words):
            detector.expect(category, at=5.0, until=until, by="ana", why="so")
    with pytest.raises(ExpectationRefused, match="'rare'"):
        detector.unexpect("rare", at=5.0)
    detector.expect("rare", at=5.0, until=1e9, by="ana", why="so")
    detector.expect("rare", at=6.0, until=2e9, by="ana", why="longer")
    assert [each.until for each in detector.status().expectations] == [2e9]
    detector.unexpect("rare", at=7.0)
    assert detector.status().expectations == ()
    assert traffic.until_event(detector, RARE_TRIPLED, within=3_000).kind == "alarm_raised"


def test_an_alarm_about_a_class_that_is_expected_by_now_clears():
    """Somebody explains the alarm while it is open: fresh traffic without that class is calm."""
    traffic = Traffic(seed=28)
    detector = frozen_detector(traffic, calm_items=5_000)
    traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    detector.expect("rare", at=traffic.time, until=traffic.time + 1e6, by="ana", why="a campaign")
    assert traffic.until_event(detector, RARE_TRIPLED, within=20_000).ended_by == "calm"


def test_a_second_shift_during_an_alarm_is_a_finding_of_its_own():
    """First one class grows, then another: both are named, each once, and the first stays the alarm."""
    traffic = Traffic(seed=29)
    detector = frozen_detector(traffic, calm_items=5_000)
    raised = traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    assert list(traffic.feed(detector, RARE_TRIPLED, items=5_000)) == []
    changed = traffic.time
    added = traffic.until_event(detector, (0.76, 0.12, 0.12), within=5_000)
    assert (added.kind, added.finding.left_out) == ("finding_added", ("rare",))
    assert added.finding.classes[0].name == "no_class_passes"
    assert abs(added.finding.since_time - changed) <= 20 * traffic.seconds
    assert detector.alarm == raised.finding
    assert detector.status().findings == (added.finding,)
    assert list(traffic.feed(detector, (0.76, 0.12, 0.12), items=10_000)) == []


def test_the_strongest_window_of_an_alarm_is_kept():
    """An alarm is raised at the threshold; how strong it got later is what its history shows."""
    traffic = Traffic(seed=30)
    detector = frozen_detector(traffic, calm_items=5_000)
    raised = traffic.until_event(detector, RARE_TRIPLED, within=3_000)
    list(traffic.feed(detector, RARE_TRIPLED, items=3_000))
    strongest = detector.status().strongest
    assert strongest is not None
    assert strongest.statistic > 2 * raised.finding.statistic
    assert strongest.items > raised.finding.window_items
    assert raised.at < strongest.at <= traffic.time
    cleared = traffic.until_event(detector, USUAL, within=20_000)
    assert cleared.strongest is not None
    assert cleared.strongest.statistic >= strongest.statistic


STREAMS_OF_THREE = (
    class_stream(CATEGORIES, share=0.6),
    Stream("scores", "cuts", ("p <= 0.5", "p <= 0.7", "p <= 0.9"), share=0.25),
    Stream("inputs:length", "cuts", ("characters <= 80",), share=0.15),
)
SCORES, LOWER = (0.1, 0.2, 0.3, 0.4), (0.2, 0.25, 0.25, 0.3)


def measured_bucket(traffic: Traffic, shares: Sequence[float], scores: Sequence[float]) -> Bucket:
    """Return a bucket of classes, scores and lengths."""
    plain = traffic.bucket(shares)
    measured = {
        "scores": traffic.rng.multinomial(traffic.items, scores),
        "inputs:length": traffic.rng.multinomial(traffic.items, (0.5, 0.5)),
    }
    return Bucket({"classes": plain.counts, **measured}, plain.start, plain.end)


def test_scores_that_fall_are_found_though_no_class_moves():
    """The alarm says where it is, names one cut, and no class for labelling."""
    traffic = Traffic(seed=31)
    detector = Detector(STREAMS_OF_THREE, CONFIG)
    quiet = [detector.close(measured_bucket(traffic, USUAL, SCORES)) for _ in range(600)]
    assert not any(quiet)
    events = [detector.close(measured_bucket(traffic, USUAL, LOWER)) for _ in range(60)]
    (raised,) = [event for each in events for event in each]
    assert (raised.finding.stream, raised.finding.watched) == ("scores", ())
    (shift,) = raised.finding.classes
    assert (shift.stream, shift.direction) == ("scores", "rise")
    status = json.loads(json.dumps(detector.status().to_json(), allow_nan=False))
    assert [each["name"] for each in status["streams"]] == ["classes", "scores", "inputs:length"]
    assert status["streams"][1]["statistic"] == status["statistic"]


def test_a_class_that_moves_the_scores_is_one_alarm_and_not_two():
    """While the classes' alarm is open the measured quantities are not a second shift."""
    traffic = Traffic(seed=32)
    detector = Detector(STREAMS_OF_THREE, CONFIG)
    for _ in range(600):
        detector.close(measured_bucket(traffic, USUAL, SCORES))
    events = [detector.close(measured_bucket(traffic, (0.6, 0.37, 0.03), LOWER)) for _ in range(100)]
    assert [event.kind for each in events for event in each] == ["alarm_raised"]


def test_labels_of_a_multi_label_model_are_watched_one_by_one():
    """One label becomes three times as frequent; the others, and the number of items, stay."""
    rng = np.random.default_rng(33)
    detector = Detector((class_stream(("x", "y", "no_class_passes"), kind="flags"),), CONFIG)

    def labels(*shares: float) -> Bucket:
        return Bucket([*rng.binomial(50, shares), 50], 0.0, 10.0)

    quiet = [detector.close(labels(0.9, 0.05, 0.02)) for _ in range(600)]
    assert not any(quiet)
    assert detector.state == "calm"
    events = [detector.close(labels(0.9, 0.15, 0.02)) for _ in range(60)]
    raised = [event for each in events for event in each]
    assert [shift.name for shift in raised[0].finding.classes] == ["y"]
    assert detector.status().window_items >= 1_000


def test_a_class_can_be_asked_how_soon_it_would_be_noticed():
    """For planning, without the rest of a status; nothing is known before the first item."""
    detector = Detector(STREAMS, CONFIG)
    assert detector.detectable_items("rare") is None
    traffic = Traffic(seed=34)
    detector = frozen_detector(traffic)
    assert detector.detectable_items("rare") == detector.status().categories[1].detectable_items
    assert (detector.detectable_items("rare", 3.0) or 0) < (detector.detectable_items("rare") or 0)
