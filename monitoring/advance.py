"""What does one closed bucket change: the detector, its alarm, and what is stored of both?

Pure functions of what one transaction read: the same rows give the same answer, whoever asks.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from model_store.bundles.bundle import ModelKey
from monitoring.detection.bucket import raw_counts
from monitoring.detection.detector import Bucket, Detector, DetectorConfig, Event
from monitoring.recording.reservoir import EPOCH_SECONDS
from monitoring.scanning.streams import streams_of
from monitoring.store import Alarm, ClosedBucket, Closing, Dated, DetectorRow, Ended, Open, alarm_id
from monitoring.store.retention import EPOCHS_KEPT

MOST_EMPTY_BUCKETS: Final = 100_000  # replayed one by one after an outage; more make no difference


def advance(
    read: Open,
    config: DetectorConfig,
    *,
    alike: Callable[[ModelKey], bool] = lambda _key: False,
    leaving: bool = False,
) -> Closing:
    """Return everything the bucket changes, without a batch.

    Parameters
    ----------
    alike : callable
        Whether another version, by its key, scores items as this one does; asked once, when it begins.
    leaving : bool
        Another version has just been put in force: what this one still gets raises no alarm.
    """
    detector = _detector(read, config, alike)
    was_frozen = _frozen_since(detector) is not None
    events: list[Event] = []
    for start in _empty_buckets(read, config.bucket_seconds):
        events += detector.close(Bucket({}, start, start + config.bucket_seconds))
    counts = raw_counts(
        detector.streams, read.claim.counts, read.claim.meters, deduplicate=config.deduplicate
    )
    events += detector.close(Bucket(counts, read.stretch.start, read.stretch.end))
    if leaving and any(event.kind == "alarm_raised" for event in events):
        detector.retire(at=read.stretch.end, why="another version was put in force", by="superseded")
        events = [event for event in events if event.kind != "alarm_raised"]
    return _closing(read, detector, events, first_baseline=None if was_frozen else _frozen_since(detector))


def is_idle(read: Open, idle_seconds: float) -> bool:
    """Tell whether nothing came for so long that empty buckets say nothing new."""
    return (
        read.detector is not None
        and not read.claim.flush_ids
        and read.stretch.end - read.detector.last_traffic_at > idle_seconds
    )


def _detector(read: Open, config: DetectorConfig, alike: Callable[[ModelKey], bool]) -> Detector:
    """Return the detector as it stood.

    A version's first one keeps that of the version before it as its shadow, and expects what was announced.
    """
    if read.detector is not None:
        return Detector.from_json(read.detector.snapshot, config=config)
    model = read.model
    streams = streams_of(model.classes, task=model.task, measures=model.measures, shares=config.shares)
    detector = Detector(streams, config)
    for key, former in read.formers:
        if detector.carry(former.snapshot, of=key, same_scores=alike(key)):
            break
    for each in read.announced:
        # else a store of models was replaced under the same name
        known = each.category in detector.categories
        if known and read.stretch.start < each.until:  # what is over must not replace what is taken over
            detector.expect(**each.to_json())
    return detector


def _frozen_since(detector: Detector) -> float | None:
    """Return when the frozen baseline began, UTC seconds; None without one."""
    baseline = detector.baseline
    return baseline.start if baseline is not None and baseline.kind == "frozen" else None


def _empty_buckets(read: Open, seconds: float) -> Iterator[float]:
    first = read.stretch.start - read.stretch.empty * seconds
    return (first + k * seconds for k in range(min(read.stretch.empty, MOST_EMPTY_BUCKETS)))


def _closing(
    read: Open, detector: Detector, events: Sequence[Event], *, first_baseline: float | None
) -> Closing:
    stretch, before = read.stretch, read.detector
    seq = (0 if before is None else before.last_seq) + stretch.empty + 1
    status = detector.status()
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
        detector=DetectorRow(
            revision=1 if before is None else before.revision + 1,
            last_seq=seq,
            last_closed_at=stretch.end,
            last_traffic_at=stretch.end if read.claim.items or before is None else before.last_traffic_at,
            snapshot=detector.to_json(),
            status=status.to_json(),
        ),
        raised=next((_alarm(read, event, seq) for event in events if event.kind == "alarm_raised"), None),
        later=tuple(Dated(event.at, event.finding) for event in events if event.kind == "finding_added"),
        ended=next((ended_by(event) for event in events if event.kind == "alarm_cleared"), None),
        idle_since=first_baseline,
    )


def ended_by(event: Event) -> Ended:
    """Return how the event, one that clears an alarm, ended it."""
    return Ended(event.at, event.ended_by or "calm", event.strongest)


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
