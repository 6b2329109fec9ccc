"""Has the mix of classes moved, since when, how sure is that, and what is it compared with?"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from msgspec import Meta, Struct, field

from model_store.bundles.bundle import Bundle
from model_store.policy import NO_CLASS
from monitoring.detection.detector import Detector, DetectorConfig
from monitoring.detection.plan import RATIOS, measured_rate, plan, plan_ahead
from monitoring.errors import UnknownModel
from monitoring.expecting import end_expectation, expect_change
from monitoring.freezing import freeze_baseline
from monitoring.scanning.windows import drift_categories
from monitoring.status import expectations_json, history, status
from service.exchange import Call
from service.problems import FieldInvalid
from service.routes.models import MaybeReason, Name, Reason, answers_of, current_key
from service.values import LATEST_SECOND, MAX_FACTOR

Moment = Annotated[datetime, Meta(tz=True)] | Annotated[float, Meta(gt=0, lt=LATEST_SECOND)]


class Freeze(Struct, frozen=True, forbid_unknown_fields=True):
    """Who declares the recent traffic normal, and why; `force` also during an alarm."""

    by: Name
    why: MaybeReason = ""
    force: bool = False


class Expect(Struct, frozen=True, forbid_unknown_fields=True):
    """Which class will move until when, as RFC 3339 or seconds since 1970, and who says so why."""

    until: Moment
    by: Name
    why: Reason
    category: Name = field(name="class")


class ExpectEnd(Struct, frozen=True, forbid_unknown_fields=True):
    """Which class is watched again before its time, and who says so."""

    by: Name
    category: Name = field(name="class")
    why: MaybeReason = ""


def get_drift(call: Call) -> object:
    """Return the state of the detector of the version in force, or of `?model=name@version`."""
    key = _key(call)
    classes, task = answers_of(call, key)
    bundle = _bundle(call, key)
    return status(
        call.worker.state.store(),
        key,
        config=_config(call),
        classes=classes,
        task=task,
        validation=None if bundle is None else bundle.reference.counts,
    )


def get_history(call: Call) -> object:
    """Return the newest closed buckets of a version, oldest first, and its alarms."""
    since = call.whole_number("since", default=0, low=0, high=LATEST_SECOND)
    limit = call.whole_number("limit", default=1_000, low=1, high=10_000)
    key = _key(call)
    classes, _ = answers_of(call, key)
    return history(call.worker.state.store(), key, since=float(since), limit=limit, classes=classes)


def get_plan(call: Call) -> object:
    """Return after how many items, and how long, a change of each class would be noticed."""
    key, config = current_key(call), _config(call)
    factor = call.number("factor", above=0.0, most=MAX_FACTOR)
    if factor == 1.0:
        raise FieldInvalid("query.factor", "expected a number other than 1, which is no change")
    ratios: Sequence[float] = RATIOS if factor is None else (factor,)
    detector, bundle = _detector(call, key, config), _bundle(call, key)
    baseline = None if detector is None else detector.baseline
    if detector is not None and baseline is not None and (baseline.kind == "frozen" or bundle is None):
        found = plan(detector, ratios=ratios)
    elif bundle is not None:
        names, counts = (*bundle.policy.classes, NO_CLASS), bundle.reference.counts
        rate = None if baseline is None else measured_rate(baseline)
        found = plan_ahead(names, counts, config=config, ratios=ratios, items_per_second=rate)
    else:
        raise UnknownModel(key, call.worker.state.store().counts.models())
    shown = found.to_json()
    return {"model": key, **shown, "rows": _of_class(call, shown["rows"])}


def post_baseline(call: Call) -> object:
    """Make the recent traffic the baseline; the act is in the audit trail."""
    asked = call.json(Freeze)
    return freeze_baseline(
        call.worker.state.store(),
        current_key(call),
        config=_config(call),
        clock=call.worker.clock,
        by=asked.by,
        why=asked.why,
        force=asked.force,
    )


def post_expectation(call: Call) -> object:
    """Leave a class out of all tests until a planned change is over; the act is in the audit trail."""
    asked, key = call.json(Expect), _key(call)
    classes, _ = answers_of(call, key)
    _require_class(asked.category, drift_categories(classes), at="$.class")
    until = asked.until.timestamp() if isinstance(asked.until, datetime) else asked.until
    expected = expect_change(
        call.worker.state.store(),
        key,
        asked.category,
        until=until,
        config=_config(call),
        clock=call.worker.clock,
        by=asked.by,
        why=asked.why,
        classes=classes,
    )
    return {"model": key, "expectations": expectations_json(expected)}


def post_expectation_end(call: Call) -> object:
    """Watch a class again before the time that was told; the act is in the audit trail."""
    asked, key = call.json(ExpectEnd), _key(call)
    classes, _ = answers_of(call, key)
    _require_class(asked.category, drift_categories(classes), at="$.class")
    expected = end_expectation(
        call.worker.state.store(),
        key,
        asked.category,
        config=_config(call),
        clock=call.worker.clock,
        by=asked.by,
        why=asked.why,
    )
    return {"model": key, "expectations": expectations_json(expected)}


def _key(call: Call) -> str:
    return call.query.get("model") or current_key(call)


def _config(call: Call) -> DetectorConfig:
    return call.worker.settings.monitoring().watcher.detector


def _bundle(call: Call, key: str) -> Bundle | None:
    """Return the bundle of a version that this worker runs."""
    current = call.worker.swapper.current
    return current.model.bundle if current is not None and current.model.key == key else None


def _detector(call: Call, key: str, config: DetectorConfig) -> Detector | None:
    try:
        row = call.worker.state.store().detectors.get(key)
    except UnknownModel:
        return None
    return None if row is None else Detector.from_json(row.snapshot, config=config)


def _require_class(name: str, allowed: Sequence[str], *, at: str) -> None:
    """Refuse a class that is none of the allowed ones; `at` is the place of the name in the request."""
    if name not in allowed:
        raise FieldInvalid(at, f"expected one of {', '.join(allowed)}")


def _of_class(call: Call, rows: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    wanted = call.query.get("class")
    if wanted is None:
        return rows
    _require_class(wanted, list(dict.fromkeys(row["class"] for row in rows)), at="query.class")
    return [row for row in rows if row["class"] == wanted]
