"""A baseline is collected, then traffic is judged by it; who asks need not know which it is."""

import json
from functools import partial

import numpy as np
import numpy.typing as npt

from monitoring.detection.baseline import AUTOMATIC
from monitoring.detection.bucket import Bucket
from monitoring.detection.comparison import Scope
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.detection.finding import Event
from monitoring.detection.phases import Phases
from monitoring.scanning.streams import Layout
from tests.support.traffic import STREAMS

CONFIG = DetectorConfig(baseline_items=20_000, baseline_seconds=0.0, whole_mix=0.0)
LAYOUT = Layout(tuple(STREAMS))
USUAL, MOVED = np.array([465, 20, 15]), np.array([425, 60, 15])


def feed(phases: Phases, row: npt.NDArray[np.int64], *, buckets: int = 1) -> list[Event]:
    """Take in so many buckets of ten seconds and return what happens."""
    events = [phases.take(row, Bucket(row, 10.0 * k, 10.0 * k + 10.0)) for k in range(buckets)]
    return [event for event in events if event is not None]


def judging() -> Phases:
    """Return phases whose baseline has just been frozen."""
    phases = Phases(LAYOUT, CONFIG)
    assert feed(phases, USUAL, buckets=40) == []
    return phases


def restored(phases: Phases) -> Phases:
    """Return what its snapshot restores."""
    again = Phases(LAYOUT, CONFIG)
    parts = json.loads(json.dumps(phases.to_json()))
    again.restore(parts, scope=Scope(), detector=partial(Detector.from_json, config=CONFIG))
    return again


def test_before_the_first_item_there_is_nothing_to_compare_with():
    """No baseline, no scan, no alarm, and no traffic."""
    phases = Phases(LAYOUT, CONFIG)
    assert (phases.baseline, phases.comparison, phases.scanned, phases.alarm) == (None, None, None, None)
    assert (phases.statistic, phases.warm, phases.aside) == (0.0, False, 0)
    assert phases.candidate(end=0.0) is None
    row, buckets = phases.newest()
    assert (row.tolist(), buckets) == ([0, 0, 0], 0)


def test_a_provisional_baseline_is_compared_with_but_judges_nothing():
    """Its own traffic is the newest there is, however much it moves."""
    phases = Phases(LAYOUT, CONFIG)
    assert feed(phases, USUAL, buckets=10) + feed(phases, MOVED) == []
    assert phases.baseline is not None
    assert phases.comparison is not None
    assert (phases.baseline.kind, phases.comparison.baseline.items) == ("provisional", 5_500)
    assert (phases.judge, phases.scanned, phases.newest()[1]) == (None, None, 11)


def test_a_full_baseline_freezes_by_itself_and_judges_from_then_on():
    """What was collected is let go; the next change is an alarm, which can be ended."""
    phases = judging()
    assert phases.baseline is not None
    assert (phases.baseline.kind, phases.baseline.by) == ("frozen", AUTOMATIC)
    assert phases.provisional.baseline is None
    (raised,) = feed(phases, MOVED)
    assert phases.alarm is not None
    assert (raised.kind, phases.alarm.finding) == ("alarm_raised", raised.finding)
    assert phases.statistic >= CONFIG.threshold
    assert phases.end_alarm("so", at=20.0, by="false") is not None
    assert (phases.alarm, phases.scanned) == (None, None)


def test_what_is_set_aside_holds_for_both_phases():
    """A class that is expected before there is a baseline raises no alarm after."""
    phases = Phases(LAYOUT, CONFIG)
    phases.set_aside(Scope(frozenset({"rare"})), anew=False)
    feed(phases, USUAL)
    assert phases.comparison is not None
    assert phases.comparison.scope.left_out == {"rare"}
    assert feed(phases, USUAL, buckets=39) + feed(phases, MOVED, buckets=3) == []
    phases.set_aside(Scope(), anew=True)
    assert [event.kind for event in feed(phases, MOVED)] == ["alarm_raised"]


def test_a_snapshot_changes_nothing_in_either_phase():
    """The same parts again, and the same answer to the next bucket."""
    for one in (Phases(LAYOUT, CONFIG), judging()):
        feed(one, USUAL, buckets=3)
        other = restored(one)
        assert other.to_json() == one.to_json()
        assert feed(other, MOVED) == feed(one, MOVED)
        assert other.statistic == one.statistic
