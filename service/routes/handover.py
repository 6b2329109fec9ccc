"""How does a data team get a batch: the items in the form its tool takes, its settings, the manifest?"""

from typing import Final

from monitoring import handover
from monitoring.handover import FORMS, File, FormUnavailable
from monitoring.waves.batches import Batch
from service.exchange import Call, Content
from service.problems import FieldInvalid

# Items are somebody's words: no cache on the way keeps them.
_NOT_KEPT: Final = {"Cache-Control": "no-store"}
SETTINGS: Final = {name: form.settings for name, form in FORMS.items() if form.settings is not None}
ITEM_TYPES: Final = tuple(dict.fromkeys(form.items.media_type for form in FORMS.values()))
SETTINGS_TYPES: Final = ("application/xml", "application/json")


def get_items(call: Call) -> object:
    """Return the items in the form a labeling tool takes."""
    name = call.query.get("format", "jsonl")
    form = FORMS.get(name)
    if form is None:
        raise FieldInvalid("query.format", f"expected one of {', '.join(FORMS)}")
    batch = _batch(call)
    try:
        body = handover.export(batch, name)
    except FormUnavailable as error:
        raise FieldInvalid("query.format", f"expected one this server can write: {error}") from None
    return _file(batch, form.items, body, _NOT_KEPT)


def get_manifest(call: Call) -> object:
    """Return how the items were chosen, with size and digest of each form of them."""
    return Content(handover.manifest(_batch(call)), "application/json")


def get_labeling_config(call: Call) -> object:
    """Return the settings of a labeling tool that fit a batch: classes, and how many of them an item has."""
    name = call.query.get("tool", "label_studio")
    settings = SETTINGS.get(name)
    if settings is None:
        raise FieldInvalid("query.tool", f"expected one of {', '.join(SETTINGS)}")
    batch = _batch(call)
    return _file(batch, settings, settings.write(batch), {})


def _file(batch: Batch, file: File, body: bytes, headers: dict[str, str]) -> Content:
    named = {"Content-Disposition": f'attachment; filename="{batch.id}.{file.ending}"'}
    return Content(body, file.media_type, named | headers)


def _batch(call: Call) -> Batch:
    return call.worker.state.store().batches.get(call.path["batch"])
