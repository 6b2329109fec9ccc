"""Has the mix of classes moved, since when, how sure is that, and what is it compared with?"""

from typing import Annotated

from msgspec import Meta, Struct

from monitoring.freezing import freeze_baseline
from monitoring.status import history, status
from service.exchange import Call
from service.routes.models import Name, current_key


class Freeze(Struct, frozen=True, forbid_unknown_fields=True):
    """Who declares the recent traffic normal, and why; `force` also during an alarm."""

    by: Name
    why: Annotated[str, Meta(max_length=1_000)] = ""
    force: bool = False


def get_drift(call: Call) -> object:
    """Return the state of the detector of the version in force, or of `?model=name@version`."""
    key, config = _key(call), call.worker.settings.monitoring().watcher.detector
    current = call.worker.swapper.current
    bundle = current.model.bundle if current is not None and current.model.key == key else None
    # A version in force without traffic is warming up; any other key is a mistake of the client.
    return status(
        call.worker.state.store(),
        key,
        config=config,
        classes=None if bundle is None else bundle.policy.classes,
        validation=None if bundle is None else bundle.reference.counts,
    )


def get_history(call: Call) -> object:
    """Return the newest closed buckets of a version, oldest first, and its alarms."""
    since = call.whole_number("since", default=0, low=0, high=10**11)
    limit = call.whole_number("limit", default=1_000, low=1, high=10_000)
    return history(call.worker.state.store(), _key(call), since=float(since), limit=limit)


def post_baseline(call: Call) -> object:
    """Make the recent traffic the baseline; the act is in the audit trail."""
    asked = call.json(Freeze)
    return freeze_baseline(
        call.worker.state.store(),
        current_key(call),
        config=call.worker.settings.monitoring().watcher.detector,
        clock=call.worker.clock,
        by=asked.by,
        why=asked.why,
        force=asked.force,
    )


def _key(call: Call) -> str:
    return call.query.get("model") or current_key(call)
