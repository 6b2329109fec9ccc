"""How does a person announce a change, so that it raises no alarm? From any process, like a new baseline.

A version's detector holds what is expected. Until a first closed bucket starts one, what is announced of a
version is kept for it.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from model_store.bundles.bundle import ModelKey
from monitoring.clock import Clock
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.detection.expectation import Expectation, with_expected, without_expected
from monitoring.errors import ExpectationRefused
from monitoring.scanning.windows import drift_categories
from monitoring.store import DetectorChange, Store
from monitoring.store.announcements import Edit

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
    classes: Sequence[str] | None = None,
) -> Sequence[Mapping[str, Any]]:
    """Leave a class out of all tests until then, audited; return everything that is expected now.

    Parameters
    ----------
    classes : optional
        The model's own, where it is known to exist: then it needs no traffic.

    Raises
    ------
    ExpectationRefused
        There is no such class, or `until`, UTC seconds, is past or too far ahead.
    UnknownModel
        The model never had traffic, and `classes` are not given.
    """
    at = clock.now()
    if not at < until <= at + LONGEST_SECONDS:
        days = LONGEST_SECONDS / 86_400
        raise ExpectationRefused(
            f"until: expected a time after now and within {days:g} days; repeat it later if needed"
        )
    known = store.counts.classes(model_key) if classes is None else tuple(classes)
    expected = Expectation(category, at, until, by, why)

    def expect(detector: Detector) -> None:
        detector.expect(**expected.to_json())

    return _change(
        store,
        model_key,
        expect,
        lambda announced: with_expected(announced, expected, categories=drift_categories(known)),
        config=config,
        who=by,
        action="expect_change",
        details={"class": category, "until": until, "why": why},
    )


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
    """

    def end(detector: Detector) -> None:
        detector.unexpect(category, at=clock.now())

    return _change(
        store,
        model_key,
        end,
        lambda announced: without_expected(announced, category),
        config=config,
        who=by,
        action="end_expectation",
        details={"class": category, "why": why},
    )


def _change(
    store: Store,
    model_key: ModelKey,
    edit: Callable[[Detector], None],
    announce: Edit,
    *,
    config: DetectorConfig,
    who: str,
    action: str,
    details: Mapping[str, object],
) -> Sequence[Mapping[str, Any]]:
    """Change what the version's detector expects or, before it has one, what is announced to it."""
    announced = store.announcements.change(model_key, announce, who=who, action=action, details=details)
    if announced is not None:
        return [each.to_json() for each in announced]

    def change(snapshot: Mapping[str, Any]) -> DetectorChange:
        detector = Detector.from_json(snapshot, config=config)
        edit(detector)
        return DetectorChange(detector.to_json(), detector.status().to_json())

    row = store.detectors.change(model_key, change, who=who, action=action, details=details)
    if row is None:
        raise ExpectationRefused(f"the detector of {model_key} was removed at this moment; try again")
    expectations: Sequence[Mapping[str, Any]] = row.status["expectations"]
    return expectations
