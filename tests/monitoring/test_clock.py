"""Clocks: what tests and replays rely on."""

import pytest

from monitoring.clock import Clock, ManualClock, SystemClock


def test_a_manual_clock_moves_only_when_told():
    """Two readings without an advance are equal, and an advance moves both readings by as much."""
    clock = ManualClock(100.0)
    assert (clock.now(), clock.monotonic()) == (100.0, 0.0)
    clock.advance(2.5)
    assert (clock.now(), clock.monotonic()) == (102.5, 2.5)


def test_setting_wall_time_back_leaves_durations_alone():
    """A clock that is set back changes wall time only, as on a real host."""
    clock = ManualClock(100.0)
    clock.advance(10.0)
    clock.set_now(50.0)
    assert (clock.now(), clock.monotonic()) == (50.0, 10.0)


def test_a_manual_clock_refuses_to_advance_backwards():
    """A negative step is an error that names the way to set a clock back."""
    with pytest.raises(ValueError, match="set_now"):
        ManualClock().advance(-1.0)


def test_the_system_clock_reads_epoch_seconds_and_never_steps_back():
    """Wall time is after 2020 in seconds, and monotonic readings do not decrease."""
    clock: Clock = SystemClock()
    assert 1_577_836_800.0 < clock.now() < 1e11
    assert clock.monotonic() <= clock.monotonic()
