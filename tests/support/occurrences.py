"""Occurrences that random slots held."""

import numpy as np
import numpy.typing as npt

from monitoring.recording.reservoir import Candidate

EVEN = np.array([0.5, 0.5], np.float32)


def occurrence(
    i: int,
    source: str,
    priority: float,
    text: str | None = None,
    *,
    at: float | None = None,
    p: npt.NDArray[np.float32] = EVEN,
) -> Candidate:
    """Return an occurrence that a random slot held."""
    return Candidate(
        key=f"{source}-{i}",
        item_id=f"{source}-{i}",
        source=source,
        text=text,
        probabilities=p,
        label=0,
        decision=0,
        at=float(i) if at is None else at,
        priority=priority,
        kinds=frozenset({f"random:{source}"}),
    )
