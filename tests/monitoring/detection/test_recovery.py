"""When an alarm is over: fresh data alone, two blocks, each twice what it took to raise the alarm."""

import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from monitoring.detection.finding import ClassShift, Finding
from monitoring.detection.recovery import Recovery, fresh_items
from monitoring.scanning.windows import Windows
from tests.support.comparisons import comparison_of, single_window
from tests.support.traffic import RARE_TRIPLED, Traffic, frozen_detector

CALM = np.array([930, 40, 30])
TRIPLED = np.array([850, 120, 30])
COMPARISON = comparison_of(CALM * 20)


def alarm(*, window_items: int, reference: float = 0.04) -> Finding:
    """Return an alarm about a rare class at three times its share."""
    shift = ClassShift("rare", reference, 0.12, 0.10, 0.14, "rise", 25.0)
    return Finding(0.0, window_items, window_items, 20, 25.0, 18.7, (shift,), ("rare",))


def calm_after(blocks: list[npt.NDArray[np.int64]], *, block_items: int = 1_000) -> list[bool]:
    """Return what each block of fresh items says."""
    recovery = Recovery(Windows(3), block_items=block_items)
    found = alarm(window_items=block_items)
    return [took(recovery, block, found) for block in blocks]


def took(recovery: Recovery, counts: npt.NDArray[np.int64], found: Finding) -> bool:
    """Return whether the alarm is over after these counts."""
    return recovery.take(counts, start=0.0, waves=None, alarm=found, comparison=COMPARISON)


@pytest.mark.parametrize(
    ("blocks", "over"),
    [
        pytest.param([CALM, CALM], [False, True], id="two calm blocks"),
        pytest.param([TRIPLED] * 4, [False] * 4, id="the change lasts"),
        pytest.param([CALM, TRIPLED, CALM, CALM], [False, False, False, True], id="in a row, not in all"),
        pytest.param([CALM // 2] * 4, [False, False, False, True], id="blocks fill up"),
    ],
)
def test_an_alarm_is_over_after_two_calm_blocks_in_a_row(
    blocks: list[npt.NDArray[np.int64]], over: list[bool]
):
    """One calm block may be luck, and one that is not calm starts the count anew."""
    assert calm_after(blocks) == over


def test_two_blocks_that_pass_alone_must_pass_together():
    """A change that hides in each of two small blocks shows in both of them as one."""
    half = np.array([904, 66, 30])
    alone, together = (COMPARISON.evidence(single_window(half * n)) for n in (1, 2))
    bar = (18.7 - np.log(20)) / 2
    assert alone < bar < together
    assert calm_after([half, half]) == [False, False]


def test_a_block_is_twice_the_alarms_window_or_twice_what_its_change_needs():
    """A backlog of a million items is not asked for again; a class that is new asks for the window."""
    assert fresh_items(alarm(window_items=200), COMPARISON) == 400
    needed = fresh_items(alarm(window_items=1_000_000), COMPARISON)
    assert 400 < needed < 4_000
    assert fresh_items(alarm(window_items=5_000, reference=0.0), COMPARISON) == 10_000


def test_an_alarm_that_names_no_class_asks_for_its_window():
    """A change of the mix as a whole has no class whose change could be planned for."""
    nobody = replace(alarm(window_items=3_000), classes=(), watched=())
    assert fresh_items(nobody, COMPARISON) == 6_000


@pytest.mark.slow
def test_a_lasting_change_is_seldom_let_go():
    """Of 60 alarms over a change that stays for 60,000 items, at most 4 clear meanwhile."""
    let_go = 0
    for seed in range(60):
        traffic = Traffic(seed=seed)
        detector = frozen_detector(traffic)
        events = list(traffic.feed(detector, RARE_TRIPLED, items=60_000))
        assert events[0].kind == "alarm_raised"
        let_go += len(events) > 1
    assert let_go <= 4


def test_a_snapshot_between_two_blocks_changes_nothing():
    """A watcher that dies in the middle of a recovery goes on with it."""
    found = alarm(window_items=1_000)
    one = Recovery(Windows(3), block_items=1_000)
    for counts in (CALM, CALM // 2):
        took(one, counts, found)
    other = Recovery.from_json(json.loads(json.dumps(one.to_json())))
    assert other.to_json() == one.to_json()
    for recovery in (one, other):
        assert took(recovery, CALM // 2, found)


def test_what_is_tested_anew_is_judged_anew():
    """After a restart one calm block is the first of two again."""
    recovery = Recovery(Windows(3), block_items=1_000)
    found = alarm(window_items=1_000)
    assert not took(recovery, CALM, found)
    recovery.restart()
    assert [took(recovery, CALM, found) for _ in range(2)] == [False, True]
