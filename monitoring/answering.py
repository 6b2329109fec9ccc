"""How does a person answer an alarm? Somebody looks after it, or nothing had moved."""

from collections.abc import Mapping
from typing import Any

from model_store.bundles.bundle import ModelKey
from monitoring.advance import ended_by
from monitoring.clock import Clock
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.store import Alarm, DetectorChange, Store


def acknowledge(store: Store, alarm_id: str, *, by: str, why: str) -> Alarm:
    """Record that somebody looks after the alarm, audited; it changes nothing about the detector.

    Raises
    ------
    UnknownAlarm
        There is none of that id.
    """
    return store.alarms.acknowledge(alarm_id, by=by, why=why)


def call_false(
    store: Store, alarm_id: str, *, config: DetectorConfig, clock: Clock, by: str, why: str
) -> Alarm:
    """Record that nothing had moved, audited; an open alarm ends and detection starts anew from its baseline.

    So does a later version's shadow that carries it. An alarm that ended can be called false too: it counts.
    A watcher that is closing a bucket meanwhile reads again, so neither change is lost.

    Raises
    ------
    UnknownAlarm
        There is none of that id.
    """
    at, alarm = clock.now(), store.alarms.get(alarm_id)

    def dismiss(model_key: ModelKey, snapshot: Mapping[str, Any]) -> DetectorChange | None:
        detector = Detector.from_json(snapshot, config=config)
        ended = None
        if model_key == alarm.model_key and detector.alarm is not None:
            ended = ended_by(detector.dismiss(at=at, by=by, why=why))
        elif not detector.dismiss_shadow(alarm.model_key, at=at, by=by, why=why):
            return None
        return DetectorChange(detector.to_json(), detector.status().to_json(), ended)

    return store.detectors.dismiss(alarm_id, dismiss, who=by, why=why)
