"""Traffic against a frozen baseline."""

import json

import numpy as np
import pytest

from monitoring.detection.comparison import Comparison, Scanned, Scope
from monitoring.detection.detector import Bucket, DetectorConfig
from monitoring.detection.finding import Event
from monitoring.detection.judging import Judge
from monitoring.scanning.streams import class_stream
from monitoring.scanning.windows import Windows
from tests.support.comparisons import CATEGORIES, comparison_of

CONFIG = DetectorConfig(whole_mix=0.0)
COMPARISON = comparison_of([18_600, 800, 600], streams=(class_stream(CATEGORIES),), config=CONFIG)
USUAL, MOVED = np.array([465, 20, 15]), np.array([425, 60, 15])


def feed(judge: Judge, row: np.ndarray, *, buckets: int = 1) -> list[Event]:
    """Take in so many buckets of ten seconds and return what happens."""
    events = [judge.take(row, Bucket(row, 0.0, 10.0)) for _ in range(buckets)]
    return [event for event in events if event is not None]


def test_it_is_warm_once_a_doubled_class_would_have_been_noticed():
    """Not before: right after freezing nothing could have been seen."""
    judge = Judge(COMPARISON)
    assert COMPARISON.least_items > 500
    feed(judge, USUAL)
    assert not judge.warm
    feed(judge, USUAL, buckets=20)
    assert judge.warm


def test_an_alarm_that_is_ended_leaves_nothing_of_its_traffic():
    """Windows, scan and alarm begin anew; the baseline stays. Without an alarm there is nothing to end."""
    judge = Judge(COMPARISON)
    assert judge.end_alarm("so", at=1.0, by="false") is None
    (raised,) = feed(judge, MOVED)
    event = judge.end_alarm("so", at=20.0, by="false")
    assert event is not None
    assert (event.finding, event.why, event.ended_by) == (raised.finding, "so", "false")
    assert (judge.alarm, judge.scanned, judge.windows.buckets) == (None, None, 0)
    assert judge.baseline is COMPARISON.baseline


def test_what_replaces_a_baseline_is_the_newest_traffic():
    """Without traffic there is nothing to replace it by."""
    judge = Judge(COMPARISON)
    assert judge.candidate(end=0.0) is None
    assert judge.newest(1_000) is None
    feed(judge, USUAL, buckets=10)
    found = judge.candidate(end=100.0)
    assert found is not None
    assert (found.items, found.end, found.kind) == (5_000, 100.0, "provisional")
    newest = judge.newest(900)
    assert newest is not None
    assert (newest[0].tolist(), newest[1]) == ((2 * USUAL).tolist(), 2)


def test_setting_aside_may_keep_or_forget_what_came():
    """An expectation that begins keeps the windows, one that ends does not."""
    judge = Judge(COMPARISON)
    feed(judge, USUAL, buckets=3)
    judge.set_aside(Scope(frozenset({"rare"})), anew=False)
    assert judge.windows.buckets == 3
    assert feed(judge, MOVED) == []
    judge.set_aside(Scope(), anew=True)
    assert (judge.windows.buckets, judge.scanned) == (0, None)
    assert [event.kind for event in feed(judge, MOVED)] == ["alarm_raised"]


def restored(judge: Judge) -> Judge:
    """Return the judge that its snapshot restores."""
    snapshot = json.loads(json.dumps(judge.to_json()))
    return Judge.from_json(snapshot, layout=COMPARISON.layout, config=CONFIG, scope=Scope())


def test_what_is_set_aside_after_a_restart_says_nothing_of_the_last_scan():
    """It is that of the rules the traffic came under, as in a judge that was never written down."""
    one = Judge(COMPARISON)
    feed(one, MOVED // 2, buckets=1)
    other = restored(one)
    for judge in (one, other):
        judge.set_aside(Scope(frozenset({"rare"})), anew=False)
    assert one.scanned is not None
    assert other.scanned is not None
    assert other.scanned.result.statistic == one.scanned.result.statistic > 0.0


def test_a_restored_judge_scans_once_a_bucket(monkeypatch: pytest.MonkeyPatch):
    """What the snapshot holds is scanned with the next bucket, or when somebody asks before."""
    one = Judge(COMPARISON)
    feed(one, USUAL, buckets=3)
    scans = []
    plain = Comparison.scan

    def counted(self: Comparison, windows: Windows, *, guess: float | None = None) -> Scanned | None:
        scans.append(windows.buckets)
        return plain(self, windows, guess=guess)

    monkeypatch.setattr(Comparison, "scan", counted)
    feed(restored(one), USUAL, buckets=1)
    assert scans == [4]
    other = restored(one)
    assert other.scanned is other.scanned is not None
    assert scans == [4, 3]


def test_a_snapshot_changes_nothing():
    """Calm, and with an open alarm."""
    one = Judge(COMPARISON)
    for row in (USUAL, MOVED, USUAL):
        feed(one, row)
        other = restored(one)
        assert other.to_json() == one.to_json()
        assert one.scanned is not None
        assert other.scanned is not None
        assert other.scanned.result.statistic == one.scanned.result.statistic
