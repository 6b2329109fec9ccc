"""Which items wait for labels, how does a data team get them, and how do the labels come back?"""

from collections import Counter
from typing import Any, Final

from monitoring import handover
from monitoring.batches import Batch, BatchSummary
from monitoring.handover.label_studio import write_config
from monitoring.labels import parse_labels
from service.exchange import Call, Content
from service.problems import FieldInvalid

LABEL_TYPES: Final = ("application/json", "application/jsonl", "application/x-ndjson", "text/csv")


def list_batches(call: Call) -> object:
    """Return every batch with its progress, newest first, without items."""
    limit = call.whole_number("limit", default=100, low=1, high=1_000)
    return {"batches": [_progress(each) for each in call.worker.state.store().batches.list(limit=limit)]}


def get_batch(call: Call) -> object:
    """Return one batch: its progress and its manifest, without items."""
    batch = _batch(call)
    states = Counter(item.state for item in batch.items)
    return {
        "id": batch.id,
        "alarm": batch.alarm_id,
        "model": batch.model_key,
        "created_at": batch.created_at,
        "state": batch.state,
        "items": len(batch.items),
        **{state: states[state] for state in ("open", "labelled", "skipped")},
        "manifest": batch.manifest,
    }


def get_items(call: Call) -> object:
    """Return the items in the form a labeling tool takes."""
    form, batch = _form(call), _batch(call)
    headers = {
        "Content-Disposition": f'attachment; filename="{batch.id}-{handover.file_name(form)}"',
        # Items are somebody's words: no cache on the way keeps them.
        "Cache-Control": "no-store",
    }
    return Content(handover.export(batch, form), handover.media_type(form), headers)


def get_manifest(call: Call) -> object:
    """Return how the items were chosen, with the digest of the files of `?format=`."""
    return Content(handover.package(_batch(call), _form(call))["manifest.json"], "application/json")


def get_labeling_config(call: Call) -> object:
    """Return the labeling configuration for Label Studio."""
    return Content(write_config(_batch(call)), "application/xml")


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
        "id": batch.id,
        "alarm": batch.alarm_id,
        "model": batch.model_key,
        "created_at": batch.created_at,
        "state": batch.state,
        "reason": batch.reason,
        "items": batch.n_open + batch.n_labelled + batch.n_skipped,
        "open": batch.n_open,
        "labelled": batch.n_labelled,
        "skipped": batch.n_skipped,
    }


def _form(call: Call) -> handover.Format:
    wanted = call.query.get("format", "jsonl")
    for form in handover.FORMATS:
        if form == wanted:
            return form
    raise FieldInvalid("query.format", f"expected one of {', '.join(handover.FORMATS)}")


def _batch(call: Call) -> Batch:
    return call.worker.state.store().batches.get(call.path["batch"])
