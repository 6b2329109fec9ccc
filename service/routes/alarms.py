"""What is behind an alarm, who looks after it, and was it one at all?"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from monitoring.answering import acknowledge, call_false
from monitoring.rendering import alarm_json
from monitoring.store import Alarm, Example, Store
from service.exchange import JSON_TYPE, Call, Content
from service.routes.models import Name, Reason

ITEMS_SHOWN: Final = 20


class Acknowledge(Struct, frozen=True, forbid_unknown_fields=True):
    """Who looks after an alarm, and what they are about to do."""

    by: Name
    why: Reason | None = None


class FalseAlarm(Struct, frozen=True, forbid_unknown_fields=True):
    """Who says that nothing had moved, and how they know."""

    by: Name
    why: Reason


def get_alarm(call: Call) -> object:
    """Return one alarm with up to 20 items behind it; they are there for a day."""
    store = call.worker.state.store()
    alarm = store.alarms.get(call.path["alarm"])
    items = [_item(each) for each in store.examples.behind(alarm, limit=ITEMS_SHOWN)]
    body = msgspec.json.encode({**_shown(store, alarm), "items": items}, enc_hook=dict)
    # Items are somebody's words: no cache on the way keeps them.
    return Content(body, JSON_TYPE, {"Cache-Control": "no-store"})


def post_acknowledge(call: Call) -> object:
    """Record that somebody looks after the alarm; who said so first stays."""
    said, store = call.json(Acknowledge), call.worker.state.store()
    return _shown(store, acknowledge(store, call.path["alarm"], by=said.by, why=said.why or ""))


def post_false(call: Call) -> object:
    """Record that nothing had moved; an open alarm ends, and detection starts anew from its baseline."""
    said, store = call.json(FalseAlarm), call.worker.state.store()
    alarm = call_false(
        store,
        call.path["alarm"],
        config=call.worker.settings.monitoring().watcher.detector,
        clock=call.worker.clock,
        by=said.by,
        why=said.why,
    )
    return _shown(store, alarm)


def _shown(store: Store, alarm: Alarm) -> dict[str, Any]:
    row = store.detectors.get(alarm.model_key) if alarm.is_open else None
    return alarm_json(alarm, strongest=None if row is None else row.status.get("strongest"))


def _item(example: Example) -> dict[str, Any]:
    return {
        "key": example.key,
        "id": example.item_id,
        "source": example.source,
        "at": example.at,
        "class": example.category,
        "probability": example.probability,
        "text": example.text,
    }
