"""What holds of a detector whatever the traffic: splits, orders, snapshots, silence where nothing moves."""

import json

import numpy as np
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.detection.detector import Bucket, Detector, DetectorConfig
from monitoring.scanning.streams import Stream, class_stream
from tests.support.traffic import CATEGORIES, RARE_TRIPLED, STREAMS, USUAL, Traffic


@settings(max_examples=6, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 450))
def test_a_snapshot_at_any_moment_changes_nothing(seed: int, moment: int):
    """Restoring from JSON gives the same events, states and statistic to the last bit, through an alarm."""
    config = DetectorConfig(baseline_items=10_000, baseline_seconds=0.0)
    traffic = Traffic(seed=seed, items=100)
    shares = [USUAL] * 200 + [RARE_TRIPLED] * 100 + [USUAL] * 150
    buckets = [traffic.bucket(each) for each in shares]
    one, other = Detector(STREAMS, config), Detector(STREAMS, config)
    for number, bucket in enumerate(buckets):
        if number == moment:
            other = Detector.from_json(
                json.loads(json.dumps(other.to_json(), allow_nan=False)), config=config
            )
            assert other.status() == one.status()
        assert one.close(bucket) == other.close(bucket)
    assert one.status() == other.status()
    assert one.to_json() == other.to_json()


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_counts_split_over_workers_give_the_same_detector(seed: int, workers: int):
    """Items are counted somewhere; where makes no difference to any bit of the state."""
    config = DetectorConfig(baseline_items=2_000, baseline_seconds=0.0)
    traffic = Traffic(seed=seed)
    one, other = Detector(STREAMS, config), Detector(STREAMS, config)
    for number in range(120):
        bucket = traffic.bucket(USUAL if number < 80 else RARE_TRIPLED)
        parts = traffic.rng.multinomial(np.asarray(bucket.counts), np.full(workers, 1 / workers)).T
        one.close(bucket)
        other.close(Bucket(parts.sum(axis=0), bucket.start, bucket.end))
    assert one.to_json() == other.to_json()


def test_permuting_the_categories_permutes_the_answer():
    """The order of the classes in a bundle means nothing to the detector."""
    order = [2, 0, 1]
    config = DetectorConfig(baseline_items=5_000, baseline_seconds=0.0)
    traffic = Traffic(seed=14)
    one = Detector(STREAMS, config)
    other = Detector((class_stream([CATEGORIES[k] for k in order]),), config)
    for number in range(220):
        bucket = traffic.bucket(USUAL if number < 200 else RARE_TRIPLED)
        one.close(bucket)
        other.close(Bucket(np.asarray(bucket.counts)[order], bucket.start, bucket.end))
    assert one.alarm is not None
    assert other.alarm is not None
    assert [shift.name for shift in one.alarm.classes] == [shift.name for shift in other.alarm.classes]
    assert other.alarm.statistic == pytest.approx(one.alarm.statistic)


MEASURED = (
    class_stream([f"class {k}" for k in range(150)], share=0.6),
    Stream("scores", "cuts", tuple(f"p <= 0.{k:02}" for k in range(19)), share=0.25),
    Stream("inputs:length", "cuts", tuple(f"characters <= {k}" for k in range(9)), share=0.075),
    Stream("inputs:unknown", "cuts", tuple(f"unknown <= 0.{k}" for k in range(9)), share=0.075),
)


class MeasuredTraffic:
    """Draws buckets of 50 items of 150 classes by Zipf's law, with scores and two measures of the input."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        zipf = 1.0 / np.arange(1, 151)
        self.shares = {"classes": zipf / zipf.sum()} | {
            stream.name: np.full(stream.width, 1.0 / stream.width) for stream in MEASURED[1:]
        }

    def rows(self, buckets: int) -> dict[str, np.ndarray]:
        """Return the rows of so many buckets, by stream."""
        return {name: self.rng.multinomial(50, share, size=buckets) for name, share in self.shares.items()}


def snapshot_bytes(detector: Detector) -> int:
    """Return the size of a snapshot as it is stored."""
    return len(json.dumps(detector.to_json()))


def test_a_snapshot_stays_small_while_the_baseline_is_collected():
    """At 150 classes with scores and two inputs: at most 200 KB, however many buckets a day has."""
    detector = Detector(MEASURED, DetectorConfig(baseline_items=10**9))
    rows, sizes = MeasuredTraffic(1).rows(4_000), []
    for number in range(4_000):
        bucket = {name: row[number] for name, row in rows.items()}
        detector.close(Bucket(bucket, 10.0 * number, 10.0 * number + 10.0))
        if number % 200 == 0:
            sizes.append(snapshot_bytes(detector))
    assert max(sizes) <= 200_000
    again = Detector.from_json(json.loads(json.dumps(detector.to_json())), config=detector.config)
    assert again.to_json() == detector.to_json()


def test_a_seasonal_comparison_is_restored_to_the_last_bit():
    """Sums of items times the waves of a season are no integers, and yet nothing of them is lost."""
    rng, period = np.random.default_rng(8), 100
    config = DetectorConfig(baseline_items=100_000, baseline_seconds=0.0, season_seconds=10.0 * period)
    one = Detector(STREAMS, config)
    for number in range(1_100):
        swing = 0.05 * (1.0 + 0.6 * np.sin(2 * np.pi * number / period))
        counts = rng.multinomial(200, [0.92 - swing, 0.05 + swing, 0.03])
        assert one.close(Bucket(counts, 10.0 * number, 10.0 * number + 10.0)) == ()
    assert one.baseline is not None
    assert one.baseline.season is not None
    other = Detector.from_json(json.loads(json.dumps(one.to_json(), allow_nan=False)), config=config)
    assert (other.statistic, other.status()) == (one.statistic, one.status())
    assert other.to_json() == one.to_json()


def test_a_thousand_classes_are_scanned():
    """The state and its snapshot are restored to the last bit, and a new class is noticed."""
    names = [f"class {k}" for k in range(1_000)]
    zipf = 1.0 / np.arange(1, 1_001)
    zipf[-1] = 0.0
    rng, config = np.random.default_rng(2), DetectorConfig(baseline_items=50_000, baseline_seconds=0.0)
    detector = Detector((class_stream(names),), config)
    for counts in rng.multinomial(500, zipf / zipf.sum(), size=150):
        assert detector.close(Bucket(counts, 0.0, 10.0)) == ()
    moved = np.append(zipf[:-1] / zipf.sum() * 0.97, 0.03)
    events = [detector.close(Bucket(counts, 0.0, 10.0)) for counts in rng.multinomial(500, moved, size=5)]
    raised = [event for each in events for event in each]
    assert [event.finding.classes[0].name for event in raised] == ["class 999"]
    restored = Detector.from_json(json.loads(json.dumps(detector.to_json())), config=config)
    assert restored.statistic == detector.statistic


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shares", "buckets"), [((0.96, 0.04), 100_000), (USUAL, 20_000)], ids=["one share", "a whole mix"]
)
def test_a_detector_fed_its_own_reference_stays_calm(shares: tuple[float, ...], buckets: int):
    """A hundred thousand buckets of the baseline's shares, drawn anew: no alarm at one in 90 days.

    With two classes one share says everything, which is quick; three are tested as a whole, too.
    """
    rng = np.random.default_rng(3)
    config = DetectorConfig(baseline_items=100_000, baseline_seconds=0.0)
    detector = Detector([class_stream(CATEGORIES[: len(shares)])], config)
    for counts in rng.multinomial(50, shares, size=2_000):
        detector.close(Bucket(counts, 0.0, 10.0))
    assert detector.baseline is not None
    reference = detector.baseline.counts / detector.baseline.items
    events = [
        detector.close(Bucket(counts, 10.0 * number, 10.0 * number + 10.0))
        for number, counts in enumerate(rng.multinomial(50, reference, size=buckets))
    ]
    assert not any(events)
    assert detector.state == "calm"


@pytest.mark.slow
def test_a_million_buckets_leave_it_small_and_exact():
    """Memory and snapshot stop growing, and a restored detector has the same statistic to the last bit.

    Buckets between the marks enter the windows without a scan, which leaves the same windows.
    """
    traffic, config = MeasuredTraffic(4), DetectorConfig(baseline_items=100_000, baseline_seconds=0.0)
    detector, number, held = Detector(MEASURED, config), 0, {}
    process = psutil.Process()
    for mark in (10_000, 100_000, 1_000_000):
        while number < mark:
            rows = traffic.rows(1_000)
            flat = np.concatenate([rows[stream.name] for stream in MEASURED], axis=1)
            for at in range(1_000):
                start = 10.0 * (number + at)
                if number < 3_000 or at >= 998:
                    bucket = {name: row[at] for name, row in rows.items()}
                    assert detector.close(Bucket(bucket, start, start + 10.0)) == ()
                else:
                    detector._phases.judge.windows.add(flat[at], start=start)
            number += 1_000
        held[mark] = process.memory_info().rss
        assert snapshot_bytes(detector) <= 200_000
        restored = Detector.from_json(json.loads(json.dumps(detector.to_json())), config=config)
        assert restored.statistic == detector.statistic
        assert restored.to_json() == detector.to_json()
    assert held[1_000_000] < held[100_000] + 4 * 2**20
