"""On which machine, with which versions and when were these numbers measured."""

import datetime
import os
import platform
from pathlib import Path

import numpy as np


def cpu_model() -> str:
    """Return the processor's name as the kernel gives it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine_line() -> str:
    """Return one line that names processor, cores, system, versions and the date."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    return (
        f"machine: {cpu_model()}, {cores} cores, {platform.system()} {platform.release()}, "
        f"python {platform.python_version()}, numpy {np.__version__}, {today}"
    )


if __name__ == "__main__":
    print(machine_line())
