"""How does a person say what normal traffic is? From any process, whatever the watcher is doing."""

from collections.abc import Mapping
from typing import Any

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.errors import BaselineRefused
from monitoring.store import DetectorChange, Ended, Store
from monitoring.store.audit import FREEZE_BASELINE


def freeze_baseline(
    store: Store,
    model_key: ModelKey,
    *,
    config: DetectorConfig,
    clock: Clock,
    by: str,
    why: str,
    force: bool = False,
) -> Mapping[str, Any]:
    """Make the model's recent traffic its baseline, audited; return the baseline as JSON.

    A watcher that is closing a bucket meanwhile reads again, so neither change is lost.

    Raises
    ------
    BaselineRefused
        Too little traffic, or an alarm is open and `force` is not given; nothing was changed.
    UnknownModel
        The model never had traffic.
    """
    at = clock.now()

    def freeze(snapshot: Mapping[str, Any]) -> DetectorChange:
        detector = Detector.from_json(snapshot, config=config)
        is_first = detector.baseline is None or detector.baseline.kind == "provisional"
        cleared = detector.freeze(at=at, by=by, why=why, force=force)
        return DetectorChange(
            snapshot=detector.to_json(),
            status=detector.status().to_json(),
            ended=None if cleared is None else Ended(at, "baseline", cleared.strongest),
            idle_since=detector.baseline.start if is_first and detector.baseline is not None else None,
        )

    row = store.detectors.change(
        model_key, freeze, who=by, action=FREEZE_BASELINE, details={"why": why, "force": force}
    )
    if row is None:
        raise BaselineRefused(f"{model_key} has no closed bucket yet; wait for more traffic")
    baseline: Mapping[str, Any] = row.status["baseline"]
    return baseline
