"""What happened, is it drift, what to label, and what came back.

A worker records (`Recorder`, `Flusher`), one watcher judges (`monitoring.watcher`), and the two meet in
the store only (`monitoring.store`). Exported here is the worker's side: the other needs SQLAlchemy and SciPy,
which a command that only lists bundles should not load.
"""

from monitoring.clock import Clock, ManualClock, SystemClock
from monitoring.errors import MonitoringError
from monitoring.recording.flusher import Flusher, FlushSink
from monitoring.recording.observed import Observed
from monitoring.recording.recorder import Recorder, Sealed
from monitoring.recording.reservoir import Candidate, Reservoir

__all__ = [
    "Candidate",
    "Clock",
    "FlushSink",
    "Flusher",
    "ManualClock",
    "MonitoringError",
    "Observed",
    "Recorder",
    "Reservoir",
    "Sealed",
    "SystemClock",
]
