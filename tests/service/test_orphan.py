"""A process whose parent was killed does not go on alone."""

import os
import signal

import pytest

from service.orphan import SERVER_PID, Orphan


def test_it_ends_once_when_the_parent_changes() -> None:
    """SIGTERM, as from an operator, so that counts are stored; and not again while it shuts down."""
    parents, signals = [7], list[int]()
    orphan = Orphan(parent=lambda: parents[-1], end=signals.append, environment={})
    orphan.check()
    assert signals == []
    parents.append(1)
    orphan.check()
    orphan.check()
    assert signals == [signal.SIGTERM]


def test_one_whose_server_was_killed_before_it_could_ask_ends() -> None:
    """The number of the server is in the environment; another parent than that is no server."""
    signals = list[int]()
    late = Orphan(parent=lambda: 1, end=signals.append, environment={SERVER_PID: "7"})
    late.check()
    assert signals == [signal.SIGTERM]
    in_time = Orphan(parent=lambda: 7, end=signals.append, environment={SERVER_PID: "7"})
    in_time.check()
    assert signals == [signal.SIGTERM]


@pytest.mark.parametrize("told", ["", "nobody", str(os.getpid())])
def test_without_another_server_the_first_parent_counts(told: str) -> None:
    """Under `bentoml serve` nobody says the number; in the server's own process it is its own."""
    parents, signals = [7], list[int]()
    orphan = Orphan(parent=lambda: parents[-1], end=signals.append, environment={SERVER_PID: told})
    orphan.check()
    assert signals == []
    parents.append(1)
    orphan.check()
    assert signals == [signal.SIGTERM]
