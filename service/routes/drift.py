"""Has the mix of classes moved, since when, how sure is that, and what is it compared with?"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from monitoring.errors import UnknownModel
from monitoring.freezing import freeze_baseline
from service.exchange import Call
from service.routes.models import Name, current_key
from service.watch import UNWATCHED


class Freeze(Struct, frozen=True, forbid_unknown_fields=True):
    """Who declares the recent traffic normal, and why; `force` also during an alarm."""

    by: Name
    why: Annotated[str, Meta(max_length=1_000)] = ""
    force: bool = False


def get_drift(call: Call) -> object:
    """Return the state of the detector of the version in force, or of `?model=name@version`."""
    store = call.worker.state.store()
    key = call.query.get("model") or current_key(call)
    detector = call.worker.settings.monitoring().watcher.detector
    try:
        row = store.detectors.get(key)
    except UnknownModel:
        # A version in force without traffic is warming up; any other key is a mistake of the client.
        if key != current_key(call):
            raise
        row = None
    status = {**UNWATCHED, "threshold": detector.threshold} if row is None else dict(row.status)
    return {
        "model": key,
        **{name: value for name, value in status.items() if name not in ("categories", "alarm")},
        "classes": [_named(each) for each in status["categories"]],
        "alarm": _alarm(status["alarm"]),
        "watcher_lag_seconds": store.lag(),
    }


def get_history(call: Call) -> object:
    """Return the closed buckets and the alarms of a version, oldest bucket and newest alarm first."""
    store = call.worker.state.store()
    key = call.query.get("model") or current_key(call)
    limit = call.whole_number("limit", default=1_000, low=1, high=10_000)
    since = call.whole_number("since", default=0, low=0, high=10**11)
    return {
        "model": key,
        "classes": store.counts.classes(key),
        "buckets": [
            {
                "seq": each.seq,
                "start": each.start,
                "end": each.end,
                "state": each.state,
                "statistic": each.statistic,
                "threshold": each.threshold,
                "counts": each.counts,
            }
            for each in store.counts.history(key, since=float(since), limit=limit)
        ],
        "alarms": [
            {
                "id": each.id,
                "raised_at": each.raised_at,
                "cleared_at": each.cleared_at,
                "batch": each.batch_id,
                "batch_note": each.batch_note,
                "finding": _alarm(each.finding.to_json()),
            }
            for each in store.alarms.list(key)
        ],
    }


def post_baseline(call: Call) -> object:
    """Make the recent traffic the baseline; the act is in the audit trail."""
    asked = call.json(Freeze)
    key = current_key(call)
    return freeze_baseline(
        call.worker.state.store(),
        key,
        config=call.worker.settings.monitoring().watcher.detector,
        clock=call.worker.clock,
        by=asked.by,
        why=asked.why,
        force=asked.force,
    )


def _named(category: dict[str, Any]) -> dict[str, Any]:
    """Return a category as the interface spells it."""
    return {"class": category["name"], **{k: v for k, v in category.items() if k != "name"}}


def _alarm(finding: dict[str, Any] | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    return {**finding, "classes": [_named(each) for each in finding["classes"]]}
