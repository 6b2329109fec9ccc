"""How do labels come back, what do they come to, and which of them do labelers disagree about?"""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from monitoring.handover import settled
from monitoring.waves.agreement import Agreement, agreed, agreement_of
from monitoring.waves.labels import LabelRow, NoteCode, last_words
from monitoring.waves.returns import parse_labels
from service.exchange import JSON_TYPE, Call, Content
from service.problems import FieldInvalid
from service.routes.leases import shown
from service.routes.models import answers_of

LABEL_TYPES: Final = (
    "application/json",
    "application/jsonl",
    "application/x-ndjson",
    "text/csv",
    "application/vnd.apache.parquet",
)
FILES: Final = {
    "jsonl": ("application/x-ndjson", settled.write_jsonl),
    "csv": ("text/csv; charset=utf-8", settled.write_csv),
}
FILE_TYPES: Final = tuple(media_type for media_type, _ in FILES.values())
# Items are somebody's words: no cache on the way keeps them.
_NOT_KEPT: Final = {"Cache-Control": "no-store"}
_NOTES: Final[dict[NoteCode, str]] = {
    "lease_over": "the lease is over; the label counts all the same",
    "taken_by_another": "the lease is over and somebody else has the item; the label counts as a further one",
    "other_since": "the same person said something else in a later row, of this posting or an earlier "
    "one, which holds; to change it back, send the row with an annotation_id or updated_at of its own",
}


def post_labels(call: Call) -> object:
    """Store labels; those known already count as repeated, bad rows are named with the reason."""
    store = call.worker.state.store()
    batch = call.path["batch"]
    parsed = parse_labels(call.body, batch=batch, annotator=call.query.get("annotator"))
    receipt = store.labels.accept(batch, parsed.rows, at=call.worker.clock.now())
    whole = parsed.complete(receipt)
    call.worker.metrics.count_labels(
        accepted=whole.accepted, repeated=whole.repeated, rejected=len(whole.rejected)
    )
    return {
        "accepted": whole.accepted,
        "repeated": whole.repeated,
        "rejected": [each._asdict() for each in whole.rejected],
        "notes": [{"row": row, "code": code, "note": _NOTES[code]} for row, code in whole.notes],
    }


def get_labels(call: Call) -> object:
    """Return the settled labels of all batches as a file that fit and refit read."""
    form = call.query.get("format", "jsonl")
    if form not in FILES:
        raise FieldInvalid("query.format", f"expected one of {', '.join(FILES)}")
    media_type, write = FILES[form]
    model, batch = call.query.get("model"), call.query.get("batch")
    store = call.worker.state.store()
    # A misspelt name is no empty file.
    if model is not None:
        answers_of(call, model)
    if batch is not None:
        store.batches.get(batch)
    found = store.labelled.read(
        model_keys=None if model is None else {model}, batch_ids=None if batch is None else {batch}
    )
    named = {"Content-Disposition": f'attachment; filename="labels.{form}"'}
    return Content(write(found), media_type, named | _NOT_KEPT)


def get_disagreements(call: Call) -> object:
    """Return the items whose labelers disagree and nobody decided, and how far labelers agree by class."""
    store = call.worker.state.store()
    batch = store.batches.get(call.path["batch"])
    annotations = store.labels.of(batch.id)
    disputed = [
        shown(batch, item) | _said(item.label, annotations[item.key])
        for item in batch.items
        if _disputed(annotations.get(item.key, ()))
    ]
    reply = {
        "batch": batch.id,
        "items": disputed,
        "agreement": agreement_json(agreement_of(annotations.values(), batch.classes)),
    }
    return Content(msgspec.json.encode(reply), JSON_TYPE, _NOT_KEPT)


def agreement_json(found: Agreement) -> dict[str, Any]:
    """Return how far labelers agree, class by class."""
    return {
        "items": found.items,
        "equal": found.equal,
        "alpha": found.alpha,
        "classes": [
            {"class": each.name, "given": each.given, "agreement": each.agreement, "alpha": each.alpha}
            for each in found.classes
        ],
    }


def _disputed(rows: Sequence[LabelRow]) -> bool:
    return not agreed(rows) and not any(row.adjudicated for row in rows)


def _said(label: object, rows: Sequence[LabelRow]) -> dict[str, Any]:
    return {
        "label": label,
        "labels": [
            {"annotator": row.annotator, "label": row.label, "skipped": row.skipped}
            for row in last_words(rows)
        ],
    }
