"""When is it worked out anew what a model's traffic means, and from which buckets?

Outside the closing transaction, as it takes up to a second; at an alarm for its batch first.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from model_store.bundles.bundle import Bundle, ModelKey
from model_store.policy import Policy
from model_store.shift_reference import ShiftReference, shift_reference
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.recording.meterings import Counts, added
from monitoring.store import Alarm, DetectorRow, Store

MEANING_SECONDS: Final = 300.0
CALM_STRETCH_SECONDS: Final = 86_400.0


@dataclass(frozen=True, slots=True)
class Promises:
    """What a model promises, and how the items of each class are answered on its validation rows."""

    policy: Policy
    reference: ShiftReference


ResolvePromises: TypeAlias = Callable[[ModelKey], Promises]


def promises_of(bundle: Bundle) -> Promises:
    """Return what a verified bundle promises; reads its validation rows, so keep the answer."""
    return Promises(bundle.policy, shift_reference(bundle))


def is_due(row: DetectorRow, alarm: Alarm | None) -> bool:
    """Tell whether there is traffic that the stored meaning does not know.

    At once when an alarm was raised or ended, else every five minutes of traffic.
    """
    if row.meaning is None or row.meaning["alarm"] != (None if alarm is None else alarm.id):
        return True
    known_until: float = row.meaning["until"]
    return row.last_traffic_at - known_until >= MEANING_SECONDS


def interpret(
    store: Store,
    model_key: ModelKey,
    row: DetectorRow,
    alarm: Alarm | None,
    promises: Promises,
    *,
    config: DetectorConfig,
    fresh: Mapping[str, Counts] | None = None,
) -> Mapping[str, Any]:
    """Return what the traffic means since the open alarm's change began, or over the last day without one.

    The same buckets give the same answer. `fresh` are the meters of the bucket that is about to close, where
    `row` is how it leaves the detector.
    """
    from monitoring.meaning.meaning import meaning_of  # noqa: PLC0415 - scipy.optimize, which workers spare

    until = row.last_closed_at
    since = until - CALM_STRETCH_SECONDS if alarm is None else alarm.finding.since_time
    says = meaning_of(
        promises.reference,
        promises.policy,
        added(store.counts.meters_between(model_key, since, until), fresh or {}),
        None if alarm is None else alarm.finding.to_json(),
        seed=_seed(model_key, row.last_seq),
        at=None if alarm is None else alarm.raised_at,
        dispersion=_dispersion(row, config, seconds=until - since),
    )
    return {**says, "alarm": None if alarm is None else alarm.id, "since": since, "until": until}


def _dispersion(row: DetectorRow, config: DetectorConfig, *, seconds: float) -> float:
    """Return how much more than independent items the classes vary over so long, at least 1."""
    detector = Detector.from_json(row.snapshot, config=config)
    measured = None if detector.baseline is None else detector.baseline.dispersion
    if measured is None:
        return 1.0
    inflation = measured.at(np.array([max(round(seconds / config.bucket_seconds), 1)]))
    classes = detector.layout.columns[detector.streams[0].name]
    return max(float(inflation.phi[0, classes].mean()), 1.0)


def _seed(model_key: ModelKey, seq: int) -> int:
    digest = hashlib.sha256(f"meaning\0{model_key}\0{seq}".encode()).digest()
    return int.from_bytes(digest[:4])
