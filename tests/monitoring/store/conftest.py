"""A store on a temporary directory, a clock that stands still, and flushes made by hand."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_store.graphs.outputs import Task
from monitoring.clock import ManualClock
from monitoring.recording.recorder import SCORE_BINS, Sealed
from monitoring.recording.reservoir import Candidate
from monitoring.store import Store, open_store

NOON = 1_700_000_000.0 // 86_400 * 86_400 + 43_200


@pytest.fixture
def clock() -> ManualClock:
    """Noon, UTC, of some day."""
    return ManualClock(NOON)


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    """An empty store."""
    opened = open_store(tmp_path / "state", clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def seal(clock: ManualClock) -> Callable[..., Sealed]:
    """Make what a worker would flush now."""

    def make(
        counts: Sequence[Sequence[int]] = ((1, 0, 0), (0, 0, 0)),
        *,
        model_key: str = "mail@1",
        classes: Sequence[str] = ("ham", "spam"),
        sources: Mapping[str, int] | None = None,
        candidates: Sequence[Candidate] = (),
        candidates_lost: int = 0,
        meters: Mapping[str, Sequence[int]] | None = None,
        measures: Mapping[str, Any] | None = None,
        task: Task = "multiclass",
    ) -> Sealed:
        table = np.array(counts, np.int64)
        return Sealed(
            model_key=model_key,
            classes=tuple(classes),
            epoch=int(clock.now() // 600),
            counts=table,
            answers=table,
            score_bins=np.zeros((len(classes), SCORE_BINS), np.int64),
            source_counts={"other": int(table.sum())} if sources is None else dict(sources),
            first_at=clock.now() - 1,
            last_at=clock.now(),
            sealed_at=clock.now(),
            candidates=tuple(candidates),
            candidates_lost=candidates_lost,
            meters={name: np.array(each, np.int64) for name, each in (meters or {}).items()},
            measures=measures or {},
            task=task,
        )

    return make


@pytest.fixture
def candidate(clock: ManualClock) -> Callable[..., Candidate]:
    """Make one candidate that arrived now."""

    def make(
        key: str, *, text: str | None = "hello", priority: float = 0.5, source: str = "other"
    ) -> Candidate:
        return Candidate(
            key=key,
            item_id=key,
            source=source,
            text=text,
            probabilities=np.array([0.25, 0.75], np.float32),
            label=1,
            decision=0,
            at=clock.now(),
            priority=priority,
            kinds=frozenset({f"random:{source}"}),
        )

    return make
