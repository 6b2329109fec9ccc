"""What do the files say that the processes of one server export through, dead ones too?"""

import os
import re
from pathlib import Path

from prometheus_client import CollectorRegistry, multiprocess


def resident_memory_bytes() -> int:
    """Return this process's resident memory in bytes, 0 where /proc is missing."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, IndexError, ValueError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def forget_dead_processes(directory: Path) -> None:
    """Remove the live gauges of processes that no longer run, as after a SIGKILL."""
    for file in directory.glob("gauge_live*_*.db"):
        match = re.search(r"_(\d+)\.db$", file.name)
        if match and not Path("/proc", match[1]).exists():
            multiprocess.mark_process_dead(int(match[1]), str(directory))  # type: ignore[no-untyped-call]


def exported_total(sample: str, labels: tuple[str, ...]) -> float:
    """Return what all processes of this server, dead ones too, export together."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return 0.0
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    samples = (each for metric in registry.collect() for each in metric.samples if each.name == sample)
    return sum(each.value for each in samples if tuple(each.labels.values()) == labels)
