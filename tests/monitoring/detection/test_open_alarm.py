"""What is followed while an alarm is open."""

import json

import numpy as np

from monitoring.detection.finding import Event
from monitoring.detection.open_alarm import MAX_FURTHER, OpenAlarm
from monitoring.scanning.streams import class_stream
from monitoring.scanning.windows import Windows
from tests.support.comparisons import comparison_of

NAMES = tuple(f"class {k}" for k in range(40))
COMPARISON = comparison_of([1_000] * 40, streams=(class_stream(NAMES),))
USUAL = np.full(40, 10)


def raised(*moved: int, at: float = 100.0) -> OpenAlarm:
    """Return the alarm that a bucket raises in which these classes are six times as frequent."""
    windows = Windows(40)
    windows.add(bucket(*moved), start=at - 10.0)
    scanned = COMPARISON.scan(windows)
    assert scanned is not None
    return OpenAlarm.raised(scanned, COMPARISON, at=at, empty=windows.empty())


def bucket(*moved: int) -> np.ndarray:
    """Return a bucket in which these classes are six times as frequent."""
    counts = USUAL.copy()
    counts[list(moved)] *= 6
    return counts


def follow(alarm: OpenAlarm, *moved: int, at: float = 200.0) -> Event | None:
    """Take in such a bucket, which also is all that the detector's own windows hold."""
    windows = Windows(40)
    windows.add(bucket(*moved), start=at - 10.0)
    scanned = COMPARISON.scan(windows)
    assert scanned is not None
    return alarm.follow(bucket(*moved), scanned, COMPARISON, start=at - 10.0, at=at, waves=None)


def test_what_is_named_already_is_not_found_again():
    """The class of the alarm stays up: no second finding, and no end."""
    alarm = raised(3)
    assert [shift.name for shift in alarm.finding.classes] == ["class 3"]
    assert all(follow(alarm, 3) is None for _ in range(20))


def test_another_class_is_found_once():
    """With its own window, which begins after the first finding."""
    alarm = raised(3)
    event = follow(alarm, 3, 7, at=300.0)
    assert event is not None
    assert (event.kind, event.finding.since_time) == ("finding_added", 290.0)
    assert [shift.name for shift in event.finding.classes] == ["class 7"]
    assert event.finding.left_out == ("class 3",)
    assert follow(alarm, 3, 7) is None
    assert alarm.further == (event.finding,)


def test_who_only_made_room_may_move_next():
    """A class doubles to four fifths and all others halve or worse; a later rise among those is found."""
    comparison = comparison_of([8_000, 6_000, 2_000, 2_000, 2_000], streams=(class_stream(NAMES[:5]),))
    alarm = None
    for row in ([160, 20, 6, 7, 7], [150, 18, 6, 22, 6]):
        windows = Windows(5)
        windows.add(10 * np.array(row), start=90.0)
        scanned = comparison.scan(windows)
        assert scanned is not None
        if alarm is None:
            alarm = OpenAlarm.raised(scanned, comparison, at=100.0, empty=windows.empty())
            assert len(alarm.finding.classes) == 5
        else:
            event = alarm.follow(10 * np.array(row), scanned, comparison, start=90.0, at=100.0, waves=None)
            assert event is not None
            assert (event.finding.watched, event.finding.left_out) == (("class 3",), ("class 0",))


def test_who_fell_by_itself_is_not_found_again():
    """One class rises and another falls much further than it had to: both are known."""
    comparison = comparison_of([8_000, 6_000, 2_000, 2_000, 2_000], streams=(class_stream(NAMES[:5]),))
    windows = Windows(5)
    windows.add(10 * np.array([80, 5, 60, 20, 20]), start=90.0)
    scanned = comparison.scan(windows)
    assert scanned is not None
    alarm = OpenAlarm.raised(scanned, comparison, at=100.0, empty=windows.empty())
    for _ in range(3):
        row = 10 * np.array([80, 5, 60, 20, 20])
        assert alarm.follow(row, scanned, comparison, start=90.0, at=100.0, waves=None) is None


def test_there_is_an_end_to_findings():
    """When one class after the other moves, the alarm has said enough after a few."""
    alarm = raised(0)
    events = [follow(alarm, *range(k + 1), at=100.0 * k) for k in range(1, 30)]
    kinds = [event.kind for event in events if event is not None]
    assert kinds == ["finding_added"] * MAX_FURTHER


def test_the_strongest_window_is_remembered():
    """A later scan that is weaker changes nothing."""
    alarm = raised(3)
    first = alarm.strongest
    follow(alarm, 3, 7, at=300.0)
    assert (alarm.strongest.at, first.at) == (first.at, 100.0)
    windows = Windows(40)
    windows.add(10 * bucket(3), start=290.0)
    scanned = COMPARISON.scan(windows)
    assert scanned is not None
    alarm.follow(bucket(3), scanned, COMPARISON, start=290.0, at=300.0, waves=None)
    assert (alarm.strongest.at, alarm.strongest.since_time) == (300.0, 290.0)
    assert alarm.strongest.statistic > first.statistic
    assert alarm.strongest.items == int(10 * bucket(3).sum())


def test_it_ends_in_calm_traffic():
    """The event says by what, and how strong it had been."""
    alarm = raised(3)
    events = [follow(alarm) for _ in range(20)]
    event = next(each for each in events if each is not None)
    assert (event.kind, event.ended_by, event.strongest) == ("alarm_cleared", "calm", alarm.strongest)


def test_a_snapshot_changes_nothing():
    """In the middle of a recovery, with a second finding."""
    one = raised(3)
    follow(one, 3, 7)
    follow(one)
    other = OpenAlarm.from_json(json.loads(json.dumps(one.to_json())))
    assert other.to_json() == one.to_json()
    for _ in range(3):
        assert follow(one, 5) == follow(other, 5)
    assert other.to_json() == one.to_json()
