"""Who closes buckets, notices drift and hands out batches? One watcher at a time; each may die anywhere."""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from model_store.bundles.bundle import ModelKey
from model_store.promotions import Promotion
from monitoring.advance import advance, is_idle
from monitoring.clock import Clock
from monitoring.config import WatcherConfig
from monitoring.errors import BatchRefused, MonitoringError, StateUnavailable
from monitoring.meaning.interpretation import ResolvePromises, interpret, is_due
from monitoring.promoting import follow_promotions, is_leaving, was_proposed
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.store import Alarm, Claim, Closing, Fenced, Lease, Load, NewBatch, Open, Store, Thinning
from monitoring.store.retention import EPOCHS_KEPT
from monitoring.waves.emission import emit_for_alarm
from monitoring.waves.facts import ResolveModel

log: Final = logging.getLogger(__name__)

POLL_SECONDS: Final = 1.0
PRUNE_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 60.0
REWRITE_SECONDS: Final = 86_400.0  # writers wait for it


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
        Told `"close"`, `"thin"`, `"wave"`, `"meaning"` or `"promotion"` for everything that failed.
    promises : callable, optional
        Returns what a model promises; may raise anything too. Without it no meaning is worked out.
    promotions : callable, optional
        Returns all promotions of the served model, oldest first; may raise anything too.
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
        promises: ResolvePromises | None = None,
        promotions: Callable[[], Sequence[Promotion]] = tuple,
    ) -> None:
        self.holder = holder
        self._store = store
        self._config = config
        self._clock = clock
        self._resolve = resolve
        self._promises = promises
        self._promotions = promotions
        self._history: Sequence[Promotion] = ()
        self._on_failure = on_failure
        self._lease: Lease | None = None
        self._lease_until = float("-inf")
        self._prune_at = float("-inf")
        self._forgotten = False
        self._rewrite_at = float("-inf")
        self._retry_at: dict[str, float] = {}
        self._interpret_at: dict[ModelKey, float] = {}

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
        self._follow()
        try:
            closed = self._close_all(lease)
            self._retry_batches(lease)
            self._interpret(closed, lease)
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

    def _follow(self) -> None:
        """Take in promotions that are new, before a bucket of the version put in force is closed."""
        try:
            history = self._promotions()
            if history and (not self._history or history[-1] != self._history[-1]):
                follow_promotions(self._store, history, config=self._config.detector)
                self._history = history
        except StateUnavailable:
            raise
        except Exception as error:  # the observer boundary: buckets close whatever the store of models says
            self._on_failure("promotion")
            log.warning("a promotion could not be followed: %s", type(error).__name__)

    def _close_all(self, lease: Lease) -> set[ModelKey]:
        """Close what is due in the order of its time, over all models; return the models it was due for."""
        seconds = self._config.detector.bucket_seconds
        closed: set[ModelKey] = set()
        due = {key: self._due_at(key) for key in self._store.counts.models()}
        while waiting := {key: at for key, at in due.items() if at is not None}:
            key = min(waiting, key=waiting.__getitem__)
            if self._close_next(key, lease):
                closed.add(key)
                due[key] = self._due_at(key)
            else:
                due[key] = None
        now = self._clock.now()
        if closed or self._store.lag() > 0:
            self._store.lease.caught_up(lease, until=(now // seconds + 1) * seconds + seconds)
        return closed

    def _due_at(self, model_key: ModelKey) -> float | None:
        return self._store.closing.due_at(model_key, bucket_seconds=self._config.detector.bucket_seconds)

    def _close_next(self, model_key: ModelKey, lease: Lease) -> bool:
        """Close the model's next bucket; False when none is due."""
        config = self._config
        read = self._store.closing.read(model_key, bucket_seconds=config.detector.bucket_seconds)
        if read is None or is_idle(read, config.idle_seconds):
            return False
        closing = advance(
            read,
            config.detector,
            alike=lambda other: self._alike(model_key, other),
            leaving=is_leaving(self._history, model_key, at=read.stretch.end),
        )
        if closing.raised is not None:
            closing = self._with_batch(closing, closing.raised)
        closing = replace(closing, thinning=self._thinning(read))
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

    def _thinning(self, read: Open) -> Thinning:
        """Return which candidates of the bucket say nothing new; none of them where that fails."""
        try:
            return self._store.closing.read_thinning(read)
        except StateUnavailable:
            raise
        except Exception as error:  # the observer boundary: a bucket closes with too many candidates too
            self._on_failure("thin")
            log.warning("candidates of %s were not thinned: %s", read.model_key, type(error).__name__)
            return Thinning()

    def _with_batch(self, closing: Closing, alarm: Alarm) -> Closing:
        made = self._emit(
            alarm,
            created_at=alarm.raised_at,
            claim=closing.read.claim,
            meaning=self._first_meaning(closing, alarm),
        )
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
            # Not the detector's: where the alarm's failed, that is still of the calm before it.
            made = self._emit(alarm, created_at=now, claim=None, meaning=alarm.meaning)
            if isinstance(made, str):
                if made != alarm.batch_note:
                    self._store.closing.note(alarm, made, lease=lease)
                continue
            try:
                self._store.closing.commit_batch(made[0], load=made[1], lease=lease)
            except Fenced as fenced:
                if fenced.by == "lease":
                    raise

    def _first_meaning(self, closing: Closing, alarm: Alarm) -> Mapping[str, Any] | None:
        """Return what the traffic that raised an alarm means; None where that cannot be worked out."""
        if self._promises is None:
            return None
        try:
            return interpret(
                self._store,
                alarm.model_key,
                closing.detector,
                alarm,
                self._promises(alarm.model_key),
                config=self._config.detector,
                fresh=closing.read.claim.meters,
            )
        except StateUnavailable:
            raise
        except Exception as error:  # the observer boundary: a batch is made without it too
            self._meaning_failed(alarm.model_key, error)
            return None

    def _emit(
        self,
        alarm: Alarm,
        *,
        created_at: float,
        claim: Claim | None,
        meaning: Mapping[str, Any] | None,
    ) -> tuple[NewBatch, Load] | str:
        """Return the alarm's batch, or why there is none."""
        try:
            return emit_for_alarm(
                self._store,
                alarm,
                facts=self._resolve(alarm.model_key),
                config=self._config,
                created_at=created_at,
                claim=claim,
                meaning=meaning,
            )
        except BatchRefused as refused:
            return f"{refused.code}: {refused.reason}"
        except StateUnavailable:
            raise
        except Exception as error:  # the observer boundary: an alarm must not wait for its batch
            self._on_failure("wave")
            log.warning("no batch for alarm %s: %s", alarm.id, type(error).__name__)
            return f"wave_failed: {type(error).__name__}"

    def _alike(self, model_key: ModelKey, other: ModelKey) -> bool:
        """Tell whether what was drift to a version is so to this one; False where it cannot be found out.

        A version that was proposed from labels of the drift, and promoted, takes it for the new normal.
        """
        try:
            if was_proposed(self._store, model_key):
                return False
            return self._resolve(model_key).scoring == self._resolve(other).scoring
        except StateUnavailable:
            raise
        except Exception as error:  # the observer boundary: a bundle that is gone costs no bucket
            log.warning("%s and %s could not be compared: %s", model_key, other, type(error).__name__)
            return False

    def _interpret(self, closed: set[ModelKey], lease: Lease) -> None:
        """Work out what the traffic of models with new buckets means, where that is due."""
        now = self._clock.monotonic()
        for model_key in sorted(closed):
            if self._promises is None or now < self._interpret_at.get(model_key, float("-inf")):
                continue
            try:
                self._interpret_one(model_key, self._promises, lease)
            except (Fenced, StateUnavailable) as error:
                if not isinstance(error, Fenced) or error.by == "lease":
                    raise
            except Exception as error:  # the observer boundary: an alarm does not depend on its meaning
                self._interpret_at[model_key] = now + RETRY_SECONDS
                self._meaning_failed(model_key, error)

    def _meaning_failed(self, model_key: ModelKey, error: Exception) -> None:
        self._on_failure("meaning")
        log.warning("no meaning of the traffic of %s: %s", model_key, type(error).__name__)

    def _interpret_one(self, model_key: ModelKey, promises: ResolvePromises, lease: Lease) -> None:
        row = self._store.detectors.get(model_key)
        alarm = next((each for each in self._store.alarms.list(model_key, limit=1) if each.is_open), None)
        if row is None or not is_due(row, alarm):
            return
        meaning = interpret(
            self._store, model_key, row, alarm, promises(model_key), config=self._config.detector
        )
        self._store.closing.note_meaning(
            model_key,
            meaning,
            revision=row.revision,
            alarm_id=None if alarm is None else alarm.id,
            lease=lease,
        )

    def _prune(self, lease: Lease) -> None:
        now = self._clock.monotonic()
        if now < self._prune_at:
            return
        self._prune_at = now + PRUNE_SECONDS
        at = self._clock.now()
        pruned = self._store.retention.prune(now=at, retention_days=self._config.retention_days, lease=lease)
        self._store.compaction.buckets_to_hours(now=at, lease=lease)
        self._store.compaction.candidates_to_slots(
            now=at,
            batch_size=self._config.batch_size,
            lease=lease,
            important=self._config.detector.important,
        )
        self._forgotten |= bool(pruned.texts or pruned.candidates)
        whole = self._forgotten and now >= self._rewrite_at
        if self._store.retention.erase(whole=whole) and whole:
            self._forgotten, self._rewrite_at = False, now + REWRITE_SECONDS
