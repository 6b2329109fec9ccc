"""Which items wait for labels, how does a data team get them, and how do the labels come back?"""

import uuid
from collections import Counter
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from model_store.bundles.bundle import read_bundle
from monitoring.waves.batches import Batch, BatchSummary
from monitoring.waves.emission import emit_by_hand, facts_of
from monitoring.waves.returns import parse_labels
from service.exchange import Call
from service.problems import FieldInvalid
from service.routes.models import Name, current_key

LABEL_TYPES: Final = (
    "application/json",
    "application/jsonl",
    "application/x-ndjson",
    "text/csv",
    "application/vnd.apache.parquet",
)


class NewBatch(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants a batch, which classes it is about, and how many items it holds at most."""

    by: Name
    watched: Annotated[list[Name], Meta(max_length=32)] = []
    size: Annotated[int, Meta(ge=1, le=5_000)] | None = None


class Close(Struct, frozen=True, forbid_unknown_fields=True):
    """Who closes a batch."""

    by: Name


def list_batches(call: Call) -> object:
    """Return every batch with its progress, newest first, without items."""
    limit = call.whole_number("limit", default=100, low=1, high=1_000)
    return {"batches": [_progress(each) for each in call.worker.state.store().batches.list(limit=limit)]}


def post_batch(call: Call) -> object:
    """Make a batch from the last day's traffic; the same Idempotency-Key gives the same batch."""
    asked, worker, key = call.json(NewBatch), call.worker, current_key(call)
    bundle = read_bundle(worker.models.path_of(key))
    for index, each in enumerate(asked.watched):
        if each not in bundle.policy.classes:
            raise FieldInvalid(f"$.watched[{index}]", f"expected one of {', '.join(bundle.policy.classes)}")
    batch = emit_by_hand(
        worker.state.store(),
        key,
        facts=facts_of(bundle),
        config=worker.settings.monitoring().watcher,
        clock=worker.clock,
        idempotency_key=call.idempotency_key or uuid.uuid4().hex,
        who=asked.by,
        watched=asked.watched,
        size=asked.size,
    )
    return _detail(worker.state.store().batches.get(batch))


def post_close(call: Call) -> object:
    """Close a batch nobody will finish: what is not labelled counts as skipped."""
    store = call.worker.state.store()
    store.batches.close(call.path["batch"], at=call.worker.clock.now(), who=call.json(Close).by)
    return _detail(_batch(call))


def get_batch(call: Call) -> object:
    """Return one batch: its progress and its manifest, without items."""
    return _detail(_batch(call))


def _detail(batch: Batch) -> dict[str, Any]:
    states = Counter(item.state for item in batch.items)
    return {
        **_identity(batch),
        "items": len(batch.items),
        **{state: states[state] for state in ("open", "labelled", "skipped")},
        "manifest": batch.manifest,
    }


def post_labels(call: Call) -> object:
    """Store labels; those known already count as repeated, bad rows are named with the reason."""
    store = call.worker.state.store()
    parsed = parse_labels(call.body)
    receipt = store.labels.accept(call.path["batch"], parsed.rows, at=call.worker.clock.now())
    whole = parsed.complete(receipt)
    call.worker.metrics.count_labels(
        accepted=whole.accepted, repeated=whole.repeated, rejected=len(whole.rejected)
    )
    return {
        "accepted": whole.accepted,
        "repeated": whole.repeated,
        "rejected": [each._asdict() for each in whole.rejected],
    }


def _progress(batch: BatchSummary) -> dict[str, Any]:
    return {
        **_identity(batch),
        "reason": batch.reason,
        "items": batch.n_open + batch.n_labelled + batch.n_skipped,
        "open": batch.n_open,
        "labelled": batch.n_labelled,
        "skipped": batch.n_skipped,
    }


def _identity(batch: Batch | BatchSummary) -> dict[str, Any]:
    return {
        "id": batch.id,
        "alarm": batch.alarm_id,
        "model": batch.model_key,
        "created_at": batch.created_at,
        "state": batch.state,
    }


def _batch(call: Call) -> Batch:
    return call.worker.state.store().batches.get(call.path["batch"])
