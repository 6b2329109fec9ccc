"""A step that does not end is ended, and one that ends leaves no trace."""

import re
import signal
import threading

import pytest

from monitoring.plan.patience import OutOfPatience, at_most


def test_a_pattern_that_backtracks_for_ever_is_ended() -> None:
    """Within a single search of a short text."""
    with pytest.raises(OutOfPatience), at_most(0.05):
        re.search("(a+)+$", "a" * 60 + "b")


def test_what_is_done_in_time_is_left_alone() -> None:
    """No alarm is left behind, and whoever listened before listens again."""
    before = signal.getsignal(signal.SIGVTALRM)
    with at_most(5):
        assert signal.getitimer(signal.ITIMER_VIRTUAL)[0] > 0
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGVTALRM) == before


def test_another_thread_has_no_limit() -> None:
    """Signals are the main thread's; the work is done all the same."""
    done = []

    def work() -> None:
        with at_most(1e-6):
            done.append(sum(range(10_000)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done
