"""A store, one worker that is told what to flush, and watchers on demand, on one manual clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitoring.clock import ManualClock
from monitoring.config import WatcherConfig
from monitoring.detection.detector import DetectorConfig
from monitoring.recording.recorder import SCORE_BINS, Sealed
from monitoring.recording.reservoir import EPOCH_SECONDS, Candidate
from monitoring.store import Alarm, DetectorRow, Store
from monitoring.watcher import Watcher
from monitoring.waves.facts import ModelFacts

CLASSES = ("ham", "spam", "phish")
CONFIG = WatcherConfig(
    detector=DetectorConfig(
        bucket_seconds=10.0, false_alarm_seconds=86_400.0, baseline_items=2_000, baseline_seconds=100.0
    ),
    batch_size=20,
)
FACTS = ModelFacts(
    classes=CLASSES,
    thresholds=(0.5, 0.4, 0.3),
    digests={"calibration": "c", "policy": "p"},
    seen=np.zeros((0, 64), np.uint32),
)
QUIET, ATTACK = (180, 18, 2), (120, 20, 60)


@dataclass
class Site:
    """A store with one worker that is told what to flush, and watchers on demand."""

    store: Store
    clock: ManualClock
    seq: int = 0
    failures: list[str] = field(default_factory=list)

    def watcher(self, holder: str = "one", *, config: WatcherConfig = CONFIG, **options: object) -> Watcher:
        """Start another instance, as another process would."""
        settings: dict[str, object] = {"resolve": lambda _key: FACTS, "on_failure": self.failures.append}
        return Watcher(self.store, config, clock=self.clock, holder=holder, **{**settings, **options})  # type: ignore[arg-type]

    def flush(
        self,
        per_class: Sequence[int],
        *,
        candidates: int = 0,
        model_key: str = "mail@1",
        meters: Mapping[str, Sequence[int]] | None = None,
        measures: Mapping[str, object] | None = None,
    ) -> None:
        """Flush one bucket's items of each class, all accepted, what was measured, and so many candidates."""
        self.seq += 1
        now = self.clock.now()
        counts = np.zeros((3, 3), np.int64)
        counts[:, 0] = per_class
        self.store.counts.flush(
            "worker",
            self.seq,
            Sealed(
                model_key=model_key,
                classes=CLASSES,
                epoch=int(now // EPOCH_SECONDS),
                counts=counts,
                answers=counts,
                score_bins=np.zeros((3, SCORE_BINS), np.int64),
                source_counts={"other": int(counts.sum())},
                first_at=now - 1,
                last_at=now,
                sealed_at=now,
                candidates=tuple(self._candidate(n) for n in range(candidates)),
                meters={name: np.array(row, np.int64) for name, row in (meters or {}).items()},
                measures=measures or {},
            ),
        )

    def _candidate(self, n: int) -> Candidate:
        rng = np.random.default_rng([self.seq, n])
        probabilities = rng.dirichlet(np.ones(3)).astype(np.float32)
        top = int(probabilities.argmax())
        key = f"item-{self.seq}-{n}"
        kinds = {f"top:{CLASSES[top]}", f"uncertain:{CLASSES[top]}", "random:other"}
        return Candidate(
            key=key,
            item_id=key,
            source="other",
            text=" ".join(rng.choice(["alpha", "beta", "gamma", "delta", "omega", "kappa"], 12)) + key,
            probabilities=probabilities,
            label=top,
            decision=0,
            at=self.clock.now(),
            priority=float(rng.random()),
            kinds=frozenset(kinds),
        )

    def traffic(
        self,
        watcher: Watcher,
        per_class: Sequence[int],
        *,
        buckets: int,
        candidates: int = 5,
        model_key: str = "mail@1",
    ) -> None:
        """Flush and close so many buckets."""
        for _ in range(buckets):
            self.flush(per_class, candidates=candidates, model_key=model_key)
            self.clock.advance(10)
            watcher.tick()

    def alarmed(self) -> Alarm:
        """Let the mix be quiet until the baseline freezes, then move; return the alarm."""
        watcher = self.watcher()
        self.traffic(watcher, QUIET, buckets=15)
        self.traffic(watcher, ATTACK, buckets=3)
        (alarm,) = self.store.alarms.list()
        return alarm

    def detector(self, model_key: str = "mail@1") -> DetectorRow:
        """Return the stored detector."""
        row = self.store.detectors.get(model_key)
        assert row is not None
        return row
