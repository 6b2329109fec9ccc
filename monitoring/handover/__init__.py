"""In which form does a batch travel to the labelers: seven of them, the same bytes on every pull."""

import hashlib

from model_store.bundles.canonical import canonical_json
from monitoring.handover.forms import FORMS, File, Form
from monitoring.waves.batches import Batch

__all__ = ["FORMS", "File", "Form", "FormUnavailable", "export", "labeling_config", "manifest"]


class FormUnavailable(ValueError):
    """A package that writes a form is not installed; str() says which."""


def export(batch: Batch, form: str) -> bytes:
    """Return the items by rank in one of `FORMS`.

    Raises
    ------
    ValueError
        There is no such form; FormUnavailable when a package for it is not installed.
    """
    found = FORMS.get(form)
    if found is None:
        raise ValueError(f"batch format {form!r}: expected one of {', '.join(FORMS)}")
    if not found.available:
        raise FormUnavailable(f"batch format {form!r} needs {found.needs}; install seamark[{form}]")
    return found.items.write(batch)


def labeling_config(batch: Batch, form: str = "label_studio") -> bytes:
    """Return the tool's settings that fit the items of a form; ValueError for one that takes none."""
    settings = FORMS[form].settings if form in FORMS else None
    if settings is None:
        takers = (name for name, each in FORMS.items() if each.settings is not None)
        raise ValueError(f"settings for {form!r}: expected one of {', '.join(takers)}")
    return settings.write(batch)


def manifest(batch: Batch) -> bytes:
    """Return how the batch was chosen, as JSON, and size and sha256 of each file that can be pulled."""
    files = {name: export(batch, name) for name, form in FORMS.items() if form.available}
    settings = {
        "labeling_config" if name == "label_studio" else f"{name}_settings": labeling_config(batch, name)
        for name, form in FORMS.items()
        if form.settings is not None
    }
    return canonical_json(
        {
            **batch.manifest,
            "batch": batch.id,
            "alarm": batch.alarm_id,
            "model": batch.model_key,
            "created_at": batch.created_at,
            "files": {
                name: {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}
                for name, body in (files | settings).items()
            },
        }
    )
