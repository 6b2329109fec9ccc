"""Who closes buckets, notices drift and hands out batches? One watcher at a time; each may die anywhere."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.config import WatcherConfig
from monitoring.detector import Bucket, Detector, DetectorConfig, Event
from monitoring.emission import EPOCHS_KEPT, ResolveModel, emit_for_alarm
from monitoring.errors import BatchRefused, MonitoringError, StateUnavailable
from monitoring.reservoir import EPOCH_SECONDS
from monitoring.store import (
    Alarm,
    Claim,
    ClosedBucket,
    Closing,
    DetectorRow,
    Fenced,
    Lease,
    Load,
    NewBatch,
    Open,
    Store,
    alarm_id,
)
from monitoring.streams import class_stream
from monitoring.windows import category_counts, drift_categories

log: Final = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
PRUNE_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 60.0
MOST_EMPTY_BUCKETS: Final = 100_000  # replayed one by one after an outage; more make no difference


class Watcher:
    """Closes what is due at every tick, as long as it holds the lease.

    All it knows is in the store: another instance goes on where this one stopped, and computes the same.

    Parameters
    ----------
    holder : str
        Names this instance in the lease.
    resolve : callable
        Returns what a wave needs of a model; may raise anything, which costs the batch and not the alarm.
    on_failure : callable
        Told `"close"` or `"wave"` for everything that failed.
    """

    def __init__(
        self,
        store: Store,
        config: WatcherConfig,
        *,
        clock: Clock,
        holder: str,
        resolve: ResolveModel,
        on_failure: Callable[[str], None],
    ) -> None:
        self.holder = holder
        self._store = store
        self._config = config
        self._clock = clock
        self._resolve = resolve
        self._on_failure = on_failure
        self._lease: Lease | None = None
        self._lease_until = float("-inf")
        self._prune_at = float("-inf")
        self._retry_at: dict[str, float] = {}

    def run(self, stop: threading.Event) -> None:
        """Tick until told to stop, then hand the lease over."""
        while not stop.is_set():
            try:
                self.tick()
            except MonitoringError as error:
                self._on_failure("close")
                log.warning("%s; trying again", error)
            except Exception as error:  # the observer boundary: counted, and tried again
                self._on_failure("close")
                # Its type only: the message of an unforeseen error may quote an item.
                log.error("closing buckets failed: %s; trying again", type(error).__name__)
            stop.wait(POLL_SECONDS)
        self.release()

    def tick(self) -> None:
        """Do everything that is due now; nothing while another watcher holds the lease.

        Raises
        ------
        StateUnavailable
            The store is away; the next tick tries again.
        """
        lease = self._hold()
        if lease is None:
            return
        try:
            self._close_all(lease)
            self._retry_batches(lease)
            self._prune(lease)
        except Fenced as fenced:
            if fenced.by == "lease":
                self._lease = None

    def release(self) -> None:
        """Give the lease back, so that another watcher need not wait for its end."""
        if self._lease is None:
            return
        lease, self._lease = self._lease, None
        try:
            self._store.lease.release(lease)
        except StateUnavailable:
            log.warning("the lease could not be given back; it ends by itself")

    def _hold(self) -> Lease | None:
        """Return the lease, renewed when a third of it is over."""
        now = self._clock.monotonic()
        if self._lease is None or now >= self._lease_until:
            self._lease = self._store.lease.acquire(self.holder, seconds=self._config.lease_seconds)
            self._lease_until = now + self._config.lease_seconds / 3
        return self._lease

    def _close_all(self, lease: Lease) -> None:
        seconds = self._config.detector.bucket_seconds
        closed = False
        for model_key in self._store.counts.models():
            while self._close_next(model_key, lease):
                closed = True
        now = self._clock.now()
        if closed or self._store.lag() > 0:
            self._store.lease.caught_up(lease, until=(now // seconds + 1) * seconds + seconds)

    def _close_next(self, model_key: ModelKey, lease: Lease) -> bool:
        """Close the model's next bucket; False when none is due."""
        config = self._config
        read = self._store.closing.read(model_key, bucket_seconds=config.detector.bucket_seconds)
        if read is None or _idle(read, config.idle_seconds):
            return False
        detector, events = advance(read, config.detector)
        closing = _closing(read, detector, events)
        if closing.raised is not None:
            closing = self._with_batch(closing, closing.raised)
        try:
            self._store.closing.commit(closing, lease=lease)
        except Fenced as fenced:
            if closing.raised is None or fenced.by != "batches":
                raise
            # The alarm does not wait for its batch, which is tried again with what is taken by then.
            note = "busy: another batch was made or labelled at the same moment"
            raised = replace(closing.raised, batch_id=None, batch_note=note)
            self._store.closing.commit(replace(closing, raised=raised, batch=None), lease=lease)
        return True

    def _with_batch(self, closing: Closing, alarm: Alarm) -> Closing:
        made = self._emit(alarm, created_at=alarm.raised_at, claim=closing.read.claim)
        if isinstance(made, str):
            return replace(closing, raised=replace(alarm, batch_note=made))
        return replace(closing, raised=replace(alarm, batch_id=made[0].id), batch=made)

    def _retry_batches(self, lease: Lease) -> None:
        """Try again to make the batch of open alarms that have none, once a minute each."""
        now = self._clock.now()
        waiting = self._store.alarms.waiting(raised_since=now - EPOCHS_KEPT * EPOCH_SECONDS)
        self._retry_at = {alarm.id: self._retry_at.get(alarm.id, now + RETRY_SECONDS) for alarm in waiting}
        for alarm in waiting:
            if now < self._retry_at[alarm.id]:
                continue
            self._retry_at[alarm.id] = now + RETRY_SECONDS
            made = self._emit(alarm, created_at=now, claim=None)
            if isinstance(made, str):
                if made != alarm.batch_note:
                    self._store.closing.note(alarm, made, lease=lease)
                continue
            try:
                self._store.closing.commit_batch(made[0], load=made[1], lease=lease)
            except Fenced as fenced:
                if fenced.by == "lease":
                    raise

    def _emit(self, alarm: Alarm, *, created_at: float, claim: Claim | None) -> tuple[NewBatch, Load] | str:
        """Return the alarm's batch, or why there is none."""
        try:
            return emit_for_alarm(
                self._store,
                alarm,
                facts=self._resolve(alarm.model_key),
                config=self._config,
                created_at=created_at,
                claim=claim,
            )
        except BatchRefused as refused:
            return f"{refused.code}: {refused.reason}"
        except StateUnavailable:
            raise
        except Exception as error:  # the observer boundary: an alarm must not wait for its batch
            self._on_failure("wave")
            log.warning("no batch for alarm %s: %s", alarm.id, type(error).__name__)
            return f"wave_failed: {type(error).__name__}"

    def _prune(self, lease: Lease) -> None:
        now = self._clock.monotonic()
        if now < self._prune_at:
            return
        self._prune_at = now + PRUNE_SECONDS
        at = self._clock.now()
        self._store.retention.prune(now=at, retention_days=self._config.retention_days, lease=lease)
        self._store.compaction.buckets_to_hours(now=at, lease=lease)
        self._store.compaction.candidates_to_slots(now=at, batch_size=self._config.batch_size, lease=lease)
        self._store.retention.erase()


def advance(read: Open, config: DetectorConfig) -> tuple[Detector, tuple[Event, ...]]:
    """Return the model's detector after the bucket, and what the bucket did to its alarm.

    A pure function of what was read.
    """
    categories = drift_categories(read.classes)
    detector = (
        Detector((class_stream(categories),), config)
        if read.detector is None
        else Detector.from_json(read.detector.snapshot, config=config)
    )
    stretch = read.stretch
    for start in _empty_buckets(read, config.bucket_seconds):
        detector.close(Bucket([0] * len(categories), start, start + config.bucket_seconds))
    return detector, detector.close(Bucket(category_counts(read.claim.counts), stretch.start, stretch.end))


def _empty_buckets(read: Open, seconds: float) -> Iterator[float]:
    first = read.stretch.start - read.stretch.empty * seconds
    return (first + k * seconds for k in range(min(read.stretch.empty, MOST_EMPTY_BUCKETS)))


def _closing(read: Open, detector: Detector, events: Sequence[Event]) -> Closing:
    stretch, before = read.stretch, read.detector
    seq = (0 if before is None else before.last_seq) + stretch.empty + 1
    status = detector.status()
    row = DetectorRow(
        revision=1 if before is None else before.revision + 1,
        last_seq=seq,
        last_closed_at=stretch.end,
        last_traffic_at=stretch.end if read.claim.items or before is None else before.last_traffic_at,
        snapshot=detector.to_json(),
        status=status.to_json(),
    )
    return Closing(
        read=read,
        bucket=ClosedBucket(
            seq=seq,
            start=stretch.start,
            end=stretch.end,
            state=status.state,
            statistic=status.statistic,
            threshold=status.threshold,
        ),
        detector=row,
        raised=next((_alarm(read, event, seq) for event in events if event.kind == "alarm_raised"), None),
        cleared_at=next((event.at for event in events if event.kind == "alarm_cleared"), None),
    )


def _alarm(read: Open, event: Event, seq: int) -> Alarm:
    last_epoch = int(read.stretch.end // EPOCH_SECONDS)
    since_epoch = int(event.finding.since_time // EPOCH_SECONDS)
    return Alarm(
        id=alarm_id(read.model_key, seq),
        model_key=read.model_key,
        bucket_seq=seq,
        raised_at=read.stretch.end,
        first_epoch=max(min(since_epoch, last_epoch), last_epoch - EPOCHS_KEPT + 1),
        last_epoch=last_epoch,
        finding=event.finding,
    )


def _idle(read: Open, idle_seconds: float) -> bool:
    """Tell whether nothing came for so long that empty buckets say nothing new."""
    return (
        read.detector is not None
        and not read.claim.flush_ids
        and read.stretch.end - read.detector.last_traffic_at > idle_seconds
    )
