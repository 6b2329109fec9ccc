"""What is left of processes that are gone, and what this one weighs."""

import pytest

from service.metrics import forget_dead_processes, resident_memory_bytes


def test_live_gauges_of_dead_processes_are_forgotten(tmp_path_factory: pytest.TempPathFactory) -> None:
    """After a SIGKILL nobody marks a process dead; the next worker does."""
    directory = tmp_path_factory.mktemp("prometheus")
    no_such_pid = 2**22 + 1  # above the largest pid Linux gives
    for pid in (no_such_pid, 1):
        (directory / f"gauge_livesum_{pid}.db").touch()
    (directory / f"counter_{no_such_pid}.db").touch()
    forget_dead_processes(directory)
    assert {path.name for path in directory.iterdir()} == {"gauge_livesum_1.db", f"counter_{no_such_pid}.db"}


def test_resident_memory_is_plausible() -> None:
    """A Python process with numpy takes between 10 MB and 10 GB."""
    assert 10e6 < resident_memory_bytes() < 10e9
