"""Which batches wait for labels, how far is each, and how is one made or closed by hand?"""

import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct

from model_store.bundles.bundle import read_bundle
from monitoring.errors import BatchRefused
from monitoring.meaning.wording import number_of
from monitoring.waves.agreement import agreement_of
from monitoring.waves.batches import Batch, BatchSummary
from monitoring.waves.carried import draws_taken
from monitoring.waves.emission import drawn_of, emit_by_hand
from monitoring.waves.facts import facts_of
from service.exchange import Call
from service.problems import FieldInvalid
from service.routes.labels import agreement_json
from service.routes.models import MaybeReason, Name, current_key
from service.values import MOST_EXPLORED, MOST_ITEMS, MOST_LABELERS, MOST_WATCHED

_LEFT_OUT: Final = {
    "near_duplicates": "are nearly the same as another",
    "already_taken": "are like one drawn at random, or were known or handed out before",
    "draws_already_taken": "are like one drawn at random, or were known or handed out before",
    "without_text_or_id": "have no text and id to show",
    "draws_without_text_or_id": "have no text and id to show",
}

_NO_TEXTS: Final = (
    "it holds ids and no texts (SEAMARK_KEEP_TEXT=none, or past SEAMARK_RETENTION_DAYS): "
    "join them with your own data before anybody labels"
)


class NewBatch(Struct, frozen=True, forbid_unknown_fields=True):
    """Who wants a batch, which classes it is about, its most items, and how many people label each.

    With `explore` it is that many items drawn at random, or as many as a proposal lacks to be certified, and
    there is no `size` beside it. An `audit` is drawn by how probable the watched classes are.
    """

    by: Name
    why: MaybeReason = ""
    watched: Annotated[list[Name], Meta(max_length=MOST_WATCHED)] = []
    size: Annotated[int, Meta(ge=1, le=MOST_ITEMS)] | None = None
    overlap: Annotated[int, Meta(ge=1, le=MOST_LABELERS)] | None = None
    mode: Literal["mixed", "audit"] = "mixed"
    explore: Annotated[int, Meta(ge=1, le=MOST_EXPLORED)] | None = None
    for_proposal: Name | None = None


class Close(Struct, frozen=True, forbid_unknown_fields=True):
    """Who closes a batch, and why."""

    by: Name
    why: MaybeReason = ""


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
    if asked.size is not None and (asked.explore or asked.for_proposal):
        raise FieldInvalid("$.size", "expected without explore or for_proposal, which say how many items")
    explore = _explored(call, asked)
    batch = emit_by_hand(
        worker.state.store(),
        key,
        facts=facts_of(bundle, on_failure=worker.note_failure),
        config=config,
        clock=worker.clock,
        idempotency_key=call.idempotency_key or uuid.uuid4().hex,
        who=asked.by,
        why=asked.why,
        watched=asked.watched,
        size=asked.size,
        overlap=asked.overlap,
        mode=asked.mode,
        explore=explore,
        about={} if asked.for_proposal is None else {"proposal": asked.for_proposal},
    )
    detail = _detail(call, batch, explore=explore)
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
    asked = call.json(Close)
    store.batches.close(call.path["batch"], at=call.worker.clock.now(), who=asked.by, why=asked.why)
    return _detail(call, call.path["batch"])


def get_batch(call: Call) -> object:
    """Return one batch: its progress, how far its labelers agree, and its manifest, without items."""
    return _detail(call, call.path["batch"])


def _detail(call: Call, batch_id: str, *, explore: int | None = None) -> dict[str, Any]:
    """Return what is told of a batch; `explore` is how many items drawn at random it was asked for."""
    store = call.worker.state.store()
    batch = store.batches.get(batch_id)
    annotations = store.labels.of(batch_id)
    states = Counter(item.state for item in batch.items)
    return {
        **_identity(batch),
        "items": len(batch.items),
        **{state: states[state] for state in ("open", "labelled", "skipped")},
        "leased": store.batches.leased(batch_id),
        "closed_by": store.batches.closed_by(batch_id),
        "agreement": agreement_json(agreement_of(annotations.values(), batch.classes)),
        "notes": [
            *_notes(batch, explore, per_day=call.worker.settings.labels_per_day),
            *([_NO_TEXTS] if all(item.text is None for item in batch.items) else []),
        ],
        "manifest": batch.manifest,
    }


def _notes(batch: Batch, explore: int | None, *, per_day: int) -> list[str]:
    """Say that a batch is smaller than asked for, and why, and which draws are items of other batches."""
    carried = sum(bool(each.get("carried")) for each in draws_taken(batch))
    taken = number_of(carried, "draw is an item", "draws are items")
    notes = [f"{taken} of other batches, word for word: their labels count here too"] if carried else []
    asked = batch.manifest.get("batch_size")
    if batch.manifest.get("mode") == "audit" or not isinstance(asked, int):
        return notes
    if explore is not None and (limits := list(_limits(batch.manifest, explore, per_day=per_day))):
        return [f"{explore} explored items were asked for: {'; '.join(limits)}", *notes]
    if len(batch.items) <= asked <= len(batch.items) + carried:
        return notes
    why = _no_more(batch.manifest) if len(batch.items) < asked else "each source has a draw of its own"
    return [*notes, f"the batch has {number_of(len(batch.items), 'item')} and not {asked}: {why}"]


def _limits(manifest: Mapping[str, Any], explore: int, *, per_day: int) -> Iterator[str]:
    """Say what left fewer draws than were asked for: the day's labels, the traffic, or both."""
    within_labels: int = manifest["batch_size"]
    drawn = sum(each["draws"] for each in manifest["sources"].values())
    if within_labels < explore:
        yield f"the labels left of today's {per_day} (SEAMARK_LABELS_PER_DAY) do for {within_labels}"
    if drawn < within_labels:
        of = drawn_of(manifest["epochs"].get("since"))
        yield f"no more than {drawn} can be drawn {of} so far, and more traffic gives more"


def _no_more(manifest: Mapping[str, Any]) -> str:
    """Say why a batch has no more items: how many candidates are none of it, and every reason there may be.

    The manifest counts by reason, a drawn item among what is like it: those counts have no sum to be told.
    """
    given, items, left_out = manifest["candidates"]["given"], manifest["items"], manifest["left_out"]
    said = list(dict.fromkeys(words for reason, words in _LEFT_OUT.items() if left_out.get(reason)))
    if given <= items or not said:
        return "its traffic has no more"
    *others, last = ["are one of them again", "are held for random draws only", *said]
    which = f"{items} of the {given} candidates in its traffic are in it"
    return f"{which}, the others {', '.join(others)}, or {last}"


def _progress(batch: BatchSummary) -> dict[str, Any]:
    return {
        **_identity(batch),
        "reason": batch.reason,
        "items": batch.n_open + batch.n_labelled + batch.n_skipped,
        "open": batch.n_open,
        "labelled": batch.n_labelled,
        "skipped": batch.n_skipped,
        "leased": batch.n_leased,
        "closed_by": batch.closed_by,
    }


def _identity(batch: Batch | BatchSummary) -> dict[str, Any]:
    return {
        "id": batch.id,
        "alarm": batch.alarm_id,
        "model": batch.model_key,
        "created_at": batch.created_at,
        "state": batch.state,
        "closed_at": batch.closed_at,
        "overlap": batch.overlap,
    }
