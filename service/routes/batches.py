"""Which batches wait for labels, how far is each, and how is one made or closed by hand?"""

import uuid
from collections import Counter
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from model_store.bundles.bundle import read_bundle
from monitoring.errors import BatchRefused
from monitoring.waves.agreement import agreement_of
from monitoring.waves.batches import Batch, BatchSummary
from monitoring.waves.carried import draws_taken
from monitoring.waves.emission import drawn_of, emit_by_hand
from monitoring.waves.facts import facts_of
from service.exchange import Call
from service.problems import FieldInvalid
from service.routes.labels import agreement_json
from service.routes.models import Name, current_key
from service.values import MOST_EXPLORED, MOST_ITEMS, MOST_LABELERS, MOST_WATCHED


class NewBatch(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants a batch, which classes it is about, its most items, and how many people label each.

    With `explore` it is that many items drawn at random, or as many as a proposal lacks to be certified. An
    `audit` is drawn by how probable the watched classes are.
    """

    by: Name
    watched: Annotated[list[Name], Meta(max_length=MOST_WATCHED)] = []
    size: Annotated[int, Meta(ge=1, le=MOST_ITEMS)] | None = None
    overlap: Annotated[int, Meta(ge=1, le=MOST_LABELERS)] | None = None
    mode: Literal["mixed", "audit"] = "mixed"
    explore: Annotated[int, Meta(ge=1, le=MOST_EXPLORED)] | None = None
    for_proposal: Name | None = None


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
    config = worker.settings.monitoring().watcher
    if asked.mode == "audit" and not asked.watched:
        raise FieldInvalid("$.watched", "expected the class, or classes, that an audit is about")
    if asked.mode == "audit" and (asked.explore or asked.for_proposal):
        raise FieldInvalid("$.mode", "expected mixed with explore or for_proposal: an audit proves nothing")
    explore = _explored(call, asked)
    batch = emit_by_hand(
        worker.state.store(),
        key,
        facts=facts_of(bundle, on_failure=worker.note_failure),
        config=config,
        clock=worker.clock,
        idempotency_key=call.idempotency_key or uuid.uuid4().hex,
        who=asked.by,
        watched=asked.watched,
        size=asked.size,
        overlap=asked.overlap,
        mode=asked.mode,
        explore=explore,
        about={} if asked.for_proposal is None else {"proposal": asked.for_proposal},
    )
    detail = _detail(call, batch)
    drawn = sum(each["draws"] for each in detail["manifest"]["sources"].values())
    if explore is not None and explore > drawn:
        of = drawn_of(detail["manifest"]["epochs"].get("since"))
        fewer = (
            f"{explore} explored items were asked for; {drawn} could be drawn {of}, within the labels that "
            "are left of today's"
        )
        detail["notes"] = [fewer, *detail["notes"]]
    if asked.size is not None and asked.size > config.batch_size:
        limit = f"{asked.size} items were asked for; SEAMARK_BATCH_SIZE allows {config.batch_size}"
        detail["notes"] = [limit, *detail["notes"]]
    return detail


def _explored(call: Call, asked: NewBatch) -> int | None:
    """Return how many items are to be drawn at random, if the batch is to be nothing else."""
    if asked.for_proposal is None:
        return asked.explore
    if asked.explore is not None:
        raise FieldInvalid("$.explore", "expected without for_proposal, which says how many")
    proposal = call.worker.state.store().proposals.get(asked.for_proposal)
    lacking: int | None = proposal.comparison.get("explored_labels_needed")
    if not lacking:
        raise BatchRefused(
            "no_items", f"no number of explored labels is known that proposal {proposal.id} lacks"
        )
    return lacking


def post_close(call: Call) -> object:
    """Close a batch nobody will finish: what is not labelled counts as skipped."""
    store = call.worker.state.store()
    store.batches.close(call.path["batch"], at=call.worker.clock.now(), who=call.json(Close).by)
    return _detail(call, call.path["batch"])


def get_batch(call: Call) -> object:
    """Return one batch: its progress, how far its labelers agree, and its manifest, without items."""
    return _detail(call, call.path["batch"])


def _detail(call: Call, batch_id: str) -> dict[str, Any]:
    store = call.worker.state.store()
    batch = store.batches.get(batch_id)
    annotations = store.labels.of(batch_id)
    states = Counter(item.state for item in batch.items)
    return {
        **_identity(batch),
        "items": len(batch.items),
        **{state: states[state] for state in ("open", "labelled", "skipped")},
        "leased": store.batches.leased(batch_id),
        "agreement": agreement_json(agreement_of(annotations.values(), batch.classes)),
        "notes": _notes(batch),
        "manifest": batch.manifest,
    }


def _notes(batch: Batch) -> list[str]:
    """Say which draws are items of other batches, and that a batch is smaller than asked for, and why."""
    carried = sum(bool(each.get("carried")) for each in draws_taken(batch))
    notes = (
        [f"{carried} draws are items of other batches, word for word: their labels count here too"]
        if carried
        else []
    )
    asked = batch.manifest.get("batch_size")
    if batch.manifest.get("mode") == "audit" or not isinstance(asked, int):
        return notes
    if len(batch.items) + carried >= asked:
        return notes
    return [
        *notes,
        f"the batch has {len(batch.items)} items and not {asked}: no more of the traffic in question is new, "
        "unlike the others and fit to be shown; manifest.left_out says what was left out",
    ]


def _progress(batch: BatchSummary) -> dict[str, Any]:
    return {
        **_identity(batch),
        "reason": batch.reason,
        "items": batch.n_open + batch.n_labelled + batch.n_skipped,
        "open": batch.n_open,
        "labelled": batch.n_labelled,
        "skipped": batch.n_skipped,
        "leased": batch.n_leased,
    }


def _identity(batch: Batch | BatchSummary) -> dict[str, Any]:
    return {
        "id": batch.id,
        "alarm": batch.alarm_id,
        "model": batch.model_key,
        "created_at": batch.created_at,
        "state": batch.state,
        "overlap": batch.overlap,
    }
