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
from monitoring.store import NewBatch, Store, open_store
from monitoring.waves.batches import BatchItem

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
        usual: Sequence[float] = (),
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
            usual=tuple(usual),
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


@pytest.fixture
def batch(clock: ManualClock) -> Callable[..., NewBatch]:
    """Make a batch of items with the given keys."""

    def make(batch_id: str, keys: Sequence[str]) -> NewBatch:
        items = tuple(
            BatchItem(
                rank=rank,
                key=key,
                item_id=key,
                source="email",
                text=f"text of {key}",
                slice="explore",
                stratum="exploration",
                inclusion_probability=0.25,
                dup_count=2,
                probabilities=(0.25, 0.75),
                predicted="spam",
                at=clock.now(),
            )
            for rank, key in enumerate(keys, start=1)
        )
        return NewBatch(
            id=batch_id,
            alarm_id=None,
            model_key="mail@1",
            reason="by_hand",
            created_at=clock.now(),
            manifest={"classes": ["ham", "spam"], "sha": "é"},
            items=items,
            signatures=np.arange(64 * len(keys), dtype=np.uint32).reshape(-1, 64),
        )

    return make
