"""How does a labeler get items that nobody else has meanwhile, and give back what they do not get to?"""

import json
import uuid
from collections.abc import Mapping
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from monitoring.handover.record import timestamp
from monitoring.waves.batches import Batch, BatchItem
from monitoring.waves.leasing import ItemLease, lease_id
from service.exchange import Call
from service.routes.models import Name
from service.values import MAX_LEASE_ITEMS, MAX_LEASE_MINUTES

SECONDS_PER_MINUTE: Final = 60.0


class NewLease(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants items to label, how many at most, and for how long."""

    who: Name
    size: Annotated[int, Meta(ge=1, le=MAX_LEASE_ITEMS)] = 20
    minutes: Annotated[float, Meta(gt=0, le=MAX_LEASE_MINUTES)] = 60.0


class Release(Struct, frozen=True, forbid_unknown_fields=True):
    """What is left of a lease goes back; there is nothing to say about it."""


def post_lease(call: Call) -> object:
    """Give somebody the next free items of a batch; the same Idempotency-Key gives the same lease."""
    asked, batch_id = call.json(NewLease), call.path["batch"]
    store, key = call.worker.state.store(), call.idempotency_key or uuid.uuid4().hex
    size, seconds = asked.size, asked.minutes * SECONDS_PER_MINUTE
    lease = store.item_leases.lease(
        batch_id,
        lease_id=lease_id(batch_id, asked.who, key, size=size, seconds=seconds),
        who=asked.who,
        size=size,
        seconds=seconds,
    )
    batch = store.batches.get(batch_id)
    return {
        "batch": batch_id,
        "who": asked.who,
        **_held(batch, lease),
        "open": sum(item.state == "open" for item in batch.items),
        "leased": store.batches.leased(batch_id),
    }


def post_release(call: Call) -> object:
    """Give back what a lease still holds, so that others get it; releasing again changes nothing."""
    call.json(Release)
    released = call.worker.state.store().item_leases.release(call.path["batch"], call.path["lease"])
    return {"batch": call.path["batch"], "lease": call.path["lease"], "released": released}


def _held(batch: Batch, lease: ItemLease | None) -> dict[str, Any]:
    if lease is None:
        return {"lease": None, "leased_at": None, "expires_at": None, "items": []}
    return {
        "lease": lease.id,
        "leased_at": lease.leased_at,
        "expires_at": lease.expires_at,
        "items": [shown(batch, item) | {"predicted": _predicted(item)} for item in lease.items],
    }


def shown(batch: Batch, item: BatchItem) -> dict[str, Any]:
    """Return what a labeler may see of an item before the label: no slice, no stratum, no score."""
    seen: dict[str, Any] = {
        "key": item.key,
        "id": item.item_id,
        "source": item.source,
        "time": timestamp(item.at),
    }
    if batch.input_kind == "text":
        return seen | {"text": item.text}
    found = None if item.text is None else json.loads(item.text)
    return seen | {"features": found if isinstance(found, Mapping) else None}


def _predicted(item: BatchItem) -> object:
    """Return what the model answered, of a drawn item nothing: its label must owe nothing to the model."""
    return None if item.stratum == "exploration" else item.predicted
