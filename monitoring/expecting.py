"""How does a person announce a change, so that it raises no alarm? From any process, like a new baseline."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.errors import ExpectationRefused
from monitoring.store import DetectorChange, Store

LONGEST_SECONDS: Final = 92 * 86_400.0  # nobody remembers what was muted longer ago


def expect_change(
    store: Store,
    model_key: ModelKey,
    category: str,
    *,
    until: float,
    config: DetectorConfig,
    clock: Clock,
    by: str,
    why: str,
) -> Sequence[Mapping[str, Any]]:
    """Leave a class out of all tests until then, audited; return everything that is expected now.

    Raises
    ------
    ExpectationRefused
        There is no such class or no closed bucket yet, or `until`, UTC seconds, is past or too far ahead.
    UnknownModel
        The model never had traffic.
    """
    at = clock.now()
    if not at < until <= at + LONGEST_SECONDS:
        days = LONGEST_SECONDS / 86_400
        raise ExpectationRefused(
            f"until: expected a time after now and within {days:g} days; repeat it later if needed"
        )

    def expect(detector: Detector) -> None:
        detector.expect(category, at=at, until=until, by=by, why=why)

    details = {"class": category, "until": until, "why": why}
    return _change(store, model_key, expect, config=config, who=by, action="expect_change", details=details)


def end_expectation(
    store: Store,
    model_key: ModelKey,
    category: str,
    *,
    config: DetectorConfig,
    clock: Clock,
    by: str,
    why: str,
) -> Sequence[Mapping[str, Any]]:
    """Watch a class again before its expectation is over, audited; return what is still expected.

    Raises
    ------
    ExpectationRefused
        Nothing is expected of that class.
    UnknownModel
        The model never had traffic.
    """

    def end(detector: Detector) -> None:
        detector.unexpect(category, at=clock.now())

    details = {"class": category, "why": why}
    return _change(store, model_key, end, config=config, who=by, action="end_expectation", details=details)


def _change(
    store: Store,
    model_key: ModelKey,
    edit: Callable[[Detector], None],
    *,
    config: DetectorConfig,
    who: str,
    action: str,
    details: Mapping[str, object],
) -> Sequence[Mapping[str, Any]]:
    def change(snapshot: Mapping[str, Any]) -> DetectorChange:
        detector = Detector.from_json(snapshot, config=config)
        edit(detector)
        return DetectorChange(detector.to_json(), detector.status().to_json())

    row = store.detectors.change(model_key, change, who=who, action=action, details=details)
    if row is None:
        raise ExpectationRefused(f"{model_key} has no closed bucket yet; wait for traffic")
    expectations: Sequence[Mapping[str, Any]] = row.status["expectations"]
    return expectations
